use std::fmt;

use super::{Discovery, EngineError, Search, discover, library::Library};
use crate::cpu_features;

/// What `hone engines` prints: libraries found, the one in use, and what it can run on.
#[derive(Debug)]
pub struct Survey {
    /// Libraries found.
    pub discovery: Discovery,
    /// Execution providers of the chosen library, or why it cannot be used.
    pub providers: Result<Vec<String>, EngineError>,
    /// Instruction sets of the CPU.
    pub cpu_features: Vec<&'static str>,
}

impl Survey {
    /// Looks for libraries, and loads the one that would be used.
    #[must_use]
    pub fn new(search: &Search) -> Self {
        let discovery = discover(search);
        let providers = match discovery.chosen() {
            Some(chosen) => Library::load(chosen).map(|library| library.providers().to_vec()),
            None => Err(discovery.failure(search)),
        };
        Self { discovery, providers, cpu_features: cpu_features() }
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "onnxruntime")?;
        let chosen = self.discovery.chosen().map(|candidate| &candidate.path);
        for candidate in &self.discovery.candidates {
            let mark = if Some(&candidate.path) == chosen { '*' } else { ' ' };
            let version = candidate.version.as_deref().unwrap_or("?");
            let (source, path) = (candidate.source, candidate.path.display());
            write!(f, "  {mark} {version:<8} {source:<18} {path}")?;
            match &candidate.problem {
                Some(problem) => writeln!(f, " (not usable: {problem})")?,
                None => writeln!(f)?,
            }
        }
        match &self.providers {
            Ok(providers) => writeln!(f, "  * is used; it runs on: {}", providers.join(", "))?,
            Err(error) => writeln!(f, "  {error}")?,
        }
        writeln!(f, "CPU: {}", self.cpu_features.join(" "))
    }
}
