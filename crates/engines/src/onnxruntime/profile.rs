//! Where the time of a run goes, node by node, as the library's own profiler tells it.

mod cost;
mod trace;

use std::{collections::HashMap, fs, io, path::PathBuf, sync::Arc, time::Duration};

use serde::Serialize;
use serving::{
    BatchInput, BatchInputs, Clock, ComputeStamps, ExecuteError, Executor, ExecutorFactory,
    LoadError, LoadSpec, NamedTensor, Signature,
};
use smallvec::smallvec;

use super::{
    factory::{Factory, Model},
    library::Library,
    settings::Settings,
};
use trace::{NodeKey, Trace};

pub use cost::{Cost, Precision};

const UNPACKED: &str = "session.disable_prepacking";
/// The library writes no more events than a million, of about a kilobyte each.
const TRACE_BYTES_MAX: u64 = 256 << 20;
/// Enough for a good half of the runs to be quiet ones.
const TRACE_BYTES_WANTED: u64 = 64 << 20;

/// How long to look.
#[derive(Clone, Copy, Debug)]
pub struct ProfileOptions {
    /// Runs before those that count.
    pub warm_up_runs: u32,
    /// Runs that count, at most.
    pub runs_max: u32,
    /// Time for the runs that count, at most; there are three in any case.
    pub budget: Duration,
}

impl Default for ProfileOptions {
    fn default() -> Self {
        Self { warm_up_runs: 2, runs_max: 100, budget: Duration::from_secs(1) }
    }
}

/// Where the time of a run goes. Means over the faster half of the runs.
#[derive(Clone, Debug, Serialize)]
pub struct EngineProfile {
    /// Engine, version, device and threads.
    pub description: String,
    /// Runs that were made after the warm-up.
    pub runs: u32,
    /// Runs that count: the faster half.
    pub runs_counted: u32,
    /// A run as the engine sees it, in seconds.
    pub run_seconds: f64,
    /// All nodes of a run together, in seconds; what a run takes beyond it is the engine's own.
    pub nodes_seconds: f64,
    /// The nodes of the optimised graph, in the order in which they first ran.
    pub nodes: Vec<NodeProfile>,
}

/// One node of the optimised graph: it has the name that the optimiser gave it, which for a node
/// that was left alone is the model's.
#[derive(Clone, Debug, Serialize)]
pub struct NodeProfile {
    /// Name; not every optimisation gives one of its own to every node.
    pub name: String,
    /// Operator.
    pub operator: String,
    /// Execution provider.
    pub provider: String,
    /// Calls per run; more than one in a loop.
    pub calls: f64,
    /// Seconds per run, without those of nodes inside of it.
    pub seconds: f64,
    /// Inputs as of the first call, weights too.
    pub inputs: Vec<TensorShape>,
    /// Outputs as of the first call.
    pub outputs: Vec<TensorShape>,
    /// Work per run.
    pub cost: Cost,
}

