use std::num::NonZeroUsize;

use engines::onnxruntime::{EngineProfile, NodeProfile, Precision};
use kernels::{Bandwidth, MemoryLevel, Peak, Roofline};

use super::ceiling;
use crate::{Bound, fixture::node};

/// 100 G operations per second a core, 10 GB/s from memory, 100 GB/s from a cache of a megabyte.
fn roofline() -> Roofline {
    let peak = |one_core| Peak { isa: "test", one_core, all_cores: 2.0 * one_core };
    let level = |level, level_bytes, one_core| Bandwidth {
        level,
        level_bytes,
        one_core,
        all_cores: 1.5 * one_core,
    };
    Roofline {
        threads: NonZeroUsize::new(2).unwrap(),
        f32: peak(100e9),
        bf16: None,
        int8: peak(400e9),
        bandwidth: vec![
            level(MemoryLevel::L2, 1_000_000, 100e9),
            level(MemoryLevel::Dram, 1 << 26, 10e9),
        ],
        caches_assumed: false,
    }
}

fn profile(nodes: Vec<NodeProfile>) -> EngineProfile {
    let nodes_seconds = nodes.iter().map(|node| node.seconds).sum();
    EngineProfile {
        description: String::new(),
        runs: 1,
        runs_counted: 1,
        run_seconds: 0.010,
        nodes_seconds,
        nodes,
    }
}

#[track_caller]
fn close(value: f64, expected: f64) {
    assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{value}, not {expected}");
}

#[test]
fn the_whole_run_is_put_against_the_peak() {
    let nodes = vec![node("a", "MatMul", 0.006, Some(4e8)), node("b", "Add", 0.003, None)];
    let one = ceiling(&profile(nodes.clone()), &roofline(), (1, 1), 0.010);
    close(one.operations, 4e8);
    close(one.bytes, 1.4e6);
    close(one.achieved, 40e9);
    close(one.peak, 100e9);
    close(one.share_of_peak, 0.4);
    close(one.bandwidth, 10e9);
    close(one.counted, 6.0 / 9.0);
    let two = ceiling(&profile(nodes), &roofline(), (2, 1), 0.010);
    close(two.share_of_peak, 0.2);
    close(two.bandwidth, 15e9);
}

#[test]
fn what_takes_longer_at_the_bounds_is_the_bound() {
    let mut light = node("light", "MatMul", 0.001, Some(1e6));
    light.cost.weight_bytes = 2e6;
    let heavy = node("heavy", "MatMul", 0.008, Some(4e8));
    let ceiling = ceiling(&profile(vec![light, heavy]), &roofline(), (1, 1), 0.010);
    let [heavy, light] = &ceiling.nodes[..] else { panic!("{:?}", ceiling.nodes) };
    assert_eq!((&*heavy.name, heavy.bound), ("heavy", Bound::Compute));
    close(heavy.share_of_bound, 0.5);
    assert_eq!((&*light.name, light.bound), ("light", Bound::Memory));
    // All weights, 2.6 MB, fit memory only; the rest of the node fits the cache.
    close(light.share_of_bound, (2e6 / 10e9 + 4e5 / 100e9) / 0.001);
    let [operator] = &ceiling.operators[..] else { panic!("{:?}", ceiling.operators) };
    assert_eq!((operator.nodes, operator.bound), (2, Bound::Compute));
    close(operator.ms, 9.0);
}

#[test]
fn bytes_have_a_peak_of_their_own() {
    let mut bytes = node("q", "QGemm", 0.005, Some(4e8));
    bytes.cost.precision = Precision::Int8;
    let ceiling = ceiling(&profile(vec![bytes]), &roofline(), (1, 1), 0.010);
    assert_eq!(ceiling.element, "int8");
    close(ceiling.peak, 400e9);
    close(ceiling.share_of_peak, 0.1);
}

#[test]
fn a_model_without_products_has_no_share() {
    let ceiling =
        ceiling(&profile(vec![node("a", "Add", 0.003, None)]), &roofline(), (1, 1), 0.010);
    assert_eq!((ceiling.element, ceiling.operations.to_bits()), ("f32", 0_f64.to_bits()));
    assert_eq!(ceiling.operators[0].operations, None);
    assert!(ceiling.intensity.is_finite() && ceiling.counted == 0.0);
}
