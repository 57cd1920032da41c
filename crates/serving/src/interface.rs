//! A model as its clients see it: which tensors go in and come out, and whether a request fits.

use protocol::model_config::ModelConfig;
use smallvec::SmallVec;
use tensor::{DataType, Shape, Tensor};

use crate::{
    InferRequest, LoadError, NamedTensor, ServeError, ShapeKey, Signature, TensorSpec,
    config::{data_type, find},
};

/// Inputs and outputs of one model version under a completed configuration.
#[derive(Debug)]
pub(crate) struct Interface {
    model: String,
    /// 0 where the model does not batch.
    rows_max: usize,
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
    /// The same for metadata: with a leading -1 where the model batches.
    pub(crate) input_specs: Vec<TensorSpec>,
    pub(crate) output_specs: Vec<TensorSpec>,
}

/// One input or output.
#[derive(Debug)]
struct Slot {
    name: String,
    data_type: DataType,
    optional: bool,
    /// What clients send or get, without the batch dimension.
    dims: Vec<i64>,
    /// What the model takes or gives instead, if that differs.
    model_dims: Option<Vec<i64>>,
    /// Position in the model's signature.
    index: usize,
}

/// A request that fits the model.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// Position in the signature and value, in the model's shapes.
    pub inputs: SmallVec<[(usize, Tensor); 2]>,
    /// Positions in the interface's outputs.
    pub wanted: SmallVec<[usize; 4]>,
    /// 1 where the model does not batch.
    pub rows: usize,
    /// Bytes of all inputs.
    pub bytes: usize,
    pub shape: ShapeKey,
}

impl Interface {
    /// # Errors
    ///
    /// The configuration contradicts the model.
    pub(crate) fn new(config: &ModelConfig, signature: &Signature) -> Result<Self, LoadError> {
        let batches = config.max_batch_size > 0;
        let mut inputs = Vec::with_capacity(config.input.len());
        for input in &config.input {
            let reshape = input.reshape.as_ref().map(|reshape| &reshape.shape);
            let spec = find(&signature.inputs, &input.name, "input")?;
            let mut slot = Slot::new(spec, &input.dims, reshape, batches)?;
            slot.optional = input.optional || spec.optional;
            slot.check_type(input.data_type)?;
            slot.index = position(&signature.inputs, &input.name);
            inputs.push(slot);
        }
        let mut outputs = Vec::with_capacity(config.output.len());
        for output in &config.output {
            let reshape = output.reshape.as_ref().map(|reshape| &reshape.shape);
            let spec = find(&signature.outputs, &output.name, "output")?;
            let mut slot = Slot::new(spec, &output.dims, reshape, batches)?;
            slot.check_type(output.data_type)?;
            slot.index = position(&signature.outputs, &output.name);
            outputs.push(slot);
        }
        let specs = |slots: &[Slot]| slots.iter().map(|slot| slot.spec(batches)).collect();
        Ok(Self {
            model: config.name.clone(),
            rows_max: usize::try_from(config.max_batch_size).unwrap_or(0),
            input_specs: specs(&inputs),
            output_specs: specs(&outputs),
            inputs,
            outputs,
        })
    }

    pub(crate) fn batches(&self) -> bool {
        self.rows_max > 0
    }

    /// Position in the signature of an output.
    pub(crate) fn output_index(&self, output: usize) -> usize {
        self.outputs[output].index
    }

    /// Takes a request apart, if it fits.
    ///
    /// # Errors
    ///
    /// Names the first thing that does not fit and what would.
    pub(crate) fn admit(&self, request: InferRequest) -> Result<Admitted, ServeError> {
        let mut admitted = Admitted {
            inputs: SmallVec::new(),
            wanted: self.wanted(&request.outputs)?,
            rows: 1,
            bytes: 0,
            shape: ShapeKey::new(),
        };
        let mut rows = None;
        let mut seen: u64 = 0;
        for NamedTensor { name, tensor } in request.inputs {
            let (position, slot) = self.input(&name)?;
            let bit = 1_u64.checked_shl(u32::try_from(position).unwrap_or(64)).unwrap_or(0);
            if seen & bit != 0 || (bit == 0 && admitted.has(slot.index)) {
                return Err(ServeError::invalid(format!(
                    "input '{name}' already exists in request for model '{}'",
                    self.model
                )));
            }
            seen |= bit;
            self.check_type(slot, tensor.data_type())?;
            self.check_rows(slot, tensor.shape(), &mut rows)?;
            admitted.bytes += tensor.data().len();
            let tensor = slot.to_model(tensor, self.batches())?;
            admitted.inputs.push((slot.index, tensor));
        }
        self.check_complete(&admitted)?;
        admitted.inputs.sort_unstable_by_key(|(index, _)| *index);
        admitted.shape = self.shape_key(&admitted);
        admitted.rows = rows.unwrap_or(1);
        Ok(admitted)
    }

