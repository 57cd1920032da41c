//! The request that is sent again and again.

mod values;

use bytes::Bytes;
use serving::{NamedTensor, TensorSpec};
use tensor::{DataType, Shape, StringElements, Tensor, push_string};

use crate::{InputFacts, ProfileError, ShapeOrigin};

/// Length of a dimension that the model leaves open and nobody gave.
const ASSUMED_LENGTH: usize = 128;
/// Bytes of one input of one request.
const INPUT_BYTES_MAX: usize = 256 << 20;

/// One request's inputs, and how to make larger and shorter ones of them.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    inputs: Vec<Input>,
    /// Whether the outermost dimension of every input may have any size.
    is_batchable: bool,
    /// Whether the values are made up, so that others would do.
    is_made_up: bool,
}

#[derive(Clone, Debug)]
struct Input {
    tensor: NamedTensor,
    /// Dimensions beside the batch that the model leaves open.
    open: Vec<usize>,
    origin: ShapeOrigin,
    values: String,
}

impl Sample {
    /// Inputs for a model, of the shapes given and, where the model leaves something open and nothing
    /// is given, of one row and a length of 128.
    ///
    /// # Errors
    ///
    /// A shape is given for an input that does not exist, does not fit, or is too large.
    pub(crate) fn generate(
        specs: &[TensorSpec],
        shapes: &[(String, Vec<usize>)],
    ) -> Result<Self, ProfileError> {
        known(specs, shapes.iter().map(|(name, _)| name.as_str()))?;
        let wanted = |spec: &&TensorSpec| !spec.optional || is_named(shapes, &spec.name);
        let mut inputs = Vec::new();
        for spec in specs.iter().filter(wanted) {
            let given = shapes.iter().find(|(name, _)| *name == spec.name);
            let (dims, origin) = dims(spec, given.map(|(_, dims)| dims.as_slice()))?;
            let (data, values) = values::fill(spec, &dims)?;
            inputs.push(Input::new(spec, tensor(spec, dims, data)?, origin, values));
        }
        Ok(Self { is_made_up: true, ..Self::new(specs, inputs) })
    }

    /// Inputs that somebody gave.
    ///
    /// # Errors
    ///
    /// An input does not exist or has another type, or one is missing.
    pub(crate) fn given(
        specs: &[TensorSpec],
        given: Vec<NamedTensor>,
    ) -> Result<Self, ProfileError> {
        known(specs, given.iter().map(|input| input.name.as_str()))?;
        let has = |spec: &&TensorSpec| !given.iter().any(|input| input.name == spec.name);
        if let Some(missing) = specs.iter().filter(|spec| !spec.optional).find(has) {
            return Err(ProfileError::Input(format!(
                "there is no data for input '{}' ({} {:?})",
                missing.name, missing.data_type, missing.dims
            )));
        }
        let input = |input: NamedTensor| {
            let spec = specs.iter().find(|spec| spec.name == input.name);
            let spec = spec.ok_or_else(|| ProfileError::Input(input.name.clone()))?;
            if spec.data_type != input.tensor.data_type() {
                return Err(ProfileError::Input(format!(
                    "input '{}' is {}, not {}",
                    spec.name,
                    spec.data_type,
                    input.tensor.data_type()
                )));
            }
            Ok(Input::new(spec, input.tensor, ShapeOrigin::Given, "given".to_owned()))
        };
        Ok(Self::new(specs, given.into_iter().map(input).collect::<Result<_, ProfileError>>()?))
    }

    fn new(specs: &[TensorSpec], inputs: Vec<Input>) -> Self {
        let leads_open = |spec: &TensorSpec| spec.dims.first() == Some(&-1);
        let mut rows = inputs.iter().map(|input| first_dim(&input.tensor.tensor));
        let first = rows.next().unwrap_or(Some(1));
        let agree = first.is_some_and(|rows| rows > 0) && rows.all(|rows| rows == first);
        let is_batchable = specs.iter().all(leads_open) && agree;
        Self { inputs, is_batchable, is_made_up: false }
    }

