//! A server on free ports over a repository of echoing models.

use std::{fmt, fs, net::SocketAddr, num::NonZeroUsize, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use server::{LogControl, LogSettings, Options, Server, ShutdownReport};
use serving::{
    BatchInputs, ComputeStamps, ControlMode, Engine, ExecuteError, Executor, ExecutorFactory,
    LoadError, LoadSpec, Loaded, ModelDefaults, Repository, RepositoryOptions, Signature,
    TensorSpec,
};
use tensor::{DataType, Tensor};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    generator::{GENERATOR, GENERATOR_CONFIG, Generator},
    storyteller::{STORYTELLER, Story, Storyteller},
};

/// Name of the model that batches: `INPUT` FP32 [-1,-1] comes back as `OUTPUT`; eight rows at most.
pub(crate) const ECHO: &str = "echo";

/// Name of the model that does not batch: an optional input [-1] for every element type, under its
/// name, which comes back as `OUT_<type>`.
pub(crate) const TYPES: &str = "types";

const ECHO_CONFIG: &str = r#"
    backend: "fake"
    max_batch_size: 8
    dynamic_batching {}
    input { name: "INPUT" data_type: TYPE_FP32 dims: -1 }
    output { name: "OUTPUT" data_type: TYPE_FP32 dims: -1 label_filename: "labels.txt" }
    instance_group { count: 2 kind: KIND_CPU }
    metric_tags { key: "team" value: "test" }
"#;

fn types_config() -> String {
    let inputs = DataType::ALL.map(|data_type| {
        let wire = if data_type == DataType::Bytes { "STRING" } else { data_type.name() };
        format!("input {{ name: '{data_type}' data_type: TYPE_{wire} dims: -1 optional: true }}\n")
    });
    format!("backend: 'fake'\n{}", inputs.concat())
}

/// A running server and what a test can do to it.
pub(crate) struct Fixture {
    /// Dropped before the repository, which waits for its instances.
    release: Release,
    pub(crate) repository: Arc<Repository>,
    pub(crate) controls: Arc<Controls>,
    /// What the language model says, if there is one.
    pub(crate) story: Arc<Story>,
    pub(crate) log: Arc<LogRecorder>,
    server: Server,
    folder: tempfile::TempDir,
}

/// Lets go of what is held when a test ends, however it ends.
struct Release(Arc<Controls>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.set(Behaviour::Echo);
    }
}

/// What a test asks for; the default is a server that loads all of its models.
pub(crate) struct Setup {
    pub(crate) control: ControlMode,
    pub(crate) hang_limit: Duration,
    /// Whether there is also a model that schedules for itself.
    pub(crate) generates: bool,
    /// What the language model says, if there is to be one.
    pub(crate) story: Option<Arc<Story>>,
    pub(crate) options: Options,
    pub(crate) log: Arc<LogRecorder>,
}

impl Default for Setup {
    fn default() -> Self {
        let log = Arc::new(LogRecorder::default());
        let mut options = Options::new(log.clone());
        (options.http_port, options.grpc_port, options.metrics_port) = (Some(0), Some(0), Some(0));
        let control = ControlMode::None;
        Self {
            control,
            hang_limit: Duration::from_secs(30),
            generates: false,
            story: None,
            options,
            log,
        }
    }
}

impl Setup {
    /// Starts the server; its models are ready.
    pub(crate) fn start(self) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let echo = folder.path().join(ECHO);
        add_version(&echo, 1);
        fs::write(echo.join("config.pbtxt"), ECHO_CONFIG).unwrap();
        fs::write(echo.join("labels.txt"), "zero\none\ntwo\n").unwrap();
        let types = folder.path().join(TYPES);
        add_version(&types, 1);
        fs::write(types.join("config.pbtxt"), types_config()).unwrap();
        if self.generates {
            let generator = folder.path().join(GENERATOR);
            add_version(&generator, 1);
            fs::write(generator.join("config.pbtxt"), GENERATOR_CONFIG).unwrap();
        }
        let controls = Arc::new(Controls::default());
        if self.story.is_some() {
            let storyteller = folder.path().join(STORYTELLER);
            add_version(&storyteller, 1);
            fs::write(storyteller.join("config.pbtxt"), "backend: 'fake'").unwrap();
        }
        let story = self.story.unwrap_or_default();
        let engine = Arc::new(FakeEngine(controls.clone(), story.clone()));
        let one = NonZeroUsize::MIN;
        let options = RepositoryOptions {
            paths: vec![folder.path().to_owned()],
            control: self.control,
            config_name: None,
            complete_configs: true,
            strict_readiness: true,
            load_threads: one,
            intra_op_threads: one,
            defaults: ModelDefaults {
                max_batch_size: 0,
                instances: one,
                queue_requests_max: 64,
                queue_bytes_max: 64 << 20,
            },
            hang_limit: self.hang_limit,
            inline_runs_max: 0,
            inline_compute_max: Duration::ZERO,
            unload_timeout: Duration::from_secs(10),
        };
        let repository = Repository::open(options, vec![engine]).unwrap();
        repository.start().unwrap();
        let server = Server::start(repository.clone(), self.options).unwrap();
        let release = Release(controls.clone());
        Fixture { release, repository, controls, story, log: self.log, server, folder }
    }
}

