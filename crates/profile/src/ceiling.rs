//! The model against what this machine can do.

use std::{collections::BTreeMap, ops::Add};

use engines::onnxruntime::{Cost, EngineProfile, NodeProfile, Precision};
use kernels::{MemoryLevel, Peak, Roofline};

use crate::{Bound, Ceiling, NodeBound, OperatorTime};

/// Nodes that are listed.
const NODES_MAX: usize = 1000;

/// What so many threads can do at most, and how much the model moves.
#[derive(Clone, Copy, Debug)]
struct Bounds<'a> {
    roofline: &'a Roofline,
    threads: usize,
    /// Of the whole model: decides where they lie when a node comes to them.
    weight_bytes: f64,
}

/// Puts a profile of runs of `rows` rows with `threads` threads against the machine's bounds; such a
/// run takes `alone` seconds if no profiler watches.
pub(crate) fn ceiling(
    profile: &EngineProfile,
    roofline: &Roofline,
    (threads, rows): (usize, usize),
    alone: f64,
) -> Ceiling {
    let alone = alone.max(1e-9);
    let costs = || profile.nodes.iter().map(|node| &node.cost);
    let weight_bytes = costs().map(|cost| cost.weight_bytes).sum();
    let bounds = Bounds { roofline, threads, weight_bytes };
    let operations = costs().filter_map(|cost| cost.operations).fold(0.0, Add::add);
    let bytes: f64 = costs().map(Cost::bytes).sum();
    let run = profile.run_seconds.max(1e-9);
    let counted = profile.nodes.iter().filter(|node| node.cost.operations.is_some());
    let counted = counted.map(|node| node.seconds).fold(0.0, Add::add);
    let precision = main_precision(profile);
    let at_peak = costs().map(|cost| bounds.compute_seconds(cost)).fold(0.0, Add::add);
    let mut nodes: Vec<NodeBound> =
        profile.nodes.iter().map(|node| bounds.node(node, run)).collect();
    nodes.sort_by(|one, other| other.ms.total_cmp(&one.ms));
    nodes.truncate(NODES_MAX);
    Ceiling {
        threads,
        rows,
        element: name(precision),
        peak: bounds.peak(precision),
        bandwidth: bounds.bandwidth(f64::INFINITY),
        operations,
        bytes,
        intensity: operations / bytes.max(1.0),
        achieved: operations / alone,
        share_of_peak: at_peak / alone,
        counted: counted / profile.nodes_seconds.max(1e-9),
        operators: bounds.operators(&profile.nodes, run),
        nodes,
    }
}

