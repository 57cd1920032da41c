//! What an engine has to be. A tensor engine hands out [`Executor`]s and the server queues and
//! batches for it; an engine that schedules for itself (generation) is a [`Backend`] of its own.

use std::{
    fmt,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use protocol::model_config::ModelConfig;
use smallvec::SmallVec;
use tensor::{DataType, Shape, Tensor};

use crate::{
    Clock, LanguageModel, Responder, ServeError, Statistics, Timestamp, request::InferRequest,
};

/// A kind of model file and the code that runs it. One per process, shared by every model of its kind.
pub trait Engine: Send + Sync + fmt::Debug {
    /// Name in a model's configuration (`backend`), such as `onnxruntime`.
    fn name(&self) -> &'static str;

    /// Older name of the same (`platform`), such as `onnxruntime_onnx`.
    fn platform(&self) -> &'static str;

    /// File that a version folder holds if the configuration names none, such as `model.onnx`.
    fn default_model_filename(&self) -> &'static str;

    /// The model of this engine's kind that `path` is or, if it is a version folder, holds.
    fn find(&self, path: &Path) -> Option<PathBuf> {
        let file = Path::new(self.default_model_filename());
        let own = if path.is_file() { path.to_owned() } else { path.join(file) };
        (own.extension() == file.extension() && own.exists()).then_some(own)
    }

    /// Loads one version of one model. May block for seconds; called off the request path.
    ///
    /// # Errors
    ///
    /// The file, the engine's library or the configuration is missing or wrong.
    fn load(&self, spec: &LoadSpec) -> Result<Loaded, LoadError>;

    /// Called after a model of the engine has been dropped: gives freed memory back to the system.
    fn release_memory(&self) {}
}

/// What to load and how.
#[derive(Clone, Debug)]
pub struct LoadSpec {
    /// Model name.
    pub name: String,
    /// Version.
    pub version: u64,
    /// The model file, or the version folder for engines whose models are folders.
    pub path: PathBuf,
    /// The model's configuration as it was given, before anything is completed from the model.
    pub config: Arc<ModelConfig>,
    /// Threads that one run of the model may use, unless the configuration says otherwise.
    pub intra_op_threads: NonZeroUsize,
}

/// A loaded model, in one of the two ways to run it.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// Runs one batch at a time per instance; the server queues and batches for it.
    Executors(Arc<dyn ExecutorFactory>),
    /// Schedules its own requests.
    Backend(Arc<dyn Backend>),
}

/// Names, types and shapes of a model's inputs and outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// In the model's order.
    pub inputs: Vec<TensorSpec>,
    /// In the model's order.
    pub outputs: Vec<TensorSpec>,
}

/// Declaration of one input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name.
    pub name: String,
    /// Element type.
    pub data_type: DataType,
    /// Every dimension, the batch's too if the model has one; -1 where any size will do.
    pub dims: Vec<i64>,
    /// Whether a request may leave the input out.
    pub optional: bool,
}

/// A loaded version of a model; its instances share the weights.
pub trait ExecutorFactory: Send + Sync + fmt::Debug {
    /// The model's own inputs and outputs.
    fn signature(&self) -> &Signature;

    /// One line for logs and metadata: engine, its version, device, threads.
    fn description(&self) -> String;

    /// Whether the time of a run depends on its inputs' shapes only, not on their values. Only such
    /// a model's runs may take place on a thread of the network.
    fn has_steady_runs(&self) -> bool {
        false
    }

    /// What makes the model's inputs of a text, where the model takes tokens and its tokenizer was
    /// found.
    fn text_encoder(&self) -> Option<Arc<dyn TextEncoder>> {
        None
    }

    /// Starts instance number `instance`; called again to replace one that hung or broke.
    ///
    /// # Errors
    ///
    /// The engine cannot run the model once more (memory, device).
    fn executor(&self, instance: usize) -> Result<Box<dyn Executor>, LoadError>;
}

/// Makes tokens of a text for a model that takes tokens as a tensor.
pub trait TextEncoder: Send + Sync + fmt::Debug {
    /// The tokens of `text`, with those that the model wants around it.
    ///
    /// # Errors
    ///
    /// The tokenizer's file is broken, or the text has more tokens than the model takes.
    fn encode(&self, text: &str) -> Result<Vec<u32>, ServeError>;