    /// The same as the engine takes it: the server gives a model that takes one value per row
    /// requests with a dimension more, and a configuration may reshape inputs at will.
    pub(crate) fn for_engine(&self, specs: &[TensorSpec]) -> Self {
        let fit = |input: &Input| {
            let Some(spec) = specs.iter().find(|spec| spec.name == input.tensor.name) else {
                return input.clone();
            };
            let tensor = fitted(&input.tensor.tensor, &spec.dims);
            Input::new(spec, tensor, input.origin, input.values.clone())
        };
        Self { inputs: self.inputs.iter().map(fit).collect(), ..self.clone() }
    }

    /// Rows of the request itself; 1 where the model has no batch.
    pub(crate) fn rows(&self) -> usize {
        let first = self.inputs.first().and_then(|input| first_dim(&input.tensor.tensor));
        first.filter(|_| self.is_batchable).unwrap_or(1)
    }

    /// Whether there can be requests of other sizes.
    pub(crate) fn is_batchable(&self) -> bool {
        self.is_batchable
    }

    pub(crate) fn tensors(&self) -> Vec<NamedTensor> {
        self.inputs.iter().map(|input| input.tensor.clone()).collect()
    }

    /// The same with so many rows: the request's own, again and again.
    pub(crate) fn with_rows(&self, rows: usize) -> Result<Vec<NamedTensor>, ProfileError> {
        let repeat = |input: &Input| {
            let NamedTensor { name, tensor } = &input.tensor;
            Ok(NamedTensor { name: name.clone(), tensor: repeated(tensor, rows)? })
        };
        self.inputs.iter().map(repeat).collect()
    }

    /// The lengths that the model leaves open, without the batch's.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        let dims = |input: &Input| -> Vec<usize> {
            let shape: Vec<usize> = sizes(&input.tensor.tensor);
            input.open.iter().filter_map(|place| shape.get(*place).copied()).collect()
        };
        let mut lengths: Vec<usize> = self.inputs.iter().flat_map(dims).collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    /// Shapes with every open length halved; `None` if there is nothing to halve.
    pub(crate) fn halved(&self) -> Option<Vec<(String, Vec<usize>)>> {
        let lengths = self.lengths();
        if !self.is_made_up || lengths.is_empty() || lengths.iter().any(|length| *length < 2) {
            return None;
        }
        let halve = |input: &Input| {
            let mut dims = sizes(&input.tensor.tensor);
            input.open.iter().for_each(|place| dims[*place] /= 2);
            (input.tensor.name.clone(), dims)
        };
        Some(self.inputs.iter().map(halve).collect())
    }

    pub(crate) fn facts(&self) -> Vec<InputFacts> {
        let fact = |input: &Input| InputFacts {
            name: input.tensor.name.clone(),
            data_type: input.tensor.tensor.data_type().name(),
            shape: sizes(&input.tensor.tensor),
            origin: input.origin,
            values: input.values.clone(),
        };
        self.inputs.iter().map(fact).collect()
    }
}

impl Input {
    fn new(spec: &TensorSpec, tensor: Tensor, origin: ShapeOrigin, values: String) -> Self {
        let open = spec.dims.iter().enumerate().skip(1).filter(|(_, dim)| **dim < 0);
        let open = open.map(|(place, _)| place).collect();
        let tensor = NamedTensor { name: spec.name.clone(), tensor };
        Self { tensor, open, origin, values }
    }
}

fn is_named(shapes: &[(String, Vec<usize>)], name: &str) -> bool {
    shapes.iter().any(|(given, _)| given == name)
}

fn known<'a>(
    specs: &[TensorSpec],
    mut names: impl Iterator<Item = &'a str>,
) -> Result<(), ProfileError> {
    let is_known = |name: &str| specs.iter().any(|spec| spec.name == name);
    let Some(unknown) = names.find(|name| !is_known(name)) else { return Ok(()) };
    let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    Err(ProfileError::Input(format!(
        "the model has no input '{unknown}'; it has {}",
        known.join(", ")
    )))
}

