//! First inferences: readiness means that one has gone through.

use std::{fs, path::Path};

use bytes::Bytes;
use protocol::model_config::{
    ModelConfig, ModelWarmup,
    model_warmup::{Input, input::InputDataType},
};
use tensor::{DataType, Shape, Tensor};

use crate::{
    ExecuteError, InferRequest, LoadError, NamedTensor, TensorSpec,
    config::data_type,
    interface::{Admitted, Interface},
    scheduler::Scheduler,
};

/// Sizes that are tried for free dimensions if the configuration gives no warm-up.
const FREE_DIMS: [usize; 4] = [1, 16, 64, 224];

/// Limit on a warm-up input, and on what a free dimension may make of one.
const INPUT_BYTES_MAX: usize = 256 << 20;

/// Runs the configured warm-up on every instance, or one of zeros.
///
/// # Errors
///
/// A configured warm-up fails. One of zeros may fail where the model does not take zeros; that is
/// logged, since the engine has answered.
pub(crate) fn warm_up(
    config: &ModelConfig,
    folder: &Path,
    interface: &Interface,
    scheduler: &Scheduler,
) -> Result<(), LoadError> {
    if config.model_warmup.is_empty() {
        return warm_up_with_zeros(config, interface, scheduler);
    }
    for warmup in &config.model_warmup {
        let admitted = configured(warmup, folder, interface).map_err(|error| {
            LoadError::Config(format!("model_warmup '{}': {error}", warmup.name))
        })?;
        for _ in 0..warmup.count.max(1) {
            scheduler.warm_up(&admitted).map_err(|error| {
                LoadError::Model(format!("model_warmup '{}' failed: {error}", warmup.name))
            })?;
        }
    }
    Ok(())
}

fn warm_up_with_zeros(
    config: &ModelConfig,
    interface: &Interface,
    scheduler: &Scheduler,
) -> Result<(), LoadError> {
    let mut last_error = String::new();
    for free in FREE_DIMS {
        let Ok(admitted) = zeros(interface, free) else { break };
        match scheduler.warm_up(&admitted) {
            Ok(()) => return Ok(()),
            Err(ExecuteError::Model(error)) => last_error = error,
            Err(ExecuteError::Broken(error)) => return Err(LoadError::Model(error)),
        }
    }
    tracing::warn!(
        model = config.name,
        error = last_error,
        "the model does not run on zeros, so it is not warmed up; give it a model_warmup"
    );
    Ok(())
}

fn zeros(interface: &Interface, free: usize) -> Result<Admitted, String> {
    let required = interface.input_specs.iter().filter(|spec| !spec.optional);
    let inputs = required.map(|spec| zero_input(spec, interface.batches(), free));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let request = InferRequest { inputs, ..InferRequest::default() };
    interface.admit(request).map_err(|error| error.to_string())
}

fn zero_input(spec: &TensorSpec, batches: bool, free: usize) -> Result<NamedTensor, String> {
    let mut dims: Vec<usize> =
        spec.dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(free)).collect();
    if batches {
        dims[0] = 1;
    }
    let tensor = filled(spec.data_type, dims.into_iter().collect(), |_| 0)?;
    Ok(NamedTensor { name: spec.name.clone(), tensor })
}

fn configured(
    warmup: &ModelWarmup,
    folder: &Path,
    interface: &Interface,
) -> Result<Admitted, String> {
    let rows = usize::try_from(warmup.batch_size).unwrap_or(0).max(1);
    let mut inputs = Vec::with_capacity(warmup.inputs.len());
    for (name, input) in &warmup.inputs {
        let tensor = configured_input(input, folder, interface.batches().then_some(rows))
            .map_err(|error| format!("input '{name}': {error}"))?;
        inputs.push(NamedTensor { name: name.clone(), tensor });
    }
    let request = InferRequest { inputs, ..InferRequest::default() };
    interface.admit(request).map_err(|error| error.to_string())
}

fn configured_input(input: &Input, folder: &Path, rows: Option<usize>) -> Result<Tensor, String> {
    let data_type = data_type(input.data_type).ok_or("data_type is missing")?;
    let dims = Shape::from_wire(&input.dims).map_err(|error| error.to_string())?;
    let shape: Shape = rows.into_iter().chain(dims.iter().copied()).collect();
    match &input.input_data_type {
        Some(InputDataType::InputDataFile(file)) => {
            let path = file_within(&folder.join("warmup"), file)?;
            let data = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let repeated = data.repeat(rows.unwrap_or(1));
            Tensor::new(data_type, shape, repeated.into()).map_err(|error| error.to_string())
        }
        Some(InputDataType::RandomData(true)) => {
            let mut state = 0x9e37_79b9_7f4a_7c15_u64;
            filled(data_type, shape, |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Small numbers in every type: the high byte of each element stays zero.
                u8::try_from(state >> 60).unwrap_or(0)
            })
        }
        _ => filled(data_type, shape, |_| 0),
    }
}

/// A tensor whose elements each have the lowest byte `byte(i)`; strings are empty.
fn filled(
    data_type: DataType,
    shape: Shape,
    mut byte: impl FnMut(usize) -> u8,
) -> Result<Tensor, String> {
    let size = data_type.size().unwrap_or(4);
    let bytes = shape.elements().saturating_mul(size);
    if bytes > INPUT_BYTES_MAX {
        return Err(format!("shape {shape} takes {bytes} bytes, over {INPUT_BYTES_MAX}"));
    }
    let mut data = vec![0; bytes];
    if data_type.size().is_some() && data_type != DataType::Bool {
        for (index, element) in data.chunks_exact_mut(size).enumerate() {
            element[0] = byte(index);
        }
    }
    Tensor::new(data_type, shape, Bytes::from(data)).map_err(|error| error.to_string())
}

/// `file` below `folder`, if it does not lead out of it.
pub(crate) fn file_within(folder: &Path, file: &str) -> Result<std::path::PathBuf, String> {
    let path = Path::new(file);
    let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !inside || file.is_empty() {
        return Err(format!("'{file}' must be a relative path without '..'"));
    }
    Ok(folder.join(path))
}