    /// Turns the model's output into what clients get.
    ///
    /// # Errors
    ///
    /// The model gave another type or shape than it declares.
    pub(crate) fn to_client(
        &self,
        output: usize,
        tensor: Tensor,
    ) -> Result<NamedTensor, ServeError> {
        let slot = &self.outputs[output];
        if tensor.data_type() != slot.data_type {
            return Err(ServeError::internal(format!(
                "model '{}' gave output '{}' as {}, declared as {}",
                self.model,
                slot.name,
                tensor.data_type(),
                slot.data_type
            )));
        }
        let tensor = slot.to_client(tensor, self.batches())?;
        Ok(NamedTensor { name: slot.name.clone(), tensor })
    }

    fn input(&self, name: &str) -> Result<(usize, &Slot), ServeError> {
        let position = self.inputs.iter().position(|slot| slot.name == name);
        let position = position.ok_or_else(|| {
            let known: Vec<&str> = self.inputs.iter().map(|slot| slot.name.as_str()).collect();
            ServeError::invalid(format!(
                "unexpected inference input '{name}' for model '{}'; its inputs are '{}'",
                self.model,
                known.join("', '")
            ))
        })?;
        Ok((position, &self.inputs[position]))
    }

    fn wanted(&self, names: &[String]) -> Result<SmallVec<[usize; 4]>, ServeError> {
        if names.is_empty() {
            return Ok((0..self.outputs.len()).collect());
        }
        let position = |name: &String| {
            self.outputs.iter().position(|slot| slot.name == *name).ok_or_else(|| {
                let known: Vec<&str> = self.outputs.iter().map(|slot| slot.name.as_str()).collect();
                ServeError::invalid(format!(
                    "unexpected inference output '{name}' for model '{}'; its outputs are '{}'",
                    self.model,
                    known.join("', '")
                ))
            })
        };
        names.iter().map(position).collect()
    }

    fn check_type(&self, slot: &Slot, got: DataType) -> Result<(), ServeError> {
        if got == slot.data_type {
            return Ok(());
        }
        Err(ServeError::invalid(format!(
            "inference input '{}' data-type is '{got}', but model '{}' expects '{}'",
            slot.name, self.model, slot.data_type
        )))
    }

    /// Checks a shape and that it agrees with the other inputs' on the number of rows.
    fn check_rows(
        &self,
        slot: &Slot,
        shape: &Shape,
        rows: &mut Option<usize>,
    ) -> Result<(), ServeError> {
        if !slot.fits(shape, self.batches()) {
            return Err(self.unexpected_shape(slot, shape));
        }
        if !self.batches() {
            return Ok(());
        }
        let own = shape[0];
        if own == 0 || own > self.rows_max {
            return Err(ServeError::invalid(format!(
                "inference request batch-size must be <= {} for '{}', and at least 1; input '{}' \
                 has {own} rows",
                self.rows_max, self.model, slot.name
            )));
        }
        if rows.is_some_and(|rows| rows != own) {
            return Err(ServeError::invalid(format!(
                "input '{}' batch size does not match other inputs for '{}': {own} rows, others \
                 have {}",
                slot.name,
                self.model,
                rows.unwrap_or_default()
            )));
        }
        *rows = Some(own);
        Ok(())
    }

    fn check_complete(&self, admitted: &Admitted) -> Result<(), ServeError> {
        if admitted.inputs.len() == self.inputs.len() {
            return Ok(());
        }
        let missing = |slot: &&Slot| !slot.optional && !admitted.has(slot.index);
        match self.inputs.iter().find(missing) {
            None => Ok(()),
            Some(slot) => Err(ServeError::invalid(format!(
                "expected {} inputs but got {} inputs for model '{}'. Input '{}' is missing",
                self.inputs.len(),
                admitted.inputs.len(),
                self.model,
                slot.name
            ))),
        }
    }

    /// The sizes of the free dimensions and which optional inputs are present, in the model's order.
    fn shape_key(&self, admitted: &Admitted) -> ShapeKey {
        let mut key = ShapeKey::new();
        if !self.batches() {
            return key;
        }
        for slot in &self.inputs {
            let tensor = admitted.inputs.iter().find(|(index, _)| *index == slot.index);
            if slot.optional {
                key.push(usize::from(tensor.is_some()));
            }
            if let Some((_, tensor)) = tensor {
                slot.push_key(tensor.shape(), &mut key);
            }
        }
        key
    }

    fn unexpected_shape(&self, slot: &Slot, shape: &Shape) -> ServeError {
        let expected = dims_text(&slot.client_dims(self.batches()));
        let note = if self.batches() {
            " NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension \
             to be prepended to each input shape. If you want to specify the full shape including \
             the batch dim in your input dims config, try setting max_batch_size to zero. See the \
             model configuration docs for more info on max_batch_size."
        } else {
            ""
        };
        ServeError::invalid(format!(
            "unexpected shape for input '{}' for model '{}'. Expected {expected}, got {shape}.{note}",
            slot.name, self.model
        ))
    }
}

