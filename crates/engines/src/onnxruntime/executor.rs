//! One instance of a model.

use std::{ffi::CStr, sync::Arc};

use ort::{ErrorCode, session::Session};
use serving::{BatchInput, BatchInputs, ComputeStamps, ExecuteError, Executor};
use smallvec::SmallVec;
use tensor::{DataType, StringElements, Tensor, push_string};

use super::{
    factory::Model,
    raw::{self, Feed, Output},
    runs::Runs,
    session::one_line,
};

/// Where inputs are laid so that vector instructions find them aligned.
const ALIGNMENT: usize = 64;
/// A buffer above this is given back when the next batch needs less than a quarter of it.
const KEPT_BYTES: usize = 1 << 20;
/// What the library says when a GPU is lost to this process.
const LOST_DEVICE: [&str; 3] = ["CUDA failure", "CUDNN failure", "CUBLAS failure"];

/// The one such failure after which the device goes on.
const NO_MEMORY: &str = "out of memory";

/// Runs batches on a session that it shares with the model's other instances.
pub(super) struct SessionExecutor {
    session: Arc<Session>,
    runs: Arc<Runs>,
    /// One per input of the signature.
    buffers: Vec<Buffer>,
    model: Arc<Model>,
}

impl SessionExecutor {
    pub(super) fn new(model: Arc<Model>, instance: usize, runs: Arc<Runs>) -> Self {
        let session = Arc::clone(model.sessions.of_instance(instance));
        let buffers = model.signature.inputs.iter().map(|_| Buffer::default()).collect();
        Self { session, runs, buffers, model }
    }
}

impl Executor for SessionExecutor {
    fn execute(
        &mut self,
        batch: &BatchInputs<'_>,
        stamps: &mut ComputeStamps,
    ) -> Result<Vec<Tensor>, ExecuteError> {
        let Self { session, runs, buffers, model } = self;
        let mut input_bytes = 0;
        for input in &batch.inputs {
            input_bytes += input.byte_len();
            buffers[input.index].gather(input);
        }
        let feeds: SmallVec<[(&CStr, Feed<'_>); 8]> = batch
            .inputs
            .iter()
            .map(|input| {
                let name = model.input_names[input.index].as_c_str();
                Ok((name, feed(model, input, &buffers[input.index])?))
            })
            .collect::<Result<_, ort::Error>>()
            .map_err(|error| failure(&error))?;
        let names: SmallVec<[&CStr; 4]> =
            batch.outputs.iter().map(|index| model.output_names[*index].as_c_str()).collect();
        stamps.inputs_ready();
        let outputs = raw::run(session, runs.next(input_bytes), &feeds, &names);
        stamps.outputs_start();
        outputs
            .and_then(|outputs| outputs.into_iter().map(|output| take(output, session)).collect())
            .map_err(|error| failure(&error))
    }
}

/// Gives the library an input: where the request's bytes lie if that will do, else the buffer.
fn feed<'a>(
    model: &Model,
    input: &'a BatchInput<'_>,
    buffer: &'a Buffer,
) -> Result<Feed<'a>, ort::Error> {
    if input.data_type == DataType::Bytes {
        let strings = input.parts.iter().flat_map(|part| StringElements::new(part));
        return Feed::strings(&input.shape, strings);
    }
    let data = borrowable(input).unwrap_or_else(|| buffer.data());
    Feed::borrowed(input.data_type, &input.shape, data, model.library.cpu_memory())
}

/// The request's own bytes, if the library can read them where they lie.
fn borrowable<'a>(input: &'a BatchInput<'_>) -> Option<&'a [u8]> {
    match &input.parts[..] {
        [part] if raw::is_readable(input.data_type, part) => Some(part),
        _ => None,
    }
}

fn take(output: Output<'_>, session: &Arc<Session>) -> Result<Tensor, ort::Error> {
    let (data_type, shape) = output.header()?;
    let data_type = data_type.ok_or_else(|| {
        ort::Error::new("the model gave an output of a type that replies cannot carry")
    })?;
    let data = if data_type == DataType::Bytes {
        let (bytes, starts) = output.strings()?;
        frame(&bytes, &starts).into()
    } else {
        output.into_bytes(session)?
    };
    Tensor::new(data_type, shape, data).map_err(|error| ort::Error::new(error.to_string()))
}

/// Strings that lie one behind the other, as they go over the wire.
fn frame(bytes: &[u8], starts: &[usize]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(bytes.len() + starts.len() * size_of::<u32>());
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    for (start, end) in starts.iter().zip(ends) {
        push_string(&mut framed, &bytes[*start..end]);
    }
    framed
}

fn failure(error: &ort::Error) -> ExecuteError {
    let message = one_line(error.message());
    let dead = matches!(error.code(), ErrorCode::DeviceReset | ErrorCode::EngineError)
        || (LOST_DEVICE.iter().any(|sign| message.contains(sign)) && !message.contains(NO_MEMORY));
    if dead { ExecuteError::Broken(message) } else { ExecuteError::Model(message) }
}

/// Memory for an input that cannot be borrowed, kept from batch to batch.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buffer {
    fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }

    /// Lays the parts of an input together, unless it can be borrowed or is copied anyway.
    fn gather(&mut self, input: &BatchInput<'_>) {
        if input.data_type == DataType::Bytes || borrowable(input).is_some() {
            return;
        }
        self.resize(input.byte_len());
        let data = &mut self.bytes[self.start..self.start + self.len];
        input.gather_into(data);
        if input.data_type == DataType::Bool {
            data.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
        }
    }

    fn resize(&mut self, len: usize) {
        let room = len + ALIGNMENT;
        let wasteful = self.bytes.len() > KEPT_BYTES && self.bytes.len() / 4 > room;
        if self.bytes.len() < room || wasteful {
            // Dropped first, so that both are never there at once.
            self.bytes = Vec::new();
            self.bytes = vec![0; room];
        }
        self.start = self.bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        self.len = len;
    }
}

#[cfg(test)]
mod tests;
