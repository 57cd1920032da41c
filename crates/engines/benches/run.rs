//! What one run costs through the engine: a model that does nothing, and, where the test models
//! have been made, real ones. Prints nanoseconds per run, the best of several rounds. An argument
//! chooses the models that have it in their name; one such as `enable_mem_arena=0` is a parameter
//! of the models' configuration.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and the environment")]
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::{
    collections::HashMap,
    env, fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use engines::onnxruntime::{OnnxRuntime, Search};
use onnx::ElementType;
use protocol::model_config::{ModelConfig, ModelParameter};
use serving::{BatchInput, BatchInputs, ComputeStamps, Engine, ExecutorFactory, LoadSpec, Loaded};
use smallvec::smallvec;
use tensor::{DataType, Shape};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(300);

fn main() {
    engines::forbid_telemetry();
    let cache = cache();
    let search = Search { cache: cache.clone(), ..Search::default() };
    let engine = OnnxRuntime::new(search).expect("nothing is named");
    println!("resident at the start: {} MB", resident_mb());
    let is_name = |argument: &String| !argument.starts_with('-') && !argument.contains('=');
    let wanted = env::args().skip(1).find(is_name).unwrap_or_default();
    let wants = |name: &str| name.contains(&wanted);
    for elements in [16, 3 * 224 * 224] {
        let name = format!("identity-{elements}");
        if !wants(&name) {
            continue;
        }
        let model = onnx::build::identity(ElementType::Float32, &[-1, elements]);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), model).expect("a temporary file");
        let factory = load(&engine, file.path());
        let shape = Shape::from([1, usize::try_from(elements).expect("positive")]);
        measure(&name, &*factory, &[(DataType::Fp32, shape)]);
    }
    let ids = || (DataType::Int64, Shape::from([1, 128]));
    let image = (DataType::Fp32, Shape::from([1, 1, 28, 28]));
    let models = [("minilm", vec![ids(), ids(), ids()]), ("fashion-resnet", vec![image])];
    let before = resident_mb();
    for (name, inputs) in models {
        let path = cache.join("models").join(name).join("1/model.onnx");
        if !wants(name) || !path.exists() {
            continue;
        }
        let start = Instant::now();
        onnx::Model::read(&path).expect("a model");
        println!("{name}: description read in {:?}", start.elapsed());
        let start = Instant::now();
        let factory = load(&engine, &path);
        println!("{name}: loaded in {:?}, {}", start.elapsed(), factory.description());
        measure(name, &*factory, &inputs);
        println!("resident: {before} MB before, {} MB loaded", resident_mb());
    }
    engines::release_memory();
    println!("resident after unload: {} MB", resident_mb());
}

fn load(engine: &OnnxRuntime, path: &Path) -> Arc<dyn ExecutorFactory> {
    let spec = LoadSpec {
        name: "bench".to_owned(),
        version: 1,
        path: path.to_owned(),
        config: Arc::new(ModelConfig { parameters: parameters(), ..ModelConfig::default() }),
        intra_op_threads: NonZeroUsize::MIN,
    };
    match engine.load(&spec).unwrap_or_else(|error| panic!("{error}")) {
        Loaded::Executors(factory) => factory,
        Loaded::Backend(_) => unreachable!("this engine has executors"),
    }
}

fn parameters() -> HashMap<String, ModelParameter> {
    let parameter = |argument: String| {
        let (key, value) = argument.split_once('=')?;
        Some((key.to_owned(), ModelParameter { string_value: value.to_owned() }))
    };
    env::args().filter_map(parameter).collect()
}

fn measure(name: &str, factory: &dyn ExecutorFactory, inputs: &[(DataType, Shape)]) {
    let data: Vec<Bytes> = inputs.iter().map(|(ty, shape)| ones(*ty, shape)).collect();
    let outputs: Vec<usize> = (0..factory.signature().outputs.len()).collect();
    let mut executor = factory.executor(0).expect("an executor");
    let mut run = || {
        let parts = inputs.iter().zip(&data).enumerate();
        let inputs = parts
            .map(|(index, ((data_type, shape), data))| BatchInput {
                index,
                data_type: *data_type,
                shape: shape.clone(),
                parts: smallvec![data],
            })
            .collect();
        let batch = BatchInputs { inputs, outputs: &outputs };
        executor.execute(&batch, &mut ComputeStamps::default()).expect("a run")
    };
    drop(run());
    let mut rounds: Vec<u128> = (0..ROUNDS).map(|_| round(&mut run)).collect();
    rounds.sort_unstable();
    println!("{name}: {} ns per run (median {})", rounds[0], rounds[ROUNDS / 2]);
}

fn round<T>(run: &mut impl FnMut() -> T) -> u128 {
    let (start, mut runs) = (Instant::now(), 0);
    while start.elapsed() < ROUND {
        for _ in 0..10 {
            drop(run());
        }
        runs += 10;
    }
    start.elapsed().as_nanos() / runs
}

fn ones(data_type: DataType, shape: &Shape) -> Bytes {
    let one: &[u8] = match data_type {
        DataType::Int64 => &1_i64.to_le_bytes(),
        _ => &1_f32.to_le_bytes(),
    };
    one.repeat(shape.elements()).into()
}

fn cache() -> PathBuf {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/hone"));
    env::var_os("HONE_CACHE").map(PathBuf::from).or_else(home).unwrap_or_default()
}

fn resident_mb() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096 / 1_000_000
}
