use std::{
    collections::BTreeMap,
    ffi::CString,
    fmt,
    path::Path,
    sync::{Arc, Weak},
};

use ort::session::Session;
use parking_lot::Mutex;
use serving::{Engine, Executor, ExecutorFactory, LoadError, LoadSpec, Loaded, Signature};

use super::{
    EngineError, Search,
    accelerators::{self, Provider, ProviderKind},
    discovery,
    executor::SessionExecutor,
    library::Library,
    model,
    placement::{self, Device},
    runs::Runs,
    session,
    settings::{MissingAccelerator, Settings},
    signature,
};

/// The library's name of the memory that all sessions on the CPU grow.
const CPU_ARENA: &str = "cpu:0";

/// The engine. Its library is looked for and loaded when the first model is, so that a server
/// without ONNX models neither needs nor pays for it.
#[derive(Debug)]
pub struct OnnxRuntime {
    search: Search,
    library: Mutex<Option<Arc<Library>>>,
}

/// A loaded version of a model: its session on each device, shared by the instances there.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) library: Arc<Library>,
    pub(super) signature: Signature,
    pub(super) input_names: Vec<CString>,
    pub(super) output_names: Vec<CString>,
    settings: Settings,
    sessions: BTreeMap<Device, Arc<Session>>,
    /// Devices of the instances, by instance number; more instances begin again.
    devices: Vec<Device>,
    /// What the description has to add.
    notes: Vec<String>,
    /// On the CPU, and without loops.
    has_steady_runs: bool,
}

/// Hands out a model's executors.
struct Factory {
    model: Arc<Model>,
    /// Of each instance, by its number.
    runs: Mutex<Vec<Weak<Runs>>>,
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
        let model = Arc::new(Model::load(library, spec)?);
        tracing::debug!(model = spec.name, version = spec.version, "{}", model.description());
        let runs = Mutex::new(Vec::new());
        Ok(Loaded::Executors(Arc::new(Factory { model, runs })))
    }

    fn release_memory(&self) {
        crate::release_memory();
    }
}

impl Model {
    fn load(library: Arc<Library>, spec: &LoadSpec) -> Result<Self, LoadError> {
        let settings = Settings::new(&spec.config, spec.intra_op_threads)?;
        let description = model::check(&spec.path)?;
        let has_cuda = library.has(ProviderKind::Cuda);
        let gpus = if has_cuda { placement::gpu_count() } else { 0 };
        let devices = placement::devices(&spec.config, gpus)?;
        let memory_pattern = settings
            .memory_pattern
            .unwrap_or_else(|| session::has_fixed_shapes(description.as_ref()));
        let (mut sessions, mut notes) = (BTreeMap::new(), Vec::new());
        for device in &devices {
            if sessions.contains_key(device) {
                continue;
            }
            let providers = accelerators::providers(&spec.config, *device)?;
            let opening = Opening { library: &library, spec, settings: &settings, memory_pattern };
            let session = opening.open(&providers, &mut notes)?;
            sessions.insert(*device, Arc::new(session));
        }
        let any = sessions.values().next().expect("there is a device, so there is a session");
        let signature = signature::signature(any, description.as_ref(), &spec.config)?;
        let input_names = signature::c_names(&signature.inputs)?;
        let output_names = signature::c_names(&signature.outputs)?;
        Ok(Self {
            library,
            signature,
            input_names,
            output_names,
            settings,
            sessions,
            has_steady_runs: devices.iter().all(|device| *device == Device::Cpu)
                && description.as_ref().is_some_and(|model| !model::has_loops(model)),
            devices,
            notes,
        })
    }

    fn description(&self) -> String {
        let devices: Vec<_> = self.sessions.keys().map(Device::to_string).collect();
        let threads = self.settings.intra_op_threads;
        let plural = if threads == 1 { "" } else { "s" };
        let own = format!(
            "onnxruntime {} on {}, {threads} thread{plural} per run",
            self.library.version(),
            devices.join(" and ")
        );
        [&[own][..], &self.notes].concat().join("; ")
    }

    pub(super) fn session(&self, instance: usize) -> &Arc<Session> {
        &self.sessions[&self.devices[instance % self.devices.len()]]
    }

    fn runs(&self) -> Result<Runs, ort::Error> {
        let always = self.settings.arena_shrinkage.as_deref();
        let has_gpu = self.sessions.keys().any(|device| *device != Device::Cpu);
        Runs::new(always, (self.settings.arena && !has_gpu).then_some(CPU_ARENA))
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

/// What it takes to make a session, but for its device.
struct Opening<'a> {
    library: &'a Library,
    spec: &'a LoadSpec,
    settings: &'a Settings,
    memory_pattern: bool,
}

impl Opening<'_> {
    /// Makes a session on `providers`, or, if some cannot be had and the model allows it, on the
    /// rest; adds to `notes` what was left out.
    fn open(&self, providers: &[Provider], notes: &mut Vec<String>) -> Result<Session, LoadError> {
        let (present, missing): (Vec<Provider>, Vec<Provider>) =
            providers.iter().cloned().partition(|provider| self.library.has(provider.kind));
        for provider in &missing {
            self.do_without(provider.kind, "the library is built without it", notes)?;
        }
        if let [first, ..] = &present[..] {
            match self.session(&present) {
                Ok(session) => return Ok(session),
                Err(error) => self.do_without(first.kind, &error, notes)?,
            }
        }
        self.session(&[])
            .map_err(|error| LoadError::Model(format!("{}: {error}", self.spec.path.display())))
    }

    fn session(&self, providers: &[Provider]) -> Result<Session, String> {
        let path: &Path = &self.spec.path;
        session::open(self.library, path, self.settings, self.memory_pattern, providers)
    }

    fn do_without(
        &self,
        kind: ProviderKind,
        why: &str,
        notes: &mut Vec<String>,
    ) -> Result<(), LoadError> {
        let (name, remedy) = (kind.name(), kind.remedy());
        if self.settings.missing_accelerator == MissingAccelerator::Refuse {
            return Err(LoadError::Config(format!(
                "{name} cannot be used ({why}) and the model refuses to run without: {remedy}, or \
                 set parameters.hone_missing_accelerator to fallback"
            )));
        }
        let note = format!("without {name}: {why}");
        if !notes.contains(&note) {
            let (model, version) = (&self.spec.name, self.spec.version);
            tracing::warn!(model, version, "running {note}; {remedy}");
            notes.push(note);
        }
        Ok(())
    }
}
