//! From a model's configuration document to what is in force: completed from the model, checked
//! against it, and cut into the small options of each part.

use std::{num::NonZeroUsize, time::Duration};

use protocol::model_config::DataType as WireType;
use protocol::model_config::{
    ModelConfig, ModelDynamicBatching, ModelInput, ModelInstanceGroup, ModelOutput,
    ModelQueuePolicy, ModelTensorReshape, SchedulingChoice, model_instance_group,
    model_queue_policy,
};
use tensor::DataType;

use crate::{BatcherOptions, LoadError, QueuePolicy, Signature, TensorSpec, TimeoutAction};

/// More priority levels than this are refused; each poll looks at every level.
const PRIORITY_LEVELS_MAX: u64 = 1024;

/// What a configuration that says nothing gets.
#[derive(Clone, Copy, Debug)]
pub struct ModelDefaults {
    /// `max_batch_size` of a model whose inputs and outputs all start with a free dimension.
    pub max_batch_size: i32,
    /// Instances of a model on the CPU.
    pub instances: NonZeroUsize,
    /// Waiting requests per model beyond which more are refused.
    pub queue_requests_max: usize,
    /// Waiting bytes of input per model beyond which more are refused.
    pub queue_bytes_max: usize,
}

/// Fills in what `given` leaves open: inputs, outputs, batching, instances.
///
/// # Errors
///
/// `given` names a tensor that the model does not have.
pub(crate) fn complete(
    given: &ModelConfig,
    signature: &Signature,
    defaults: &ModelDefaults,
) -> Result<ModelConfig, LoadError> {
    let mut config = given.clone();
    if config.max_batch_size == 0 && leaves_batch_open(given, signature) {
        config.max_batch_size = defaults.max_batch_size;
    }
    let batches = config.max_batch_size > 0;
    for spec in &signature.inputs {
        if let Some(input) = config.input.iter_mut().find(|input| input.name == spec.name) {
            complete_type(&mut input.data_type, spec);
            complete_dims(&mut input.dims, &mut input.reshape, spec, batches);
        } else if !spec.optional {
            config.input.push(input_of(spec, batches)?);
        }
    }
    if config.output.is_empty() {
        let outputs = signature.outputs.iter();
        config.output = outputs.map(|spec| output_of(spec, batches)).collect::<Result<_, _>>()?;
    } else {
        for output in &mut config.output {
            let spec = find(&signature.outputs, &output.name, "output")?;
            complete_type(&mut output.data_type, spec);
            complete_dims(&mut output.dims, &mut output.reshape, spec, batches);
        }
    }
    if config.max_batch_size > 1 && config.scheduling_choice.is_none() {
        let batching = SchedulingChoice::DynamicBatching(ModelDynamicBatching::default());
        config.scheduling_choice = Some(batching);
    }
    complete_instances(&mut config, defaults.instances);
    Ok(config)
}

/// Number of instances that a completed configuration asks for; never 0.
pub(crate) fn instance_count(config: &ModelConfig) -> usize {
    let groups = config.instance_group.iter().filter(|group| !group.passive);
    let counts = groups.map(|group| {
        let devices = group.gpus.len().max(1);
        usize::try_from(group.count).unwrap_or(0) * devices
    });
    counts.sum::<usize>().max(1)
}

/// How a completed configuration's requests wait and gather.
///
/// # Errors
///
/// A setting is out of range; the message names it.
pub(crate) fn batcher_options(
    config: &ModelConfig,
    defaults: &ModelDefaults,
) -> Result<BatcherOptions, LoadError> {
    let mut options = BatcherOptions {
        batch_rows_max: 1,
        preferred_rows: Vec::new(),
        queue_delay_max: Duration::ZERO,
        preserve_ordering: false,
        levels: vec![QueuePolicy::default()],
        default_level: 0,
        queue_requests_max: defaults.queue_requests_max,
        queue_bytes_max: defaults.queue_bytes_max,
    };
    match &config.scheduling_choice {
        None => {}
        Some(SchedulingChoice::DynamicBatching(batching)) => {
            options.batch_rows_max = usize::try_from(config.max_batch_size).unwrap_or(0).max(1);
            options.preserve_ordering = batching.preserve_ordering;
            options.queue_delay_max = Duration::from_micros(batching.max_queue_delay_microseconds);
            options.preferred_rows = preferred_rows(batching, options.batch_rows_max)?;
            set_levels(&mut options, batching)?;
        }
        Some(SchedulingChoice::SequenceBatching(_)) => {
            return Err(unsupported("sequence_batching"));
        }
        Some(SchedulingChoice::EnsembleScheduling(_)) => {
            return Err(unsupported("ensemble_scheduling"));
        }
    }
    Ok(options)
}

