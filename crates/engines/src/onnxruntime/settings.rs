//! How a session is to be made: from the model's configuration, with defaults for a server, where
//! several runs share the cores.

use std::{collections::BTreeMap, fmt::Display, num::NonZeroUsize, path::PathBuf, str::FromStr};

use ort::session::builder::GraphOptimizationLevel;
use protocol::model_config::ModelConfig;
use serving::LoadError;

/// More threads than any machine has cores are a slip of the pen.
const THREADS_MAX: usize = 1024;
const OWN_PREFIX: &str = "hone_";
const MISSING_ACCELERATOR: &str = "hone_missing_accelerator";
/// Beginnings of the keys that are the library's own.
const ENTRIES: [&str; 4] = ["session.", "optimization.", "ep.", "mlas."];
const SPINNING: &str = "session.intra_op.allow_spinning";
const INTER_OP_SPINNING: &str = "session.inter_op.allow_spinning";
const WEIGHTS_APART: &str = "session.use_device_allocator_for_initializers";

/// Settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) optimization: Optimization,
    pub(super) intra_op_threads: usize,
    pub(super) inter_op_threads: usize,
    pub(super) parallel: bool,
    pub(super) arena: bool,
    /// `None` decides by the model: only where shapes do not vary.
    pub(super) memory_pattern: Option<bool>,
    /// Devices whose arenas give memory back after each run, such as `cpu:0`.
    pub(super) arena_shrinkage: Option<String>,
    /// The library's own configuration entries, `session.` and `ep.` and the like.
    pub(super) entries: BTreeMap<String, String>,
    pub(super) missing_accelerator: MissingAccelerator,
    /// Beginning of the file that the library writes its profile to, if it is to make one.
    pub(super) trace: Option<PathBuf>,
}

/// How far the graph is rewritten before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Optimization {
    Disabled,
    Basic,
    Extended,
    All,
}

/// What to do where an accelerator that the configuration asks for cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingAccelerator {
    /// Run on the CPU, and say so.
    Fallback,
    /// Do not load the model.
    Refuse,
}

impl Settings {
    /// Reads the parts of a model's configuration that concern the session.
    ///
    /// # Errors
    ///
    /// A value that means nothing; the message names the field and what would be right.
    pub(super) fn new(config: &ModelConfig, intra_op: NonZeroUsize) -> Result<Self, LoadError> {
        let parameters = Parameters(config);
        let threads = |key, default| {
            Ok::<_, LoadError>(match parameters.number(key, 0..=THREADS_MAX)? {
                None | Some(0) => default,
                Some(threads) => threads,
            })
        };
        Ok(Self {
            optimization: optimization(config)?,
            intra_op_threads: threads("intra_op_thread_count", intra_op.get())?,
            inter_op_threads: threads("inter_op_thread_count", 1)?,
            parallel: parameters.number("execution_mode", 0..=1)? == Some(1),
            arena: parameters.switch("enable_mem_arena")?.unwrap_or(true),
            memory_pattern: parameters.switch("enable_mem_pattern")?,
            arena_shrinkage: parameters
                .text("memory.enable_memory_arena_shrinkage")
                .map(str::to_owned),
            entries: parameters.entries(),
            missing_accelerator: parameters.missing_accelerator()?,
            trace: None,
        })
    }
}

impl From<Optimization> for GraphOptimizationLevel {
    fn from(level: Optimization) -> Self {
        match level {
            Optimization::Disabled => Self::Disable,
            Optimization::Basic => Self::Level1,
            Optimization::Extended => Self::Level2,
            Optimization::All => Self::All,
        }
    }
}

/// The numbers are Triton's: they do not rise with the level.
fn optimization(config: &ModelConfig) -> Result<Optimization, LoadError> {
    let graph = config.optimization.as_ref().and_then(|optimization| optimization.graph.as_ref());
    match graph.map_or(0, |graph| graph.level) {
        0 => Ok(Optimization::All),
        -1 => Ok(Optimization::Basic),
        1 => Ok(Optimization::Extended),
        2 => Ok(Optimization::Disabled),
        other => Err(LoadError::Config(format!(
            "optimization.graph.level is {other}; it must be 0 (all), 1 (extended), -1 (basic) \
             or 2 (none)"
        ))),
    }
}

/// The free-form parameters of a model's configuration.
#[derive(Clone, Copy)]
pub(super) struct Parameters<'a>(pub(super) &'a ModelConfig);

impl<'a> Parameters<'a> {
    pub(super) fn text(self, key: &str) -> Option<&'a str> {
        self.0.parameters.get(key).map(|parameter| parameter.string_value.trim())
    }

    /// A whole number within a range.
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        self,
        key: &str,
        range: std::ops::RangeInclusive<T>,
    ) -> Result<Option<T>, LoadError> {
        let Some(text) = self.text(key) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let (least, most) = (range.start(), range.end());
                Err(wrong(key, text, &format!("a whole number from {least} to {most}")))
            }
        }
    }

    fn switch(self, key: &str) -> Result<Option<bool>, LoadError> {
        match self.text(key) {
            None => Ok(None),
            Some("1" | "true") => Ok(Some(true)),
            Some("0" | "false") => Ok(Some(false)),
            Some(text) => Err(wrong(key, text, "0 or 1")),
        }
    }

    fn missing_accelerator(self) -> Result<MissingAccelerator, LoadError> {
        let is_unknown = |key: &&String| key.starts_with(OWN_PREFIX) && *key != MISSING_ACCELERATOR;
        if let Some(key) = self.0.parameters.keys().find(is_unknown) {
            return Err(LoadError::Config(format!(
                "parameters.{key} is not known; there is {MISSING_ACCELERATOR}"
            )));
        }
        match self.text(MISSING_ACCELERATOR) {
            None | Some("fallback") => Ok(MissingAccelerator::Fallback),
            Some("refuse") => Ok(MissingAccelerator::Refuse),
            Some(text) => Err(wrong(MISSING_ACCELERATOR, text, "fallback or refuse")),
        }
    }

    /// Entries for the library itself. Waiting threads sleep unless they are told to spin: beside
    /// other instances, spinning takes the cores that those compute on. Weights are allocated one
    /// by one: the arena grows in powers of two, and would keep up to half of that empty.
    fn entries(self) -> BTreeMap<String, String> {
        let own = [(SPINNING, "0"), (INTER_OP_SPINNING, "0"), (WEIGHTS_APART, "1")];
        let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let is_entry = |key: &str| ENTRIES.iter().any(|prefix| key.starts_with(prefix));
        let parameters = self.0.parameters.iter().filter(|(key, _)| is_entry(key));
        let given = parameters.map(|(key, value)| (key.clone(), value.string_value.clone()));
        own.into_iter().chain(given).collect()
    }
}

fn wrong(key: &str, value: &str, right: &str) -> LoadError {
    LoadError::Config(format!("parameters.{key} is '{value}'; it must be {right}"))
}

#[cfg(test)]
mod tests;
