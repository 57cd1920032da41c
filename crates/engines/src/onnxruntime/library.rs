//! The loaded library and its one environment, which live as long as the process.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
};

use ort::{environment::Environment, logging::LogLevel, memory::MemoryInfo};
use parking_lot::Mutex;

use crate::forbid_telemetry;

use super::{Candidate, EngineError, accelerators::ProviderKind, raw};

/// Where the library's own messages go.
const LOG_TARGET: &str = "onnxruntime";

/// The library of this process: there is one at most, and it is never unloaded.
static LOADED: Mutex<Option<Arc<Library>>> = Mutex::new(None);

/// A loaded library.
#[derive(Debug)]
pub(super) struct Library {
    path: PathBuf,
    version: String,
    environment: Environment,
    providers: Vec<String>,
    cpu_memory: MemoryInfo<'static>,
}

impl Library {
    /// Loads `candidate`, or returns it if it is loaded.
    pub(super) fn load(candidate: &Candidate) -> Result<Arc<Self>, EngineError> {
        let mut loaded = LOADED.lock();
        match &*loaded {
            Some(library) if library.path == candidate.path => Ok(Arc::clone(library)),
            Some(library) => Err(EngineError::OtherLoaded {
                loaded: library.path.clone(),
                wanted: candidate.path.clone(),
            }),
            None => {
                let library = Arc::new(Self::open(candidate)?);
                *loaded = Some(Arc::clone(&library));
                Ok(library)
            }
        }
    }

    fn open(candidate: &Candidate) -> Result<Self, EngineError> {
        let path = &candidate.path;
        if !forbid_telemetry() {
            tracing::warn!("onnxruntime may report its use: set ORT_DISABLE_TELEMETRY=1");
        }
        let failed = |message: String| EngineError::Load { path: path.clone(), message };
        // The binding panics where a library does not keep its interface's promises.
        let built = catch_unwind(AssertUnwindSafe(|| {
            let environment = ort::init_from(path)
                .map_err(|error| error.to_string())?
                .with_name("hone")
                .with_telemetry(false)
                .with_logger(Arc::new(log))
                .build()
                .map_err(|error| error.to_string())?;
            let providers = raw::available_providers().map_err(|error| error.to_string())?;
            let cpu_memory = raw::cpu_memory().map_err(|error| error.to_string())?;
            Ok((environment, providers, cpu_memory))
        }));
        let (environment, providers, cpu_memory) = built
            .unwrap_or_else(|_| Err("it is no usable build of ONNX Runtime".to_owned()))
            .map_err(failed)?;
        environment.set_log_level(log_level());
        let version = candidate.version.clone().unwrap_or_else(|| "of unknown version".to_owned());
        tracing::info!(path = %path.display(), version, ?providers, "loaded onnxruntime");
        Ok(Self { path: path.clone(), version, environment, providers, cpu_memory })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Names of the execution providers that the library was built with.
    pub(super) fn providers(&self) -> &[String] {
        &self.providers
    }

    /// Whether the library was built with an execution provider.
    pub(super) fn has(&self, kind: ProviderKind) -> bool {
        self.providers.iter().any(|name| name == kind.name())
    }

    pub(super) fn cpu_memory(&self) -> &MemoryInfo<'static> {
        &self.cpu_memory
    }
}

/// The library formats a message before it asks whether anyone wants it, so it is told beforehand.
fn log_level() -> LogLevel {
    if tracing::enabled!(target: LOG_TARGET, tracing::Level::TRACE) {
        LogLevel::Verbose
    } else if tracing::enabled!(target: LOG_TARGET, tracing::Level::DEBUG) {
        LogLevel::Warning
    } else {
        LogLevel::Fatal
    }
}

/// Failures are returned to the caller as well, so that here they are details.
fn log(level: LogLevel, category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Fatal => tracing::error!(target: LOG_TARGET, category, location, "{message}"),
        LogLevel::Error | LogLevel::Warning => {
            tracing::debug!(target: LOG_TARGET, category, location, "{message}");
        }
        LogLevel::Info | LogLevel::Verbose => {
            tracing::trace!(target: LOG_TARGET, category, location, "{message}");
        }
    }
}
