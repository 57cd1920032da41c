//! Raw requests: the whole body is the model's only input.

use bytes::Bytes;
use tensor::{DataType, Shape, Tensor, push_string};

use super::DecodeError;

/// Makes a tensor of a body of which a header says that none of it is JSON.
///
/// `dims` are those of the model's only input as clients see them, -1 where any size will do; the
/// first one is the batch's if the model `batches`, and becomes 1. One other dimension may be -1, and
/// takes what the body's size makes it. A `BYTES` input has to be of one element, which is the body.
///
/// # Errors
///
/// The body's size fits no shape of the input, or the input cannot be sent so.
pub fn decode_raw(
    body: Bytes,
    data_type: DataType,
    dims: &[i64],
    batches: bool,
) -> Result<Tensor, DecodeError> {
    let mut dims = dims.to_vec();
    if batches && let Some(batch) = dims.first_mut() {
        *batch = 1;
    }
    let unknown: Vec<usize> = (0..dims.len()).filter(|index| dims[*index] < 0).collect();
    let Some(element_bytes) = data_type.size() else {
        return one_string(&body, &dims);
    };
    if let [variable] = *unknown.as_slice() {
        let others = dims.iter().filter(|dim| **dim >= 0).try_fold(element_bytes, |bytes, dim| {
            usize::try_from(*dim).ok().and_then(|dim| bytes.checked_mul(dim))
        });
        let size = others.and_then(|step| body.len().checked_div(step)).unwrap_or(0);
        dims[variable] = i64::try_from(size).unwrap_or(i64::MAX);
    } else if unknown.len() > 1 {
        return Err(DecodeError::Malformed(format!(
            "a raw request needs an input with at most one variable dimension, this one is {dims:?}; \
             send the shape in JSON"
        )));
    }
    let shape =
        Shape::from_wire(&dims).map_err(|error| DecodeError::malformed(error.to_string()))?;
    Tensor::new(data_type, shape, body)
        .map_err(|error| DecodeError::Malformed(format!("the raw request's body: {error}")))
}

fn one_string(body: &[u8], dims: &[i64]) -> Result<Tensor, DecodeError> {
    // A variable dimension would have to be 1.
    let is_one = dims.iter().all(|dim| *dim == 1);
    if !is_one {
        return Err(DecodeError::Malformed(format!(
            "a raw request needs a BYTES input of shape [1], this one is {dims:?}; send the data in JSON"
        )));
    }
    let mut framed = Vec::with_capacity(body.len() + 4);
    push_string(&mut framed, body);
    let shape = dims.iter().map(|_| 1).collect();
    Tensor::new(DataType::Bytes, shape, framed.into())
        .map_err(|error| DecodeError::malformed(error.to_string()))
}

#[cfg(test)]
mod tests;