impl Admitted {
    fn has(&self, index: usize) -> bool {
        self.inputs.iter().any(|(own, _)| *own == index)
    }
}

impl Slot {
    fn new(
        spec: &TensorSpec,
        dims: &[i64],
        reshape: Option<&Vec<i64>>,
        batches: bool,
    ) -> Result<Self, LoadError> {
        let own: &[i64] = if batches { spec.dims.get(1..).unwrap_or(&[]) } else { &spec.dims };
        let model_dims = reshape.map_or(dims, |shape| shape.as_slice());
        let free_first = !batches || spec.dims.first() == Some(&-1);
        let fits = model_dims.len() == own.len()
            && model_dims.iter().zip(own).all(|(dim, own)| *own == -1 || dim == own);
        if !free_first || !fits {
            return Err(LoadError::Config(format!(
                "'{}': the configuration gives shape {}{}, the model has {}",
                spec.name,
                if batches { "[batch] + " } else { "" },
                dims_text(model_dims),
                dims_text(&spec.dims)
            )));
        }
        Ok(Self {
            name: spec.name.clone(),
            data_type: spec.data_type,
            optional: false,
            dims: dims.to_vec(),
            model_dims: reshape.cloned(),
            index: 0,
        })
    }

    fn check_type(&self, configured: i32) -> Result<(), LoadError> {
        match data_type(configured) {
            Some(configured) if configured != self.data_type => Err(LoadError::Config(format!(
                "'{}': the configuration says {configured}, the model has {}",
                self.name, self.data_type
            ))),
            _ => Ok(()),
        }
    }

    fn client_dims(&self, batches: bool) -> Vec<i64> {
        batches.then_some(-1).into_iter().chain(self.dims.iter().copied()).collect()
    }

    fn spec(&self, batches: bool) -> TensorSpec {
        TensorSpec {
            name: self.name.clone(),
            data_type: self.data_type,
            dims: self.client_dims(batches),
            optional: self.optional,
        }
    }

    fn fits(&self, shape: &Shape, batches: bool) -> bool {
        let Some(own) = shape.get(usize::from(batches)..) else { return false };
        let equal = |(dim, size): (&i64, &usize)| *dim == -1 || usize::try_from(*dim) == Ok(*size);
        if own.len() == self.dims.len() {
            return self.dims.iter().zip(own).all(equal);
        }
        // A scalar may also be sent as what it is.
        own.is_empty() && self.is_scalar()
    }

    fn is_scalar(&self) -> bool {
        self.dims == [1] && self.model_dims.as_ref().is_some_and(Vec::is_empty)
    }

    /// Adds the sizes of the free dimensions of a batched tensor in the model's shape.
    fn push_key(&self, shape: &Shape, key: &mut ShapeKey) {
        let dims = self.model_dims.as_ref().unwrap_or(&self.dims);
        let sizes = dims.iter().zip(&shape[1..]);
        key.extend(sizes.filter(|(dim, _)| **dim == -1).map(|(_, size)| *size));
    }

    fn to_model(&self, tensor: Tensor, batches: bool) -> Result<Tensor, ServeError> {
        let Some(target) = &self.model_dims else { return Ok(tensor) };
        let shape = reshape(tensor.shape(), &self.dims, target, batches);
        tensor.reshaped(shape).map_err(|error| {
            ServeError::invalid(format!("input '{}' cannot be reshaped: {error}", self.name))
        })
    }

    fn to_client(&self, tensor: Tensor, batches: bool) -> Result<Tensor, ServeError> {
        let Some(source) = &self.model_dims else { return Ok(tensor) };
        let shape = reshape(tensor.shape(), source, &self.dims, batches);
        tensor.reshaped(shape).map_err(|error| {
            ServeError::internal(format!("output '{}' cannot be reshaped: {error}", self.name))
        })
    }
}

/// Maps `shape`, which follows the pattern `from`, to the pattern `to`: the free dimensions keep
/// their sizes in order.
fn reshape(shape: &Shape, from: &[i64], to: &[i64], batches: bool) -> Shape {
    let skip = usize::from(batches);
    let sizes = from.iter().zip(shape.iter().skip(skip));
    let mut free = sizes.filter(|(dim, _)| **dim == -1).map(|(_, size)| *size);
    let rows = shape.iter().copied().take(skip);
    let fill = |dim: &i64| usize::try_from(*dim).ok().or_else(|| free.next()).unwrap_or(1);
    rows.chain(to.iter().map(fill).collect::<SmallVec<[usize; 6]>>()).collect()
}

fn position(specs: &[TensorSpec], name: &str) -> usize {
    specs.iter().position(|spec| spec.name == name).unwrap_or(0)
}

fn dims_text(dims: &[i64]) -> String {
    let dims: Vec<String> = dims.iter().map(i64::to_string).collect();
    format!("[{}]", dims.join(","))
}

#[cfg(test)]
mod tests;
