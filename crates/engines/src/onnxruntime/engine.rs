use std::sync::Arc;

use parking_lot::Mutex;
use serving::{Engine, ExecutorFactory, LoadError, LoadSpec, Loaded, NamedTensor};

use super::{
    EngineError, EngineProfile, ProfileError, ProfileOptions, Search, discovery,
    factory::{Factory, Model},
    library::Library,
    profile,
};

/// The engine. Its library is looked for and loaded when the first model is, so that a server
/// without ONNX models neither needs nor pays for it.
#[derive(Debug)]
pub struct OnnxRuntime {
    search: Search,
    library: Mutex<Option<Arc<Library>>>,
}

impl OnnxRuntime {
    /// An engine that will look for its library where `search` says.
    ///
    /// # Errors
    ///
    /// A library that is named explicitly cannot be used.
    pub fn new(search: Search) -> Result<Self, EngineError> {
        if search.library.is_some() || search.environment_library.is_some() {
            discovery::find(&search)?;
        }
        Ok(Self { search, library: Mutex::new(None) })
    }

    /// Runs a model some times and says where the time went, node by node. `inputs` are given to
    /// it whole, the batch's dimension included.
    ///
    /// # Errors
    ///
    /// See [`ProfileError`].
    pub fn profile(
        &self,
        spec: &LoadSpec,
        inputs: &[NamedTensor],
        options: &ProfileOptions,
    ) -> Result<EngineProfile, ProfileError> {
        let library = self.library().map_err(|error| LoadError::Engine(error.to_string()))?;
        profile::profile(&library, spec, inputs, options)
    }

    /// Loads the library if that has not happened. A failure is not remembered: the library may
    /// be installed while the server runs.
    fn library(&self) -> Result<Arc<Library>, EngineError> {
        let mut slot = self.library.lock();
        if let Some(library) = &*slot {
            return Ok(Arc::clone(library));
        }
        let library = Library::load(&discovery::find(&self.search)?)?;
        Ok(Arc::clone(slot.insert(library)))
    }
}

impl Engine for OnnxRuntime {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn platform(&self) -> &'static str {
        "onnxruntime_onnx"
    }

    fn default_model_filename(&self) -> &'static str {
        "model.onnx"
    }

    fn load(&self, spec: &LoadSpec) -> Result<Loaded, LoadError> {
        let library = self.library().map_err(|error| LoadError::Engine(error.to_string()))?;
        let factory = Factory::new(Model::load(library, spec)?);
        tracing::debug!(model = spec.name, version = spec.version, "{}", factory.description());
        Ok(Loaded::Executors(Arc::new(factory)))
    }

    fn release_memory(&self) {
        crate::release_memory();
    }
}
