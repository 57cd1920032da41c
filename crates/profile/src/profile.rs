//! The course of a profile.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use engines::onnxruntime::{self, OnnxRuntime};
use kernels::Roofline;
use serving::{Engine, LoadSpec, NamedTensor, RepositoryOptions};

use crate::{
    BatchCurve, BatchPoint, LoadProfile, ModelFacts, ProfileDocument, ProfileError, SCHEMA,
    ScalingPoint, ShorterInputs, batches, ceiling,
    clock::epoch_seconds,
    drive::{self, Drive},
    machine,
    runs::{self, Runner, median_ms},
    sample::Sample,
    scaling,
    serve::Served,
    target,
    text::count,
    verdict,
};

/// Connections of the saturating load at most.
const CONNECTIONS_MAX: usize = 64;
/// The micro-benchmarks of the machine do not get better with more time.
const ROOFLINE_TIME: Duration = Duration::from_millis(1200);

/// What to profile, how the server would serve it, and for how long.
#[derive(Clone, Debug)]
pub struct ProfileOptions {
    /// An `.onnx` file or a model's folder.
    pub model: PathBuf,
    /// How `hone serve` would load it.
    pub repository: RepositoryOptions,
    /// How `hone serve` would listen; the ports are replaced by a free one.
    pub server: server::Options,
    /// Cores that may be used.
    pub cores: NonZeroUsize,
    /// Shapes of inputs by name, the batch included.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Inputs to send in place of made-up ones.
    pub inputs: Option<Vec<NamedTensor>>,
    /// Largest batch of the curve, in rows.
    pub batch_rows_max: usize,
    /// Time of all measurements together, about.
    pub time: Duration,
    /// Hone's version, for the document.
    pub hone: String,
    /// The command line, for the document.
    pub command: String,
}

impl ProfileOptions {
    /// Part of the time.
    fn share(&self, percent: u32) -> Duration {
        self.time * percent / 100
    }
}

/// Makes a profile. Blocks for about the time that it is given, and for as long as the model takes to
/// load for the server, for every way of dividing the cores, and three times more.
///
/// # Errors
///
/// See [`ProfileError`].
pub fn profile(
    options: &ProfileOptions,
    engine: &Arc<OnnxRuntime>,
) -> Result<ProfileDocument, ProfileError> {
    let (began, load_average) = (epoch_seconds(), machine::load_average());
    tracing::info!("measuring what this machine can do");
    let roofline = Roofline::measure(options.cores, ROOFLINE_TIME);
    let subject = Subject::serve(options, engine)?;
    let alone = subject.alone(options, engine)?;
    let threads = subject.spec.intra_op_threads.get();
    let (rows, is_batchable) = (subject.sample.rows(), subject.sample.is_batchable());
    let seconds = alone.undisturbed_ms / 1e3;
    let ceiling = ceiling::ceiling(&alone.engine, &roofline, (threads, rows), seconds);
    let mut document = ProfileDocument {
        schema: SCHEMA,
        hone: options.hone.clone(),
        command: options.command.clone(),
        began,
        model: subject.facts,
        machine: machine::facts(options.cores, load_average, &roofline),
        loads: subject.loads,
        batches: alone.batches,
        scaling: alone.scaling,
        shorter: alone.shorter,
        engine: alone.engine,
        ceiling,
        verdict: Vec::new(),
        notes: Vec::new(),
    };
    for load in &mut document.loads {
        let rate = load.requests_per_second * rows as f64;
        let core_ms = row_ms(&document.batches, load.batch_rows) * threads as f64;
        load.cores_in_model = rate * core_ms / 1e3 / options.cores.get() as f64;
    }
    document.notes = notes(&document, alone.undisturbed_ms);
    let largest = document.batches.points.last().map_or(0, |point| point.rows);
    if is_batchable && largest * 2 <= options.batch_rows_max {
        document.notes.push(format!(
            "Batches of more than {} were not tried: the model refuses them, or they take longer than \
             there was time for (--seconds).",
            count(largest, "row")
        ));
    }
    document.verdict = verdict::verdict(&document);
    Ok(document)
}

