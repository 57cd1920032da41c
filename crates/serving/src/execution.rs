//! One run of one batch: lay the inputs together, call the executor, take the outputs apart.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use smallvec::{SmallVec, smallvec};
use tensor::Tensor;

use crate::{
    BatchInput, BatchInputs, Clock, ComputeStamps, ExecuteError, Executor, NamedTensor, Timestamp,
    interface::{Admitted, Interface},
};

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Executed {
    /// One per request, in order.
    pub answers: SmallVec<[Vec<NamedTensor>; 4]>,
    pub started: Timestamp,
    pub inputs_ready: Timestamp,
    pub outputs_start: Timestamp,
    pub ended: Timestamp,
}

impl Executed {
    /// The whole run: gathering, the engine, splitting.
    pub(crate) fn took(&self) -> Duration {
        self.ended.since(self.started)
    }
}

/// Runs `requests`, which share a shape, as one batch; it has been theirs since `started`.
///
/// # Errors
///
/// The executor's own, [`ExecuteError::Broken`] if it panicked, and [`ExecuteError::Model`] if its
/// outputs do not have the declared type and rows.
pub(crate) fn execute(
    interface: &Interface,
    executor: &mut dyn Executor,
    requests: &[&Admitted],
    started: Timestamp,
) -> Result<Executed, ExecuteError> {
    let rows = requests.iter().map(|request| request.rows).sum();
    let wanted = wanted(requests);
    let indices: SmallVec<[usize; 4]> =
        wanted.iter().map(|output| interface.output_index(*output)).collect();
    let inputs = gather(interface, requests, rows);
    let batch = BatchInputs { inputs, outputs: &indices };
    let mut stamps = ComputeStamps::default();
    let run = catch_unwind(AssertUnwindSafe(|| executor.execute(&batch, &mut stamps)));
    let outputs = run.map_err(|panic| ExecuteError::Broken(panic_text(panic.as_ref())))??;
    let answers = split(interface, &outputs, &wanted, requests, rows)?;
    let ended = Clock::now();
    let inputs_ready = stamps.inputs_ready.unwrap_or(started);
    let outputs_start = stamps.outputs_start.unwrap_or(ended);
    Ok(Executed { answers, started, inputs_ready, outputs_start, ended })
}

/// Positions in the interface of all outputs that some request wants, ascending.
fn wanted(requests: &[&Admitted]) -> SmallVec<[usize; 4]> {
    let mut wanted = requests[0].wanted.clone();
    for request in &requests[1..] {
        if request.wanted != requests[0].wanted {
            wanted.extend_from_slice(&request.wanted);
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

fn gather<'a>(
    interface: &Interface,
    requests: &[&'a Admitted],
    rows: usize,
) -> Vec<BatchInput<'a>> {
    let first = requests[0].inputs.iter().enumerate();
    first
        .map(|(position, (index, tensor))| BatchInput {
            index: *index,
            data_type: tensor.data_type(),
            shape: match requests {
                [_] => tensor.shape().clone(),
                _ if interface.batches() => tensor.shape().with_rows(rows),
                _ => tensor.shape().clone(),
            },
            parts: match requests {
                [_] => smallvec![tensor.data()],
                _ => requests.iter().map(|request| request.inputs[position].1.data()).collect(),
            },
        })
        .collect()
}

fn split(
    interface: &Interface,
    outputs: &[Tensor],
    wanted: &[usize],
    requests: &[&Admitted],
    rows: usize,
) -> Result<SmallVec<[Vec<NamedTensor>; 4]>, ExecuteError> {
    if outputs.len() != wanted.len() {
        let (got, asked) = (outputs.len(), wanted.len());
        return Err(ExecuteError::Broken(format!("{got} outputs came for {asked} asked for")));
    }
    let mut start = 0;
    let mut answers = SmallVec::with_capacity(requests.len());
    for request in requests {
        let mut answer = Vec::with_capacity(request.wanted.len());
        for output in &request.wanted {
            // `wanted` is the sorted union of all requests' outputs.
            let position = wanted.binary_search(output).unwrap_or_default();
            let tensor = part(interface, &outputs[position], start, request.rows, rows)?;
            let named = interface.to_client(*output, tensor);
            answer.push(named.map_err(|error| ExecuteError::Model(error.to_string()))?);
        }
        start += request.rows;
        answers.push(answer);
    }
    Ok(answers)
}

/// One request's rows of an output.
fn part(
    interface: &Interface,
    output: &Tensor,
    start: usize,
    own_rows: usize,
    rows: usize,
) -> Result<Tensor, ExecuteError> {
    if !interface.batches() {
        return Ok(output.clone());
    }
    if output.shape().first() != Some(&rows) {
        return Err(ExecuteError::Model(format!(
            "a batch of {rows} rows gave an output of shape {}: the model does not keep the batch \
             dimension; set max_batch_size to 0",
            output.shape()
        )));
    }
    Ok(if own_rows == rows { output.clone() } else { output.rows(start, own_rows) })
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the engine panicked: {}", text.unwrap_or("no message"))
}