/// Element type under the library's name for it, and dimensions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorShape {
    /// Such as `float`, `int64`, `float16`.
    pub element: String,
    /// Outermost first.
    pub dims: Vec<i64>,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The model cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The model does not run on these inputs.
    #[error("the model does not run on the inputs of the profile: {0}")]
    Run(#[from] ExecuteError),
    /// An input that the model does not have.
    #[error("the model has no input '{name}'; it has {known}")]
    UnknownInput {
        /// The name given.
        name: String,
        /// The model's names.
        known: String,
    },
    /// The profile cannot be stored for a moment.
    #[error("the engine's profile cannot be read back")]
    Io(#[from] io::Error),
    /// The library's profile is not what is known here.
    #[error("the engine's profile is not understood: {0}")]
    Trace(String),
    /// The model has too many nodes, or too many turns of a loop.
    #[error("the engine's profile has {bytes} bytes; {TRACE_BYTES_MAX} are read at most")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
}

/// Profiles a model: once as it is loaded without rearranging its weights, for every node's shapes
/// (the profiler does not list weights that were rearranged), then as it is served, for the times.
pub(super) fn profile(
    library: &Arc<Library>,
    spec: &LoadSpec,
    inputs: &[NamedTensor],
    options: &ProfileOptions,
) -> Result<EngineProfile, ProfileError> {
    let once = ProfileOptions { warm_up_runs: 0, runs_max: 1, budget: Duration::ZERO };
    let unpacked = Recording::make(library, spec, inputs, &once, true)?;
    let runs_max = TRACE_BYTES_WANTED / unpacked.bytes.max(1);
    let runs_max = options.runs_max.min(u32::try_from(runs_max).unwrap_or(u32::MAX)).max(1);
    let options = ProfileOptions { runs_max, ..*options };
    let served = Recording::make(library, spec, inputs, &options, false)?;
    Ok(combine(&unpacked.trace, &served))
}

/// Times from one recording, shapes and sizes from the other.
fn combine(unpacked: &Trace, served: &Recording) -> EngineProfile {
    let runs = served.trace.quiet_runs();
    let shapes: HashMap<NodeKey, _> = unpacked
        .nodes(&unpacked.quiet_runs())
        .into_iter()
        .map(|node| (node.key.clone(), node))
        .collect();
    let nodes: Vec<NodeProfile> = served
        .trace
        .nodes(&runs)
        .into_iter()
        .map(|timed| {
            let described = shapes.get(&timed.key).cloned().unwrap_or_else(|| timed.clone());
            timed.with_shapes_of(described, runs.len())
        })
        .collect();
    EngineProfile {
        description: served.description.clone(),
        runs: served.runs,
        runs_counted: u32::try_from(runs.len()).unwrap_or(u32::MAX),
        run_seconds: served.trace.run_seconds(&runs),
        nodes_seconds: nodes.iter().map(|node| node.seconds).sum(),
        nodes,
    }
}

/// What the library's profiler wrote about some runs.
struct Recording {
    trace: Trace,
    bytes: u64,
    runs: u32,
    description: String,
}

impl Recording {
    fn make(
        library: &Arc<Library>,
        spec: &LoadSpec,
        inputs: &[NamedTensor],
        options: &ProfileOptions,
        unpacked: bool,
    ) -> Result<Self, ProfileError> {
        let folder = tempfile::tempdir()?;
        let mut settings = Settings::new(&spec.config, spec.intra_op_threads)?;
        settings.trace = Some(folder.path().join("trace"));
        if unpacked {
            settings.entries.insert(UNPACKED.to_owned(), "1".to_owned());
        }
        let model = Model::open(Arc::clone(library), spec, settings)?;
        let factory = Factory::new(model);
        let description = factory.description();
        let runs = run_all(&factory, inputs, options)?;
        // The profile is written when the session ends.
        drop(factory);
        let (trace, bytes) = read(folder.path())?;
        let trace = trace.without_runs(options.warm_up_runs as usize);
        if trace.is_empty() {
            return Err(ProfileError::Trace("it has no runs".to_owned()));
        }
        Ok(Self { trace, bytes, runs, description })
    }
}

/// Runs the model; returns how many of the runs count.
fn run_all(
    factory: &Factory,
    inputs: &[NamedTensor],
    options: &ProfileOptions,
) -> Result<u32, ProfileError> {
    let mut executor = factory.executor(0)?;
    let mut run = || run_once(&mut *executor, factory.signature(), inputs);
    for _ in 0..options.warm_up_runs {
        run()?;
    }
    let (start, mut runs) = (Clock::now(), 0);
    while runs < options.runs_max && (runs < 3 || Clock::now().since(start) < options.budget) {
        run()?;
        runs += 1;
    }
    Ok(runs)
}

fn run_once(
    executor: &mut dyn Executor,
    signature: &Signature,
    inputs: &[NamedTensor],
) -> Result<(), ProfileError> {
    let given = inputs.iter().map(|input| {
        let tensor = &input.tensor;
        Ok(BatchInput {
            index: position(signature, &input.name)?,
            data_type: tensor.data_type(),
            shape: tensor.shape().clone(),
            parts: smallvec![tensor.data()],
        })
    });
    let inputs = given.collect::<Result<Vec<_>, ProfileError>>()?;
    let outputs: Vec<usize> = (0..signature.outputs.len()).collect();
    let batch = BatchInputs { inputs, outputs: &outputs };
    executor.execute(&batch, &mut ComputeStamps::default())?;
    Ok(())
}

fn position(signature: &Signature, name: &str) -> Result<usize, ProfileError> {
    let mut inputs = signature.inputs.iter();
    inputs.position(|input| input.name == name).ok_or_else(|| {
        let known: Vec<&str> = signature.inputs.iter().map(|input| input.name.as_str()).collect();
        ProfileError::UnknownInput { name: name.to_owned(), known: known.join(", ") }
    })
}

/// Reads what the sessions of one model wrote: only one of them, on the first device, ran.
fn read(folder: &std::path::Path) -> Result<(Trace, u64), ProfileError> {
    let mut found = (Trace::default(), 0);
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let bytes = fs::metadata(&path)?.len();
        if bytes > TRACE_BYTES_MAX {
            return Err(ProfileError::TooLarge { bytes });
        }
        let trace = Trace::parse(&fs::read(&path)?)
            .map_err(|error| ProfileError::Trace(error.to_string()))?;
        if !trace.is_empty() {
            found = (trace, bytes);
        }
    }
    Ok(found)
}