/// The model, and how it behaved while it was served.
struct Subject {
    spec: LoadSpec,
    sample: Sample,
    facts: ModelFacts,
    loads: Vec<LoadProfile>,
}

impl Subject {
    fn serve(options: &ProfileOptions, engine: &Arc<OnnxRuntime>) -> Result<Self, ProfileError> {
        tracing::info!(model = %options.model.display(), "loading");
        let repository =
            RepositoryOptions { paths: vec![options.model.clone()], ..options.repository.clone() };
        let shared: Arc<dyn Engine> = engine.clone();
        let served = Served::start(repository, options.server.clone(), shared)?;
        let subject = Self::drive(options, &served, engine);
        served.stop();
        subject
    }

    fn drive(
        options: &ProfileOptions,
        served: &Served,
        engine: &OnnxRuntime,
    ) -> Result<Self, ProfileError> {
        let model = &served.model;
        let sample = match &options.inputs {
            Some(given) => Sample::given(model.inputs(), given.clone())?,
            None => Sample::generate(model.inputs(), &options.shapes)?,
        };
        let spec = target::spec(&options.model, model, engine, &options.repository)?;
        let facts = facts(served, &spec, &sample);
        let drive = Drive::new(served, &sample, facts.instances, options.cores)?;
        tracing::info!("one request at a time");
        let low = drive.load("low", 1, options.share(20))?;
        let connections = connections(&facts, sample.rows());
        tracing::info!(connections, "as many requests as the server can use");
        let saturating = drive.load("saturating", connections, options.share(25))?;
        Ok(Self { spec, sample, facts, loads: vec![low, saturating] })
    }

    /// What is measured without the server.
    fn alone(
        &self,
        options: &ProfileOptions,
        engine: &Arc<OnnxRuntime>,
    ) -> Result<Alone, ProfileError> {
        let spec = &self.spec;
        tracing::info!("batch sizes");
        let factory = runs::load(&**engine, spec, spec.intra_op_threads)?;
        let sample = &self.sample.for_engine(&factory.signature().inputs);
        let (rows_max, threads) = (options.batch_rows_max, spec.intra_op_threads.get());
        let batches = batches::curve(&*factory, sample, rows_max, threads, options.share(25))?;
        let shorter = shorter(&*factory, sample, options.share(5))?;
        drop(factory);
        tracing::info!("instances and threads");
        let scaling = scaling::measure(&**engine, spec, sample, options.cores, options.share(15))?;
        tracing::info!("node by node");
        let profiled = onnxruntime::ProfileOptions {
            budget: options.share(10),
            ..onnxruntime::ProfileOptions::default()
        };
        let own = own_threads(spec);
        let engine = engine.profile(&own, &sample.tensors(), &profiled)?;
        let undisturbed_ms = batches.points.first().map_or(0.0, |point| point.run_ms);
        Ok(Alone { batches, shorter, scaling, engine, undisturbed_ms })
    }
}

/// The same on inputs of half the length, if the model takes any.
fn shorter(
    factory: &dyn serving::ExecutorFactory,
    sample: &Sample,
    time: Duration,
) -> Result<Option<ShorterInputs>, ProfileError> {
    let specs = &factory.signature().inputs;
    let Some(shapes) = sample.halved() else { return Ok(None) };
    let halved = Sample::generate(specs, &shapes)?;
    let Ok(mut shorter) = Runner::new(factory, 0, halved.tensors()) else { return Ok(None) };
    let mut usual = Runner::new(factory, 1, sample.tensors())?;
    let (mut usual_runs, mut shorter_runs) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        usual_runs.extend(usual.run_for(time / 8)?);
        shorter_runs.extend(shorter.run_for(time / 8)?);
    }
    Ok(Some(ShorterInputs {
        lengths: sample.lengths(),
        shorter_lengths: halved.lengths(),
        run_ms: median_ms(&usual_runs),
        shorter_run_ms: median_ms(&shorter_runs),
    }))
}