impl Fixture {
    /// A server with default limits.
    pub(crate) fn start() -> Self {
        Setup::default().start()
    }

    /// A server with a language model that says what its script says.
    pub(crate) fn with_story(story: Story) -> Self {
        Setup { story: Some(Arc::new(story)), ..Setup::default() }.start()
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.server.addresses().http.unwrap()
    }

    pub(crate) fn grpc(&self) -> SocketAddr {
        self.server.addresses().grpc.unwrap()
    }

    pub(crate) fn metrics(&self) -> SocketAddr {
        self.server.addresses().metrics.unwrap()
    }

    /// Adds a version to the repository's folder, not yet loaded.
    pub(crate) fn add_version(&self, model: &str, version: u64) {
        add_version(&self.folder.path().join(model), version);
    }

    /// Waits until so many requests are inside.
    #[track_caller]
    pub(crate) fn until_in_flight(&self, requests: usize) -> impl Future<Output = ()> {
        let repository = self.repository.clone();
        eventually(move || repository.in_flight() == requests)
    }

    /// Waits until so many instances of the echo model have a batch.
    #[track_caller]
    pub(crate) fn until_busy(&self, instances: usize) -> impl Future<Output = ()> {
        let model = self.repository.model(ECHO, "").unwrap();
        eventually(move || model.statistics().instances.busy == instances)
    }

    /// Stops the server. What it holds stays held meanwhile.
    pub(crate) async fn shutdown(self) -> ShutdownReport {
        let Self { server, release, .. } = self;
        let report = server.shutdown().await;
        drop(release);
        report
    }
}

fn add_version(model: &Path, version: u64) {
    let folder = model.join(version.to_string());
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("model.fake"), "").unwrap();
}

/// What the models do from now on.
#[derive(Debug, Default)]
pub(crate) struct Controls {
    behaviour: Mutex<Behaviour>,
    released: Condvar,
}

/// What an instance does with a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behaviour {
    #[default]
    Echo,
    /// Echoes after a while.
    Delay(Duration),
    /// Echoes when the behaviour changes.
    Hold,
    /// Refuses the input.
    Fail,
    /// Panics.
    Panic,
}

impl Controls {
    /// Changes the behaviour and lets go of what is held.
    pub(crate) fn set(&self, behaviour: Behaviour) {
        *self.behaviour.lock() = behaviour;
        self.released.notify_all();
    }

    fn obey(&self) -> Result<(), ExecuteError> {
        let mut behaviour = self.behaviour.lock();
        match *behaviour {
            Behaviour::Echo => {}
            Behaviour::Delay(delay) => {
                self.released.wait_for(&mut behaviour, delay);
            }
            Behaviour::Hold => {
                self.released.wait_while(&mut behaviour, |now| *now == Behaviour::Hold);
            }
            Behaviour::Fail => return Err(ExecuteError::Model("told to fail".to_owned())),
            Behaviour::Panic => {
                drop(behaviour);
                panic!("told to panic");
            }
        }
        Ok(())
    }
}

/// Waits until `condition` holds; fails the test after five seconds.
#[track_caller]
pub(crate) fn eventually(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let mut tick = tokio::time::interval(Duration::from_millis(2));
        for _ in 0..2500 {
            if condition() {
                return;
            }
            tick.tick().await;
        }
        panic!("waited in vain at {caller}");
    }
}

