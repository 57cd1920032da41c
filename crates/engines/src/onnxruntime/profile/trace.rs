//! The profiler's file: a list of events, each with a start and a duration in whole microseconds.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use serde::Deserialize;

use super::{NodeProfile, TensorShape, cost};

/// Operators that run other nodes.
const CONTROL_FLOW: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];
const KERNEL: &str = "_kernel_time";
const RUN: &str = "model_run";

/// Runs and the nodes that ran in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    /// In the order of time, as start and end.
    runs: Vec<Range<u64>>,
    /// By start, those that contain others first.
    events: Vec<Kernel>,
}

/// What tells a node from the others: names alone are not unique.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NodeKey {
    pub(super) name: String,
    index: String,
    operator: String,
}

/// One node, added up over its calls in some runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) key: NodeKey,
    provider: String,
    calls: u64,
    micros: u64,
    inputs: Vec<TensorShape>,
    outputs: Vec<TensorShape>,
    activation_bytes: u64,
    weight_bytes: u64,
    flops: Option<f64>,
}

/// One call of a node.
#[derive(Clone, Debug)]
struct Kernel {
    key: NodeKey,
    provider: String,
    thread: u64,
    start: u64,
    /// With what ran inside of it.
    micros: u64,
    /// Without.
    own_micros: u64,
    inputs: Vec<TensorShape>,
    outputs: Vec<TensorShape>,
    activation_bytes: u64,
    weight_bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Event {
    cat: String,
    name: String,
    #[serde(default)]
    tid: u64,
    ts: u64,
    dur: u64,
    #[serde(default)]
    args: Arguments,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    op_name: String,
    provider: String,
    node_index: String,
    activation_size: String,
    parameter_size: String,
    output_size: String,
    input_type_shape: Vec<BTreeMap<String, Vec<i64>>>,
    output_type_shape: Vec<BTreeMap<String, Vec<i64>>>,
}

impl Trace {
    /// Parses a profile.
    ///
    /// # Errors
    ///
    /// It is no list of events.
    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let events: Vec<Event> = serde_json::from_slice(json)?;
        let is_run = |event: &&Event| event.cat == "Session" && event.name == RUN;
        let mut runs: Vec<Range<u64>> =
            events.iter().filter(is_run).map(|event| event.ts..event.ts + event.dur).collect();
        runs.sort_by_key(|run| run.start);
        let mut kernels: Vec<Kernel> = events.into_iter().filter_map(kernel).collect();
        kernels.sort_by_key(|kernel| (kernel.start, u64::MAX - kernel.micros));
        take_out_what_is_inside(&mut kernels);
        Ok(Self { runs, events: kernels })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Forgets the first runs.
    pub(super) fn without_runs(mut self, count: usize) -> Self {
        self.runs.drain(..count.min(self.runs.len()));
        self
    }

    /// The faster half of the runs, in the order of time: others were disturbed.
    pub(super) fn quiet_runs(&self) -> Vec<Range<u64>> {
        let mut runs = self.runs.clone();
        runs.sort_by_key(|run| run.end - run.start);
        runs.truncate(runs.len().div_ceil(2));
        runs.sort_by_key(|run| run.start);
        runs
    }

    /// The mean of some runs.
    pub(super) fn run_seconds(&self, runs: &[Range<u64>]) -> f64 {
        let micros: u64 = runs.iter().map(|run| run.end - run.start).sum();
        micros as f64 / 1e6 / runs.len().max(1) as f64
    }

    /// The nodes of some runs, in the order in which they first ran.
    pub(super) fn nodes(&self, runs: &[Range<u64>]) -> Vec<Node> {
        let mut places: HashMap<&NodeKey, usize> = HashMap::new();
        let mut nodes: Vec<Node> = Vec::new();
        for run in runs {
            let first = self.events.partition_point(|event| event.start < run.start);
            let last = self.events.partition_point(|event| event.start <= run.end);
            for event in &self.events[first..last] {
                let place = *places.entry(&event.key).or_insert_with(|| {
                    nodes.push(Node::new(event));
                    nodes.len() - 1
                });
                nodes[place].add(event);
            }
        }
        nodes
    }
}

impl Node {
    fn new(event: &Kernel) -> Self {
        Self {
            key: event.key.clone(),
            provider: event.provider.clone(),
            inputs: event.inputs.clone(),
            outputs: event.outputs.clone(),
            ..Self::default()
        }
    }