    /// Tokens of a text at most.
    fn tokens_max(&self) -> usize;
}

/// One instance. Whoever runs a batch on it owns it meanwhile, so it may block and needs no lock.
pub trait Executor: Send {
    /// Runs one batch; returns the outputs numbered by `batch.outputs`, in that order.
    ///
    /// Where the model batches, every output's outermost dimension must be the batch's rows.
    ///
    /// # Errors
    ///
    /// See [`ExecuteError`]. A panic is caught and taken for [`ExecuteError::Broken`].
    fn execute(
        &mut self,
        batch: &BatchInputs<'_>,
        stamps: &mut ComputeStamps,
    ) -> Result<Vec<Tensor>, ExecuteError>;
}

/// The inputs of one batch.
#[derive(Debug)]
pub struct BatchInputs<'a> {
    /// Only inputs that are present. Checked: known names, types, shapes and sizes.
    pub inputs: Vec<BatchInput<'a>>,
    /// Positions in [`Signature::outputs`] of the outputs that some request of the batch wants.
    pub outputs: &'a [usize],
}

/// One input of a batch: the requests' tensors, to be laid one behind the other.
#[derive(Debug)]
pub struct BatchInput<'a> {
    /// Position in [`Signature::inputs`].
    pub index: usize,
    /// Element type.
    pub data_type: DataType,
    /// Shape of the whole.
    pub shape: Shape,
    /// The requests' elements, in order; together they are exactly the shape. `BYTES` stay framed.
    pub parts: SmallVec<[&'a Bytes; 8]>,
}

impl BatchInput<'_> {
    /// Bytes of all parts together.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Copies the parts one behind the other: the only copy that a request's input goes through.
    ///
    /// # Panics
    ///
    /// If `buffer` is not exactly [`byte_len`](Self::byte_len) long.
    pub fn gather_into(&self, buffer: &mut [u8]) {
        let mut rest = buffer;
        for part in &self.parts {
            let (head, tail) = rest.split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        }
        assert!(rest.is_empty(), "the buffer is larger than the batch");
    }
}

/// When the stages of one execution ended; the executor calls both as it passes them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComputeStamps {
    pub(crate) inputs_ready: Option<Timestamp>,
    pub(crate) outputs_start: Option<Timestamp>,
}

impl ComputeStamps {
    /// The inputs are in the engine's buffers; the engine's own work starts.
    pub fn inputs_ready(&mut self) {
        self.inputs_ready = Some(Clock::now());
    }

    /// The engine's own work is over; outputs are being taken out.
    pub fn outputs_start(&mut self) {
        self.outputs_start = Some(Clock::now());
    }
}

/// A model that schedules its own requests and may answer one of them many times.
pub trait Backend: Send + Sync + fmt::Debug {
    /// The model's inputs and outputs.
    fn signature(&self) -> &Signature;

    /// One line for logs and metadata.
    fn description(&self) -> String;

    /// Takes a request and returns at once; the answers go through `responder`, whose receiver's
    /// departure ([`Responder::is_cancelled`]) ends the work.
    fn submit(&self, request: InferRequest, responder: Responder);

    /// Whether a real inference would go through now; otherwise why not.
    ///
    /// # Errors
    ///
    /// What is wrong, for health and index.
    fn check(&self) -> Result<(), String>;

    /// The model as one that continues text, if it is one.
    fn language_model(&self) -> Option<&dyn LanguageModel> {
        None
    }

    /// Ends its threads once nobody holds the model any more; what still waits is answered with an
    /// error.
    fn close(&self) {}

    /// The counters since the model was loaded, as far as the engine keeps them; read about once a
    /// second and not to wait for a running step. The time that loading took is added to them.
    fn statistics(&self) -> Statistics {
        Statistics::default()
    }
}

/// Why a batch has no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The model refused this input; the instance goes on.
    #[error("{0}")]
    Model(String),
    /// The instance is no longer to be trusted and is replaced.
    #[error("{0}")]
    Broken(String),
}

/// Why a model was not loaded. The message names what to change.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine's library is missing or unusable; the message says what brings it.
    #[error("{0}")]
    Engine(String),
    /// The model's file is missing or broken.
    #[error("{0}")]
    Model(String),
    /// The configuration contradicts the model, or asks for what cannot be had.
    #[error("{0}")]
    Config(String),
}