/// Dimensions of a request's input: as given, or of the model with open ones filled in.
fn dims(
    spec: &TensorSpec,
    given: Option<&[usize]>,
) -> Result<(Vec<usize>, ShapeOrigin), ProfileError> {
    if let Some(given) = given {
        let fits = |(dim, size): (&i64, &usize)| *dim < 0 || usize::try_from(*dim) == Ok(*size);
        if spec.dims.len() != given.len() || !spec.dims.iter().zip(given).all(fits) {
            return Err(ProfileError::Input(format!(
                "input '{}' takes shapes {:?} (-1 is any size), not {given:?}",
                spec.name, spec.dims
            )));
        }
        return Ok((given.to_vec(), ShapeOrigin::Given));
    }
    let size = |(place, dim): (usize, &i64)| match usize::try_from(*dim) {
        Ok(size) => size,
        Err(_) if place == 0 => 1,
        Err(_) => ASSUMED_LENGTH,
    };
    let is_assumed = spec.dims.iter().skip(1).any(|dim| *dim < 0);
    let origin = if is_assumed { ShapeOrigin::Assumed } else { ShapeOrigin::Model };
    Ok((spec.dims.iter().enumerate().map(size).collect(), origin))
}

fn tensor(spec: &TensorSpec, dims: Vec<usize>, data: Bytes) -> Result<Tensor, ProfileError> {
    Tensor::new(spec.data_type, dims.into_iter().collect::<Shape>(), data)
        .map_err(|error| ProfileError::Input(format!("input '{}': {error}", spec.name)))
}

/// Elements of a shape, if they are not too many.
fn elements(name: &str, data_type: DataType, dims: &[usize]) -> Result<usize, ProfileError> {
    let count = dims.iter().try_fold(1_usize, |all, dim| all.checked_mul(*dim));
    let size = data_type.size().unwrap_or(5);
    count.filter(|count| count.saturating_mul(size) <= INPUT_BYTES_MAX).ok_or_else(|| {
        ProfileError::Input(format!(
            "input '{name}' of shape {dims:?} would have more than {INPUT_BYTES_MAX} bytes; give a \
             smaller --shape"
        ))
    })
}

fn sizes(tensor: &Tensor) -> Vec<usize> {
    tensor.shape().iter().copied().collect()
}

fn first_dim(tensor: &Tensor) -> Option<usize> {
    tensor.shape().first().copied()
}

/// The tensor in the shape that `dims` ask for, if that can be told: rows stay rows, and at most one
/// other dimension is open.
fn fitted(tensor: &Tensor, dims: &[i64]) -> Tensor {
    let fits = |(dim, size): (&i64, &usize)| *dim < 0 || usize::try_from(*dim) == Ok(*size);
    let shape = sizes(tensor);
    if shape.len() == dims.len() && dims.iter().zip(&shape).all(fits) {
        return tensor.clone();
    }
    let mut sizes: Vec<Option<usize>> = dims.iter().map(|dim| usize::try_from(*dim).ok()).collect();
    if let (Some(first @ None), Some(rows)) = (sizes.first_mut(), shape.first()) {
        *first = Some(*rows);
    }
    let known: usize = sizes.iter().flatten().product();
    let left = tensor.shape().elements().checked_div(known);
    let shape: Option<Vec<usize>> = sizes.into_iter().map(|size| size.or(left)).collect();
    let shape = shape.map(|shape| shape.into_iter().collect::<Shape>());
    shape.and_then(|shape| tensor.clone().reshaped(shape).ok()).unwrap_or_else(|| tensor.clone())
}

/// A tensor of `rows` rows that begins again with its first row after the last.
fn repeated(tensor: &Tensor, rows: usize) -> Result<Tensor, ProfileError> {
    let mut dims = sizes(tensor);
    let Some(first) = dims.first_mut().filter(|first| **first > 0) else {
        return Ok(tensor.clone());
    };
    let own = std::mem::replace(first, rows);
    elements("of a batch", tensor.data_type(), &dims)?;
    let data = match tensor.data_type().size() {
        Some(_) => {
            let row = tensor.data().len() / own;
            tensor.data().iter().copied().cycle().take(row * rows).collect()
        }
        None => repeated_strings(tensor, own, rows),
    };
    Tensor::new(tensor.data_type(), dims.into_iter().collect::<Shape>(), Bytes::from(data))
        .map_err(|error| ProfileError::Input(error.to_string()))
}

fn repeated_strings(tensor: &Tensor, own: usize, rows: usize) -> Vec<u8> {
    let per_row = tensor.shape().elements() / own;
    let mut data = Vec::new();
    let elements: Vec<&[u8]> = StringElements::new(tensor.data()).collect();
    for element in elements.iter().cycle().take(per_row * rows) {
        push_string(&mut data, element);
    }
    data
}

#[cfg(test)]
mod tests;