    fn add(&mut self, event: &Kernel) {
        self.calls += 1;
        self.micros += event.own_micros;
        self.activation_bytes += event.activation_bytes;
        self.weight_bytes += event.weight_bytes;
        let flops = cost::flops(&event.key.operator, &event.inputs, &event.outputs);
        self.flops = flops.map(|flops| flops + self.flops.unwrap_or(0.0)).or(self.flops);
    }

    /// The times of this one, over so many runs, with the shapes and sizes of `described`, which
    /// may have been called in another number of runs.
    pub(super) fn with_shapes_of(self, described: Self, runs: usize) -> NodeProfile {
        let calls = self.calls as f64 / runs.max(1) as f64;
        let per_run = calls / described.calls.max(1) as f64;
        NodeProfile {
            calls,
            seconds: self.micros as f64 / 1e6 / runs.max(1) as f64,
            cost: cost::Cost {
                operations: described.flops.map(|flops| flops * per_run),
                activation_bytes: described.activation_bytes as f64 * per_run,
                weight_bytes: described.weight_bytes as f64 * per_run,
                precision: cost::precision(&self.key.operator, &described.inputs),
            },
            name: self.key.name,
            operator: self.key.operator,
            provider: self.provider,
            inputs: described.inputs,
            outputs: described.outputs,
        }
    }
}

/// An event as a call of a node, if it is one.
fn kernel(event: Event) -> Option<Kernel> {
    let name = event.name.strip_suffix(KERNEL).filter(|_| event.cat == "Node")?.to_owned();
    let Arguments { op_name, provider, node_index, .. } = event.args;
    let bytes = |size: &str| size.parse::<u64>().unwrap_or(0);
    let (taken, given) = (bytes(&event.args.activation_size), bytes(&event.args.output_size));
    Some(Kernel {
        key: NodeKey { name, index: node_index, operator: op_name },
        provider,
        thread: event.tid,
        start: event.ts,
        micros: event.dur,
        own_micros: event.dur,
        inputs: shapes(event.args.input_type_shape),
        outputs: shapes(event.args.output_type_shape),
        activation_bytes: taken.saturating_add(given),
        weight_bytes: bytes(&event.args.parameter_size),
    })
}

fn shapes(listed: Vec<BTreeMap<String, Vec<i64>>>) -> Vec<TensorShape> {
    let tensors = listed.into_iter().flatten();
    tensors.map(|(element, dims)| TensorShape { element, dims }).collect()
}

/// Takes from each node that runs others what those took, so that nothing is counted twice. Moves
/// no more than their bytes either: the nodes inside have their own.
fn take_out_what_is_inside(kernels: &mut [Kernel]) {
    for outer in 0..kernels.len() {
        if !CONTROL_FLOW.contains(&&*kernels[outer].key.operator) {
            continue;
        }
        kernels[outer].activation_bytes = 0;
        kernels[outer].weight_bytes = 0;
        let (thread, end) = (kernels[outer].thread, kernels[outer].start + kernels[outer].micros);
        let mut covered = kernels[outer].start;
        let mut inside = 0;
        for inner in &kernels[outer + 1..] {
            if inner.start >= end {
                break;
            }
            // Only the outermost of those inside: the others are inside of them.
            if inner.thread == thread && inner.start >= covered {
                inside += inner.micros;
                covered = inner.start + inner.micros;
            }
        }
        kernels[outer].own_micros = kernels[outer].micros.saturating_sub(inside);
    }
}

#[cfg(test)]
mod tests;
