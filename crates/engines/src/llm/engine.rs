use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kernels::{KvFormat, Precision, Threads, ThreadsOptions};
use llm::EngineOptions;
use parking_lot::Mutex;
use serving::{Engine, LoadError, LoadSpec, Loaded};

use super::backend::TextBackend;

/// The file that a version folder holds if the configuration names none.
const DEFAULT_FILE: &str = "model.gguf";

/// How language models are run, unless a model's own configuration says otherwise.
#[derive(Clone, Debug)]
pub struct LanguageOptions {
    /// Threads that compute, for all models together.
    pub threads: NonZeroUsize,
    /// What weights are kept as.
    pub precision: Precision,
    /// What keys and values are kept as.
    pub kv_format: KvFormat,
    /// Bytes for keys and values of each model; memory that is not used is not taken.
    pub kv_bytes: usize,
    /// Tokens that prompt and answer may have together; `None` is what the model was made for.
    pub context_length: Option<usize>,
    /// Sequences that run at a time.
    pub sequences_max: usize,
    /// Tokens of one step.
    pub step_tokens_max: usize,
    /// Requests that may wait.
    pub queue_requests_max: usize,
    /// Tokens of prompts that may wait.
    pub queue_tokens_max: usize,
    /// Whether tokens are guessed and checked together where that pays.
    pub speculation: bool,
    /// Whether prompts that begin alike share what was computed.
    pub prefix_cache: bool,
    /// A step that takes longer makes the model not ready.
    pub step_duration_max: Duration,
}

/// The engine of `.gguf` files and folders of `.safetensors`.
#[derive(Debug)]
pub struct LanguageEngine {
    options: LanguageOptions,
    /// Started with the first model, so that a server without one has no such threads.
    threads: Mutex<Option<Arc<Threads>>>,
}

impl LanguageEngine {
    /// An engine whose models share their threads.
    #[must_use]
    pub fn new(options: LanguageOptions) -> Self {
        Self { options, threads: Mutex::default() }
    }

    fn threads(&self) -> Result<Arc<Threads>, LoadError> {
        let mut slot = self.threads.lock();
        if let Some(threads) = &*slot {
            return Ok(Arc::clone(threads));
        }
        let threads = Threads::new(ThreadsOptions::new(self.options.threads))
            .map_err(|error| LoadError::Engine(format!("threads that compute: {error}")))?;
        Ok(Arc::clone(slot.insert(Arc::new(threads))))
    }

    fn engine_options(&self) -> Result<EngineOptions, LoadError> {
        let options = &self.options;
        Ok(EngineOptions {
            threads: self.threads()?,
            precision: options.precision,
            kv_format: options.kv_format,
            kv_bytes: options.kv_bytes,
            context_length: options.context_length,
            sequences_max: options.sequences_max,
            step_tokens_max: options.step_tokens_max,
            queue_requests_max: options.queue_requests_max,
            queue_tokens_max: options.queue_tokens_max,
            speculation: options.speculation,
            prefix_cache: options.prefix_cache,
        })
    }
}

impl Engine for LanguageEngine {
    fn name(&self) -> &'static str {
        "llm"
    }

    fn platform(&self) -> &'static str {
        "hone_llm"
    }

    fn default_model_filename(&self) -> &'static str {
        DEFAULT_FILE
    }

    fn find(&self, path: &Path) -> Option<PathBuf> {
        find(path)
    }

    fn load(&self, spec: &LoadSpec) -> Result<Loaded, LoadError> {
        let engine = llm::Engine::load(&spec.path, self.engine_options()?)
            .map_err(|error| LoadError::Model(with_causes(&error)))?;
        let backend = TextBackend::start(&spec.name, engine, &self.options)?;
        Ok(Loaded::Backend(Arc::new(backend)))
    }

    fn release_memory(&self) {
        crate::release_memory();
    }
}

/// A `.gguf` file, the one that a folder holds, or a folder with `config.json` and weights.
pub(super) fn find(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return is_gguf(path).then(|| path.to_owned());
    }
    let own = path.join(DEFAULT_FILE);
    if own.is_file() {
        return Some(own);
    }
    if path.join("config.json").is_file() {
        return Some(path.to_owned());
    }
    let files = path.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = files.filter(|path| is_gguf(path)).collect();
    (files.len() == 1).then(|| files.remove(0))
}

/// An error with what caused it, on one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

#[cfg(test)]
mod tests;
