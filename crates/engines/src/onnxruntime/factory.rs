//! A loaded model, and the instances that it hands out.

use std::{
    ffi::CString,
    fmt,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use serving::{Executor, ExecutorFactory, LoadError, LoadSpec, Signature, TextEncoder};

use super::{
    executor::SessionExecutor, library::Library, model, runs::Runs, session, sessions::Sessions,
    settings::Settings, signature, text,
};

/// The library's name of the memory that sessions on the CPU grow.
const CPU_ARENA: &str = "cpu:0";

/// A loaded version of a model.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) library: Arc<Library>,
    pub(super) signature: Signature,
    pub(super) input_names: Vec<CString>,
    pub(super) output_names: Vec<CString>,
    pub(super) sessions: Sessions,
    text_encoder: Option<Arc<dyn TextEncoder>>,
    settings: Settings,
    /// On the CPU, and without loops.
    has_steady_runs: bool,
}

/// Hands out a model's executors.
pub(super) struct Factory {
    model: Arc<Model>,
    /// Of each instance, by its number.
    runs: Mutex<Vec<Weak<Runs>>>,
}

impl Model {
    pub(super) fn load(library: Arc<Library>, spec: &LoadSpec) -> Result<Self, LoadError> {
        let settings = Settings::new(&spec.config, spec.intra_op_threads)?;
        Self::open(library, spec, settings)
    }

    /// Loads with settings that the configuration does not say.
    pub(super) fn open(
        library: Arc<Library>,
        spec: &LoadSpec,
        settings: Settings,
    ) -> Result<Self, LoadError> {
        let description = model::check(&spec.path)?;
        let description = description.as_ref();
        let memory_pattern =
            settings.memory_pattern.unwrap_or_else(|| session::has_fixed_shapes(description));
        let sessions = Sessions::open(&library, spec, &settings, memory_pattern)?;
        let signature = signature::signature(sessions.of_instance(0), description, &spec.config)?;
        let has_loops = description.is_none_or(model::has_loops);
        Ok(Self {
            input_names: signature::c_names(&signature.inputs)?,
            output_names: signature::c_names(&signature.outputs)?,
            has_steady_runs: sessions.are_plain() && !has_loops,
            text_encoder: text::find(&spec.path, &signature),
            library,
            signature,
            sessions,
            settings,
        })
    }

    fn description(&self) -> String {
        let threads = self.settings.intra_op_threads;
        let plural = if threads == 1 { "" } else { "s" };
        let (version, places) = (self.library.version(), self.sessions.places());
        let own = format!("onnxruntime {version} on {places}, {threads} thread{plural} per run");
        [&[own][..], self.sessions.notes()].concat().join("; ")
    }

    fn runs(&self) -> Result<Runs, ort::Error> {
        let always = self.settings.arena_shrinkage.as_deref();
        let shrinks = self.settings.arena && self.sessions.are_plain();
        Runs::new(always, shrinks.then_some(CPU_ARENA))
    }
}

impl Factory {
    pub(super) fn new(model: Model) -> Self {
        Self { model: Arc::new(model), runs: Mutex::new(Vec::new()) }
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").field("model", &self.model).finish_non_exhaustive()
    }
}

impl ExecutorFactory for Factory {
    fn signature(&self) -> &Signature {
        &self.model.signature
    }

    fn description(&self) -> String {
        self.model.description()
    }

    fn has_steady_runs(&self) -> bool {
        self.model.has_steady_runs
    }

    fn text_encoder(&self) -> Option<Arc<dyn TextEncoder>> {
        self.model.text_encoder.clone()
    }

    /// Replacing an instance ends its run, should it be in one: at the next node of the graph.
    fn executor(&self, instance: usize) -> Result<Box<dyn Executor>, LoadError> {
        let failed = |error: ort::Error| LoadError::Engine(error.to_string());
        let own = Arc::new(self.model.runs().map_err(failed)?);
        let mut runs = self.runs.lock();
        if runs.len() <= instance {
            runs.resize(instance + 1, Weak::new());
        }
        let previous = std::mem::replace(&mut runs[instance], Arc::downgrade(&own));
        if let Some(previous) = previous.upgrade() {
            previous.end().map_err(failed)?;
        }
        Ok(Box::new(SessionExecutor::new(Arc::clone(&self.model), instance, own)))
    }
}