/// The tensor type of a configuration's `data_type`; `None` where it is unset.
pub(crate) fn data_type(wire: i32) -> Option<DataType> {
    Some(match WireType::try_from(wire).ok()? {
        WireType::TypeInvalid => return None,
        WireType::TypeBool => DataType::Bool,
        WireType::TypeUint8 => DataType::Uint8,
        WireType::TypeUint16 => DataType::Uint16,
        WireType::TypeUint32 => DataType::Uint32,
        WireType::TypeUint64 => DataType::Uint64,
        WireType::TypeInt8 => DataType::Int8,
        WireType::TypeInt16 => DataType::Int16,
        WireType::TypeInt32 => DataType::Int32,
        WireType::TypeInt64 => DataType::Int64,
        WireType::TypeFp16 => DataType::Fp16,
        WireType::TypeBf16 => DataType::Bf16,
        WireType::TypeFp32 => DataType::Fp32,
        WireType::TypeFp64 => DataType::Fp64,
        WireType::TypeString => DataType::Bytes,
    })
}

fn wire_type(data_type: DataType) -> i32 {
    let wire = match data_type {
        DataType::Bool => WireType::TypeBool,
        DataType::Uint8 => WireType::TypeUint8,
        DataType::Uint16 => WireType::TypeUint16,
        DataType::Uint32 => WireType::TypeUint32,
        DataType::Uint64 => WireType::TypeUint64,
        DataType::Int8 => WireType::TypeInt8,
        DataType::Int16 => WireType::TypeInt16,
        DataType::Int32 => WireType::TypeInt32,
        DataType::Int64 => WireType::TypeInt64,
        DataType::Fp16 => WireType::TypeFp16,
        DataType::Bf16 => WireType::TypeBf16,
        DataType::Fp32 => WireType::TypeFp32,
        DataType::Fp64 => WireType::TypeFp64,
        DataType::Bytes => WireType::TypeString,
    };
    wire as i32
}

/// Finds a tensor of the model by the name that a configuration uses.
pub(crate) fn find<'a>(
    specs: &'a [TensorSpec],
    name: &str,
    role: &str,
) -> Result<&'a TensorSpec, LoadError> {
    specs.iter().find(|spec| spec.name == name).ok_or_else(|| {
        let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        LoadError::Config(format!(
            "the configuration names {role} '{name}', the model's {role}s are '{}'",
            known.join("', '")
        ))
    })
}

/// Whether every tensor of the model starts with a free dimension that `given` does not claim.
fn leaves_batch_open(given: &ModelConfig, signature: &Signature) -> bool {
    let mut specs = signature.inputs.iter().chain(&signature.outputs);
    if !specs.all(|spec| spec.dims.first() == Some(&-1)) {
        return false;
    }
    let claimed =
        |name: &str, dims: &[i64], reshape: &Option<ModelTensorReshape>, specs: &[TensorSpec]| {
            let dims = reshape.as_ref().map_or(dims, |reshape| &reshape.shape);
            let spec = specs.iter().find(|spec| spec.name == name);
            dims.len() > 1 && spec.is_some_and(|spec| spec.dims.len() == dims.len())
        };
    let inputs = given.input.iter();
    let inputs = inputs.map(|i| claimed(&i.name, &i.dims, &i.reshape, &signature.inputs));
    let outputs = given.output.iter();
    let outputs = outputs.map(|o| claimed(&o.name, &o.dims, &o.reshape, &signature.outputs));
    !inputs.chain(outputs).any(|claimed| claimed)
}

fn input_of(spec: &TensorSpec, batches: bool) -> Result<ModelInput, LoadError> {
    let (dims, reshape) = dims_of(spec, batches)?;
    let (name, data_type) = (spec.name.clone(), wire_type(spec.data_type));
    let optional = spec.optional;
    Ok(ModelInput { name, data_type, dims, reshape, optional, ..ModelInput::default() })
}

fn output_of(spec: &TensorSpec, batches: bool) -> Result<ModelOutput, LoadError> {
    let (dims, reshape) = dims_of(spec, batches)?;
    let (name, data_type) = (spec.name.clone(), wire_type(spec.data_type));
    Ok(ModelOutput { name, data_type, dims, reshape, ..ModelOutput::default() })
}