/// Lets `duration` pass.
pub(crate) async fn pause(duration: Duration) {
    let _ = tokio::time::timeout(duration, std::future::pending::<()>()).await;
}

#[derive(Debug)]
struct FakeEngine(Arc<Controls>, Arc<Story>);

impl Engine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn platform(&self) -> &'static str {
        "fake_platform"
    }

    fn default_model_filename(&self) -> &'static str {
        "model.fake"
    }

    fn load(&self, spec: &LoadSpec) -> Result<Loaded, LoadError> {
        let signature = match &*spec.name {
            ECHO => signature(&[("INPUT".into(), "OUTPUT".into(), DataType::Fp32)], &[-1, -1]),
            TYPES => {
                let tensors = DataType::ALL.map(|data_type| {
                    (data_type.name().to_owned(), format!("OUT_{data_type}"), data_type)
                });
                signature(&tensors, &[-1])
            }
            STORYTELLER => {
                return Ok(Loaded::Backend(Arc::new(Storyteller::new(self.1.clone()))));
            }
            GENERATOR => return Ok(Loaded::Backend(Arc::new(Generator::default()))),
            other => return Err(LoadError::Model(format!("no such fake model: {other}"))),
        };
        Ok(Loaded::Executors(Arc::new(FakeModel { signature, controls: self.0.clone() })))
    }
}

fn signature(tensors: &[(String, String, DataType)], dims: &[i64]) -> Signature {
    let spec = |name: &String, data_type| {
        let optional = tensors.len() > 1;
        TensorSpec { name: name.clone(), data_type, dims: dims.to_vec(), optional }
    };
    Signature {
        inputs: tensors.iter().map(|(input, _, data_type)| spec(input, *data_type)).collect(),
        outputs: tensors.iter().map(|(_, output, data_type)| spec(output, *data_type)).collect(),
    }
}

#[derive(Debug)]
struct FakeModel {
    signature: Signature,
    controls: Arc<Controls>,
}

impl ExecutorFactory for FakeModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn description(&self) -> String {
        "echoes".to_owned()
    }

    fn executor(&self, _instance: usize) -> Result<Box<dyn Executor>, LoadError> {
        Ok(Box::new(FakeInstance(self.controls.clone())))
    }
}

struct FakeInstance(Arc<Controls>);

impl Executor for FakeInstance {
    fn execute(
        &mut self,
        batch: &BatchInputs<'_>,
        stamps: &mut ComputeStamps,
    ) -> Result<Vec<Tensor>, ExecuteError> {
        stamps.inputs_ready();
        self.0.obey()?;
        stamps.outputs_start();
        let echo = |output: &usize| {
            let Some(input) = batch.inputs.iter().find(|input| input.index == *output) else {
                return Err(ExecuteError::Model(format!("output {output} has no input")));
            };
            let mut data = vec![0; input.byte_len()];
            input.gather_into(&mut data);
            Ok(Tensor::new(input.data_type, input.shape.clone(), Bytes::from(data)).unwrap())
        };
        batch.outputs.iter().map(echo).collect()
    }
}

/// Log settings that a test looks at.
#[derive(Debug)]
pub(crate) struct LogRecorder(Mutex<LogSettings>);

impl Default for LogRecorder {
    fn default() -> Self {
        Self(Mutex::new(LogSettings {
            log_file: String::new(),
            log_info: true,
            log_warning: true,
            log_error: true,
            log_verbose_level: 0,
            log_format: "default".to_owned(),
        }))
    }
}

impl LogControl for LogRecorder {
    fn settings(&self) -> LogSettings {
        self.0.lock().clone()
    }

    fn apply(&self, settings: &LogSettings) -> Result<(), String> {
        *self.0.lock() = settings.clone();
        Ok(())
    }
}

/// An answer over HTTP/1.1.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// Status line and headers, as they came.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Gets `path` on a connection of its own.
pub(crate) async fn http_get(address: SocketAddr, path: &str) -> HttpAnswer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    HttpAnswer { status, head: head.to_owned(), body: body.to_owned() }
}

/// The bytes of floats.
pub(crate) fn float_bytes(values: &[f32]) -> Bytes {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture")
            .field("addresses", &self.server.addresses())
            .finish_non_exhaustive()
    }
}
