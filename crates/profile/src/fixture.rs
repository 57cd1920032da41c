//! A profile as it might be, for the tests of what is drawn from one.

use engines::onnxruntime::{Cost, EngineProfile, NodeProfile, Precision, TensorShape};

use crate::{
    BandwidthFacts, BatchCurve, BatchOutcome, BatchPoint, Bound, Ceiling, InputFacts, LatencyFacts,
    LoadProfile, MachineFacts, ModelFacts, NodeBound, OperatorTime, PeakFacts, ProfileDocument,
    RooflineFacts, SCHEMA, ScalingPoint, ShapeOrigin, ShorterInputs, StageTime,
};

/// Two loads, two operators, batches that pay up to two rows.
pub(crate) fn document() -> ProfileDocument {
    ProfileDocument {
        schema: SCHEMA,
        hone: "0.1.0".to_owned(),
        command: "hone profile a<b>.onnx".to_owned(),
        began: 1_700_000_000,
        model: model(),
        machine: machine(),
        loads: vec![load("low", 1, 0.1, 9.5), load("saturating", 6, 20.0, 10.0)],
        batches: BatchCurve {
            threads: 1,
            points: vec![point(1, 100.0), point(2, 150.0), point(4, 151.0)],
            outcome: BatchOutcome::Pays,
            best_rows: 2,
            gain: 1.5,
        },
        scaling: vec![way(1, 1, 100.0, 10.0), way(2, 1, 190.0, 10.5), way(1, 2, 160.0, 6.2)],
        shorter: Some(ShorterInputs {
            lengths: vec![128],
            shorter_lengths: vec![64],
            run_ms: 10.0,
            shorter_run_ms: 4.8,
        }),
        engine: engine(),
        ceiling: ceiling(),
        verdict: vec!["Compute is the limit.".to_owned()],
        notes: vec!["A note.".to_owned()],
    }
}

fn model() -> ModelFacts {
    let input = |name: &str, origin| InputFacts {
        name: name.to_owned(),
        data_type: "INT64",
        shape: vec![1, 128],
        origin,
        values: "ones".to_owned(),
    };
    ModelFacts {
        name: "a<b>".to_owned(),
        version: 1,
        path: "a<b>.onnx".to_owned(),
        file_bytes: 1000,
        engine: "onnxruntime on CPU, 1 thread per run".to_owned(),
        instances: 2,
        batch_rows_max: 4,
        inputs: vec![input("ids", ShapeOrigin::Assumed), input("mask", ShapeOrigin::Given)],
    }
}

fn machine() -> MachineFacts {
    let peak =
        |element, isa, one_core| PeakFacts { element, isa, one_core, all_cores: 2.0 * one_core };
    let level = |level, bytes, one_core| BandwidthFacts {
        level,
        bytes,
        one_core,
        all_cores: 2.0 * one_core,
    };
    MachineFacts {
        processor: "A processor".to_owned(),
        cores: 2,
        cpu_features: vec!["avx2", "fma"],
        memory_bytes: 8_000_000_000,
        kernel: "6.1".to_owned(),
        load_average: "0.10".to_owned(),
        roofline: RooflineFacts {
            peaks: vec![
                peak("f32", Some("AVX2 + FMA"), 100e9),
                peak("bf16", None, 0.0),
                peak("int8", Some("AVX2"), 200e9),
            ],
            bandwidth: vec![level("L1", 32 << 10, 190e9), level("memory", 64 << 20, 20e9)],
            caches_assumed: false,
        },
    }
}

/// A load whose requests wait and compute so many milliseconds, and a tenth of one for the rest.
fn load(name: &'static str, connections: usize, queue: f64, compute: f64) -> LoadProfile {
    let total = queue + compute + 0.1;
    let stage = |name, label, ms: f64| StageTime { name, label, ms, share: ms / total };
    LoadProfile {
        name,
        connections,
        requests: 1000,
        failures: 0,
        requests_per_second: 190.0,
        latency: LatencyFacts { mean_ms: total, p50_ms: total, p95_ms: total, p99_ms: total },
        samples: 1000,
        stages: vec![
            stage("network", "network, to and fro", 0.05),
            stage("queue", "queue, batch formation", queue),
            stage("compute_infer", "compute", compute),
        ],
        unexplained_ms: 0.05,
        explained: 1.0 - 0.05 / total,
        batch_rows: 1.5,
        instances_busy: 0.95,
        cores_in_model: 0.9,
        cores_here: 0.97,
        cores_elsewhere: 0.01,
    }
}

fn point(rows: usize, rate: f64) -> BatchPoint {
    let run_ms = rows as f64 * 1e3 / rate;
    BatchPoint { rows, runs: 9, run_ms, row_ms: 1e3 / rate, rows_per_second: rate }
}

fn way(instances: usize, threads: usize, requests_per_second: f64, p50_ms: f64) -> ScalingPoint {
    ScalingPoint { instances, threads, requests_per_second, p50_ms }
}

fn engine() -> EngineProfile {
    EngineProfile {
        description: "onnxruntime".to_owned(),
        runs: 10,
        runs_counted: 5,
        run_seconds: 0.01,
        nodes_seconds: 0.0098,
        nodes: vec![node("m", "MatMul", 0.008, Some(4e8)), node("s", "Softmax", 0.0018, None)],
    }
}

pub(crate) fn node(
    name: &str,
    operator: &str,
    seconds: f64,
    operations: Option<f64>,
) -> NodeProfile {
    let shape = |dims: &[i64]| TensorShape { element: "float".to_owned(), dims: dims.to_vec() };
    NodeProfile {
        name: name.to_owned(),
        operator: operator.to_owned(),
        provider: "CPUExecutionProvider".to_owned(),
        calls: 1.0,
        seconds,
        inputs: vec![shape(&[1, 128, 384]), shape(&[384, 384])],
        outputs: vec![shape(&[1, 128, 384])],
        cost: Cost {
            operations,
            activation_bytes: 4e5,
            weight_bytes: if operations.is_some() { 6e5 } else { 0.0 },
            precision: Precision::F32,
        },
    }
}

fn ceiling() -> Ceiling {
    let operator = |operator: &str, ms: f64, operations: Option<f64>, bound| OperatorTime {
        operator: operator.to_owned(),
        nodes: 1,
        ms,
        share: ms / 10.0,
        operations,
        achieved: operations.map(|operations| operations / ms * 1e3),
        share_of_bound: 0.5,
        bound,
    };
    let node = |name: &str, operator: &str, ms: f64, intensity: Option<f64>, bound| NodeBound {
        name: name.to_owned(),
        operator: operator.to_owned(),
        shapes: "1x128x384 * 384x384 -> 1x128x384".to_owned(),
        ms,
        share: ms / 10.0,
        intensity,
        achieved: intensity.map(|_| 50e9),
        share_of_bound: 0.5,
        bound,
    };
    Ceiling {
        threads: 1,
        rows: 1,
        element: "f32",
        peak: 100e9,
        bandwidth: 20e9,
        operations: 4e8,
        bytes: 1.4e6,
        intensity: 285.7,
        achieved: 40e9,
        share_of_peak: 0.4,
        counted: 0.82,
        operators: vec![
            operator("MatMul", 8.0, Some(4e8), Bound::Compute),
            operator("Softmax", 1.8, None, Bound::Memory),
        ],
        nodes: vec![
            node("m", "MatMul", 8.0, Some(400.0), Bound::Compute),
            node("s & <s>", "Softmax", 1.8, None, Bound::Memory),
        ],
    }
}