/// A tensor's dimensions without the batch's. The document cannot say "no dimension", so a scalar
/// becomes one element that is reshaped.
fn dims_of(
    spec: &TensorSpec,
    batches: bool,
) -> Result<(Vec<i64>, Option<ModelTensorReshape>), LoadError> {
    let dims = match spec.dims.split_first() {
        Some((-1, rest)) if batches => rest,
        _ if !batches => &spec.dims,
        _ => {
            return Err(LoadError::Config(format!(
                "max_batch_size is set, but '{}' of the model has shape {:?}, whose first dimension \
                 is not free: set max_batch_size to 0 and give full shapes",
                spec.name, spec.dims
            )));
        }
    };
    if dims.is_empty() {
        return Ok((vec![1], Some(ModelTensorReshape::default())));
    }
    Ok((dims.to_vec(), None))
}

fn complete_type(data_type: &mut i32, spec: &TensorSpec) {
    if *data_type == WireType::TypeInvalid as i32 {
        *data_type = wire_type(spec.data_type);
    }
}

fn complete_dims(
    dims: &mut Vec<i64>,
    reshape: &mut Option<ModelTensorReshape>,
    spec: &TensorSpec,
    batches: bool,
) {
    if dims.is_empty()
        && let Ok((own, own_reshape)) = dims_of(spec, batches)
    {
        (*dims, *reshape) = (own, own_reshape);
    } else if reshape.is_none() && spec.dims.len() == usize::from(batches) && dims[..] == [1] {
        *reshape = Some(ModelTensorReshape::default());
    }
}

fn complete_instances(config: &mut ModelConfig, default_count: NonZeroUsize) {
    let default_count = i32::try_from(default_count.get()).unwrap_or(i32::MAX);
    if config.instance_group.is_empty() {
        config.instance_group.push(ModelInstanceGroup::default());
    }
    for (index, group) in config.instance_group.iter_mut().enumerate() {
        if group.name.is_empty() {
            group.name = format!("{}_{index}", config.name);
        }
        if group.kind == model_instance_group::Kind::Auto as i32 && group.gpus.is_empty() {
            group.kind = model_instance_group::Kind::Cpu as i32;
        }
        if group.count == 0 {
            let gpu = group.kind == model_instance_group::Kind::Gpu as i32;
            group.count = if gpu { 1 } else { default_count };
        }
    }
}

fn preferred_rows(
    batching: &ModelDynamicBatching,
    batch_rows_max: usize,
) -> Result<Vec<usize>, LoadError> {
    let sizes = batching.preferred_batch_size.iter();
    sizes
        .map(|size| match usize::try_from(*size) {
            Ok(rows) if (1..=batch_rows_max).contains(&rows) => Ok(rows),
            _ => Err(LoadError::Config(format!(
                "dynamic_batching.preferred_batch_size {size} is outside 1..={batch_rows_max} \
                 (max_batch_size)"
            ))),
        })
        .collect()
}

fn set_levels(
    options: &mut BatcherOptions,
    batching: &ModelDynamicBatching,
) -> Result<(), LoadError> {
    let count = batching.priority_levels.max(1);
    let default = batching.default_priority_level;
    if count > PRIORITY_LEVELS_MAX {
        return Err(LoadError::Config(format!(
            "dynamic_batching.priority_levels is {count}; at most {PRIORITY_LEVELS_MAX}"
        )));
    }
    if batching.priority_levels > 0 && !(1..=count).contains(&default) {
        return Err(LoadError::Config(format!(
            "dynamic_batching.default_priority_level is {default}; with priority_levels {count} it \
             must be 1..={count}"
        )));
    }
    let policy = queue_policy(batching.default_queue_policy.as_ref());
    options.levels = (1..=count)
        .map(|level| match batching.priority_queue_policy.get(&level) {
            Some(own) => queue_policy(Some(own)),
            None => policy,
        })
        .collect();
    options.default_level = usize::try_from(default.saturating_sub(1)).unwrap_or(0);
    Ok(())
}

fn queue_policy(policy: Option<&ModelQueuePolicy>) -> QueuePolicy {
    let Some(policy) = policy else { return QueuePolicy::default() };
    let timeout = Duration::from_micros(policy.default_timeout_microseconds);
    let delays = policy.timeout_action == model_queue_policy::TimeoutAction::Delay as i32;
    QueuePolicy {
        timeout_default: (!timeout.is_zero()).then_some(timeout),
        timeout_override: policy.allow_timeout_override,
        timeout_action: if delays { TimeoutAction::Delay } else { TimeoutAction::Reject },
        queue_requests_max: usize::try_from(policy.max_queue_size).ok().filter(|max| *max > 0),
    }
}

fn unsupported(field: &str) -> LoadError {
    LoadError::Config(format!("{field} is not supported by this version of Hone"))
}

#[cfg(test)]
mod tests;
