use std::{
    env, fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use engines::onnxruntime::{OnnxRuntime, Search};
use protocol::model_config::ModelConfig;
use serving::{
    BatchInput, BatchInputs, ComputeStamps, Engine, ExecuteError, Executor, ExecutorFactory,
    LoadError, LoadSpec, Loaded,
};
use tensor::{DataType, Shape, Tensor};

/// A model in a folder of its own.
pub(crate) struct Loader {
    folder: tempfile::TempDir,
    pub(crate) config: ModelConfig,
}

impl Loader {
    pub(crate) fn new(model: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.onnx"), model).unwrap();
        Self { folder, config: ModelConfig::default() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn spec(&self) -> LoadSpec {
        LoadSpec {
            name: "model".to_owned(),
            version: 1,
            path: self.folder.path().join("model.onnx"),
            config: Arc::new(self.config.clone()),
            intra_op_threads: NonZeroUsize::MIN,
        }
    }

    pub(crate) fn load(&self) -> Result<Arc<dyn ExecutorFactory>, LoadError> {
        match engine().load(&self.spec())? {
            Loaded::Executors(factory) => Ok(factory),
            Loaded::Backend(_) => panic!("the engine schedules for itself"),
        }
    }

    #[track_caller]
    pub(crate) fn factory(&self) -> Arc<dyn ExecutorFactory> {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A tensor for an input, as one or several requests bring it.
pub(crate) struct Input {
    pub(crate) index: usize,
    pub(crate) data_type: DataType,
    pub(crate) shape: Shape,
    pub(crate) parts: Vec<Bytes>,
}

impl Input {
    pub(crate) fn new(index: usize, tensor: &Tensor) -> Self {
        Self {
            index,
            data_type: tensor.data_type(),
            shape: tensor.shape().clone(),
            parts: vec![tensor.data().clone()],
        }
    }
}

pub(crate) fn run(
    executor: &mut dyn Executor,
    inputs: &[Input],
    outputs: &[usize],
) -> Result<Vec<Tensor>, ExecuteError> {
    let inputs = inputs.iter().map(|input| BatchInput {
        index: input.index,
        data_type: input.data_type,
        shape: input.shape.clone(),
        parts: input.parts.iter().collect(),
    });
    let batch = BatchInputs { inputs: inputs.collect(), outputs };
    executor.execute(&batch, &mut ComputeStamps::default())
}

pub(crate) fn floats(shape: impl Into<Shape>, values: &[f32]) -> Tensor {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(DataType::Fp32, shape.into(), data.into()).unwrap()
}

pub(crate) fn longs(shape: impl Into<Shape>, values: &[i64]) -> Tensor {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(DataType::Int64, shape.into(), data.into()).unwrap()
}

pub(crate) fn engine() -> OnnxRuntime {
    let search = Search { cache: cache(), ..Search::default() };
    OnnxRuntime::new(search).unwrap_or_else(|error| panic!("{error}"))
}

#[expect(clippy::disallowed_methods, reason = "tests are told where the library is")]
pub(crate) fn cache() -> PathBuf {
    let folder = |name: &str, tail: &str| Some(PathBuf::from(env::var(name).ok()?).join(tail));
    folder("HONE_CACHE", "")
        .or_else(|| folder("XDG_CACHE_HOME", "hone"))
        .or_else(|| folder("HOME", ".cache/hone"))
        .expect("a home folder")
}