impl Bounds<'_> {
    /// Operations per second.
    fn peak(&self, precision: Precision) -> f64 {
        let peak: &Peak = match precision {
            Precision::F32 => &self.roofline.f32,
            Precision::Bf16 => self.roofline.bf16.as_ref().unwrap_or(&self.roofline.f32),
            Precision::Int8 => &self.roofline.int8,
        };
        self.of_threads(peak.one_core, peak.all_cores)
    }

    /// Bytes per second from the nearest memory that holds so many.
    fn bandwidth(&self, bytes: f64) -> f64 {
        let holds =
            |level: MemoryLevel, size: usize| level == MemoryLevel::Dram || size as f64 >= bytes;
        let mut levels = self.roofline.bandwidth.iter();
        let level = levels.find(|level| holds(level.level, level.level_bytes));
        level.map_or(f64::INFINITY, |level| self.of_threads(level.one_core, level.all_cores))
    }

    fn of_threads(&self, one_core: f64, all_cores: f64) -> f64 {
        if self.threads >= self.roofline.threads.get() {
            all_cores
        } else {
            (one_core * self.threads as f64).min(all_cores.max(one_core))
        }
    }

    fn compute_seconds(&self, cost: &Cost) -> f64 {
        cost.operations.unwrap_or(0.0) / self.peak(cost.precision)
    }

    /// Weights come from where all of the model's fit; what a node takes and gives lies where that
    /// fits, for it was written a moment ago.
    fn memory_seconds(&self, cost: &Cost) -> f64 {
        cost.weight_bytes / self.bandwidth(self.weight_bytes)
            + cost.activation_bytes / self.bandwidth(cost.activation_bytes)
    }

    /// The least time that the work needs here, and what it is made of.
    fn least(&self, cost: &Cost) -> (f64, Bound) {
        let (compute, memory) = (self.compute_seconds(cost), self.memory_seconds(cost));
        if compute >= memory { (compute, Bound::Compute) } else { (memory, Bound::Memory) }
    }

    fn node(&self, node: &NodeProfile, run: f64) -> NodeBound {
        let (least, bound) = self.least(&node.cost);
        let seconds = node.seconds.max(1e-9);
        let operations = node.cost.operations;
        NodeBound {
            name: node.name.clone(),
            operator: node.operator.clone(),
            shapes: shapes(node),
            ms: node.seconds * 1e3,
            share: node.seconds / run,
            intensity: operations.map(|operations| operations / node.cost.bytes().max(1.0)),
            achieved: operations.map(|operations| operations / seconds),
            share_of_bound: (least / seconds).min(1.0),
            bound,
        }
    }

    fn operators(&self, nodes: &[NodeProfile], run: f64) -> Vec<OperatorTime> {
        let mut groups: BTreeMap<&str, Vec<&NodeProfile>> = BTreeMap::new();
        for node in nodes {
            groups.entry(&node.operator).or_default().push(node);
        }
        let mut operators: Vec<OperatorTime> =
            groups.into_iter().map(|(name, nodes)| self.operator(name, &nodes, run)).collect();
        operators.sort_by(|one, other| other.ms.total_cmp(&one.ms));
        operators
    }

    fn operator(&self, name: &str, nodes: &[&NodeProfile], run: f64) -> OperatorTime {
        let seconds: f64 = nodes.iter().map(|node| node.seconds).sum();
        let counts: Vec<f64> = nodes.iter().filter_map(|node| node.cost.operations).collect();
        let operations = (counts.len() == nodes.len()).then(|| counts.iter().sum::<f64>());
        let of = |wanted: Bound| -> f64 {
            let least = nodes.iter().map(|node| self.least(&node.cost));
            least.filter(|(_, bound)| *bound == wanted).map(|(least, _)| least).sum()
        };
        let (compute, memory) = (of(Bound::Compute), of(Bound::Memory));
        OperatorTime {
            operator: name.to_owned(),
            nodes: nodes.len(),
            ms: seconds * 1e3,
            share: seconds / run,
            operations,
            achieved: operations.map(|operations| operations / seconds.max(1e-9)),
            share_of_bound: ((compute + memory) / seconds.max(1e-9)).min(1.0),
            bound: if compute >= memory { Bound::Compute } else { Bound::Memory },
        }
    }
}

/// What most of the operations multiply.
fn main_precision(profile: &EngineProfile) -> Precision {
    let mut sums: BTreeMap<Precision, f64> = BTreeMap::new();
    for node in &profile.nodes {
        *sums.entry(node.cost.precision).or_default() += node.cost.operations.unwrap_or(0.0);
    }
    let most = sums.into_iter().max_by(|(_, one), (_, other)| one.total_cmp(other));
    most.map_or(
        Precision::F32,
        |(precision, operations)| {
            if operations > 0.0 { precision } else { Precision::F32 }
        },
    )
}

pub(crate) const fn name(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::Bf16 => "bf16",
        Precision::Int8 => "int8",
    }
}

/// Such as `1x128x384 * 384x1536 -> 1x128x1536`.
fn shapes(node: &NodeProfile) -> String {
    let text = |dims: &[i64]| {
        let sizes: Vec<String> = dims.iter().map(i64::to_string).collect();
        if sizes.is_empty() { "scalar".to_owned() } else { sizes.join("x") }
    };
    // Quantised operators have scales between what they multiply.
    let tensors = node.inputs.iter().filter(|input| input.dims.len() > 1).take(2);
    let inputs: Vec<String> = tensors.map(|input| text(&input.dims)).collect();
    let output = node.outputs.first().map(|output| text(&output.dims)).unwrap_or_default();
    format!("{} -> {output}", inputs.join(" * "))
}

#[cfg(test)]
mod tests;