struct Alone {
    batches: BatchCurve,
    shorter: Option<ShorterInputs>,
    scaling: Vec<ScalingPoint>,
    engine: onnxruntime::EngineProfile,
    /// A run that no profiler watches.
    undisturbed_ms: f64,
}

/// As the server loads it, whose configuration may name other threads than its default.
fn own_threads(spec: &LoadSpec) -> LoadSpec {
    let mut config = (*spec.config).clone();
    config.parameters.remove(runs::THREADS);
    LoadSpec { config: Arc::new(config), ..spec.clone() }
}

/// Enough to keep every instance's next batch full while it computes one.
fn connections(facts: &ModelFacts, request_rows: usize) -> usize {
    let per_batch = (facts.batch_rows_max / request_rows.max(1)).max(1);
    (facts.instances * (per_batch + 1)).clamp(2, CONNECTIONS_MAX)
}

fn facts(served: &Served, spec: &LoadSpec, sample: &Sample) -> ModelFacts {
    let model = &served.model;
    let config = model.config();
    let instances = drive::instances(model);
    let rows_max = usize::try_from(config.max_batch_size).unwrap_or(0).max(1);
    let gathers = config.scheduling_choice.is_some();
    ModelFacts {
        name: model.name().to_owned(),
        version: model.version(),
        path: spec.path.display().to_string(),
        file_bytes: std::fs::metadata(&spec.path).map_or(0, |file| file.len()),
        engine: model.description().to_owned(),
        instances,
        batch_rows_max: if gathers { rows_max } else { 1 },
        inputs: sample.facts(),
    }
}

/// What a row costs in a batch of about so many rows.
fn row_ms(curve: &BatchCurve, rows: f64) -> f64 {
    let distance = |point: &BatchPoint| (point.rows as f64 / rows.max(1.0)).ln().abs();
    let points = curve.points.iter();
    let nearest = points.min_by(|one, other| distance(one).total_cmp(&distance(other)));
    nearest.map_or(0.0, |point| point.row_ms)
}

/// What a reader has to know to judge the figures.
fn notes(document: &ProfileDocument, undisturbed_ms: f64) -> Vec<String> {
    let mut notes = vec![
        "The client runs in the same process, on the same cores as the server.".to_owned(),
        format!(
            "Operations are counted of operators that multiply matrices, which take {:.1} % of the \
             nodes' time; of the others only bytes are known.",
            document.ceiling.counted * 100.0
        ),
        "The engine's profiler counts whole microseconds, so that very short nodes come out too short."
            .to_owned(),
    ];
    let watched_ms = document.engine.run_seconds * 1e3;
    notes.push(format!(
        "A run takes {undisturbed_ms:.3} ms (median), and {watched_ms:.3} ms (mean of the faster \
         half) while the profiler watches{}.",
        if watched_ms > undisturbed_ms * 1.2 { ": nodes come out too long" } else { "" }
    ));
    if document.machine.roofline.caches_assumed {
        notes.push(
            "The system does not say how large the caches are; they were assumed.".to_owned(),
        );
    }
    notes.extend(quietness(document));
    for load in document.loads.iter().filter(|load| load.failures > 0) {
        notes.push(format!("At {} load {} requests failed.", load.name, load.failures));
    }
    notes
}

/// Other work on the machine makes every figure worse.
fn quietness(document: &ProfileDocument) -> Option<String> {
    let machine = &document.machine;
    let load: f64 = machine.load_average.parse().ok()?;
    (load > machine.cores as f64 / 2.0).then(|| {
        format!(
            "The machine was not quiet: its load average was {load:.2} on {} when the profile began.",
            count(machine.cores, "core")
        )
    })
}
