use std::{
    env, fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use engines::onnxruntime::{OnnxRuntime, Search};
use onnx::{
    ElementType,
    build::{GraphBuilder, ModelBuilder, NodeBuilder},
};
use profile::{ProfileDocument, ProfileError, ProfileOptions, profile};
use server::{LogControl, LogSettings};
use serving::{ControlMode, ModelDefaults, RepositoryOptions};

pub(crate) const WIDTH: usize = 64;

/// A batching model: a product with a weight, and a sum.
pub(crate) fn dense() -> Vec<u8> {
    let weights: Vec<u8> =
        std::iter::repeat_n(0.01_f32.to_le_bytes(), WIDTH * WIDTH).flatten().collect();
    let side = i64::try_from(WIDTH).unwrap();
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[-1, side])
        .output("y", ElementType::Float32, &[-1, side])
        .initializer("w", ElementType::Float32, &[side, side], &weights)
        .node(NodeBuilder::new("MatMul", &["x", "w"], &["h"]))
        .node(NodeBuilder::new("Tanh", &["h"], &["y"]));
    ModelBuilder::new(graph).to_bytes()
}

/// Writes `<folder>/dense/1/model.onnx`; returns the model's folder.
pub(crate) fn model_folder(folder: &Path, model: &[u8], config: &str) -> PathBuf {
    let own = folder.join("dense");
    fs::create_dir_all(own.join("1")).unwrap();
    fs::write(own.join("1/model.onnx"), model).unwrap();
    fs::write(own.join("config.pbtxt"), config).unwrap();
    own
}

/// As quick as can be: the test looks at the structure, not at the figures.
pub(crate) fn options(model: &Path) -> ProfileOptions {
    let cores = NonZeroUsize::new(2).unwrap();
    ProfileOptions {
        model: model.to_owned(),
        repository: repository(cores),
        server: server::Options::new(Arc::new(NoLog)),
        cores,
        shapes: Vec::new(),
        inputs: None,
        batch_rows_max: 8,
        time: Duration::from_millis(1500),
        hone: "0.0.0".to_owned(),
        command: "a test".to_owned(),
    }
}

fn repository(cores: NonZeroUsize) -> RepositoryOptions {
    RepositoryOptions {
        paths: Vec::new(),
        control: ControlMode::None,
        config_name: None,
        complete_configs: true,
        strict_readiness: true,
        load_threads: NonZeroUsize::MIN,
        intra_op_threads: NonZeroUsize::MIN,
        defaults: ModelDefaults {
            max_batch_size: 4,
            instances: cores,
            queue_requests_max: 1024,
            queue_bytes_max: 1 << 26,
        },
        hang_limit: Duration::from_secs(60),
        inline_runs_max: 2,
        inline_compute_max: Duration::from_micros(100),
        unload_timeout: Duration::from_secs(10),
    }
}

pub(crate) fn run(options: &ProfileOptions) -> Result<ProfileDocument, ProfileError> {
    let search = Search { cache: cache(), ..Search::default() };
    profile(options, &Arc::new(OnnxRuntime::new(search).unwrap()))
}

#[derive(Debug)]
struct NoLog;

impl LogControl for NoLog {
    fn settings(&self) -> LogSettings {
        LogSettings {
            log_file: String::new(),
            log_info: false,
            log_warning: false,
            log_error: false,
            log_verbose_level: 0,
            log_format: "default".to_owned(),
        }
    }

    fn apply(&self, _: &LogSettings) -> Result<(), String> {
        Err("a profile's log stays as it is".to_owned())
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are told where the library is")]
fn cache() -> PathBuf {
    let folder = |name: &str, tail: &str| Some(PathBuf::from(env::var(name).ok()?).join(tail));
    folder("HONE_CACHE", "")
        .or_else(|| folder("XDG_CACHE_HOME", "hone"))
        .or_else(|| folder("HOME", ".cache/hone"))
        .expect("a home folder")
}
