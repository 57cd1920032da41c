//! The classification extension: the largest values of an output, as text.

use std::{cmp::Ordering, fmt::Display};

use half::{bf16, f16};
use serving::ServeError;
use tensor::{DataType, Shape, Tensor, push_string};

/// Turns an output into a `BYTES` tensor of `value:index` or `value:index:label`, largest first.
///
/// Of a batching model each row is taken by itself and the result is `[rows, k]`, otherwise `[k]`,
/// where `k` is `classes` or the number of elements if that is smaller. Equal values keep their
/// order; NaN comes last.
///
/// # Errors
///
/// The element type has no order, or the output has no rows to take.
pub(crate) fn classify<'a>(
    output: &Tensor,
    classes: usize,
    batches: bool,
    label: impl Fn(usize) -> Option<&'a str>,
) -> Result<Tensor, ServeError> {
    let rows = if batches { output.shape().first().copied().unwrap_or(1) } else { 1 };
    let elements = output.shape().elements().checked_div(rows).unwrap_or(0);
    let top = classes.min(elements);
    let mut framed = Vec::with_capacity(rows * top * 24);
    for row in 0..rows {
        let bytes = elements * output.data_type().size().unwrap_or(0);
        let data = &output.data()[row * bytes..][..bytes];
        push_top(&mut framed, output.data_type(), data, top, &label)?;
    }
    let shape = if batches { Shape::from([rows, top]) } else { Shape::from([top]) };
    Tensor::new(DataType::Bytes, shape, framed.into())
        .map_err(|error| ServeError::internal(error.to_string()))
}

fn push_top<'a>(
    framed: &mut Vec<u8>,
    data_type: DataType,
    data: &[u8],
    top: usize,
    label: &impl Fn(usize) -> Option<&'a str>,
) -> Result<(), ServeError> {
    macro_rules! numbers {
        ($type:ty, $compare:expr, $show:expr) => {{
            let values = data.as_chunks::<{ size_of::<$type>() }>().0.iter();
            let values: Vec<$type> = values.map(|bytes| <$type>::from_le_bytes(*bytes)).collect();
            for index in largest(&values, top, $compare) {
                push_class(framed, $show(values[index]), index, label(index));
            }
        }};
    }
    match data_type {
        DataType::Uint8 => numbers!(u8, u8::cmp, |v| v),
        DataType::Uint16 => numbers!(u16, u16::cmp, |v| v),
        DataType::Uint32 => numbers!(u32, u32::cmp, |v| v),
        DataType::Uint64 => numbers!(u64, u64::cmp, |v| v),
        DataType::Int8 => numbers!(i8, i8::cmp, |v| v),
        DataType::Int16 => numbers!(i16, i16::cmp, |v| v),
        DataType::Int32 => numbers!(i32, i32::cmp, |v| v),
        DataType::Int64 => numbers!(i64, i64::cmp, |v| v),
        DataType::Fp32 => {
            numbers!(f32, |a, b| compare_floats(f64::from(*a), f64::from(*b)), |v| format!(
                "{v:.6}"
            ));
        }
        DataType::Fp64 => numbers!(f64, |a, b| compare_floats(*a, *b), |v| format!("{v:.6}")),
        DataType::Fp16 => numbers!(f16, |a, b| compare_floats(a.to_f64(), b.to_f64()), |v: f16| {
            format!("{:.6}", v.to_f32())
        }),
        DataType::Bf16 => {
            numbers!(bf16, |a, b| compare_floats(a.to_f64(), b.to_f64()), |v: bf16| {
                format!("{:.6}", v.to_f32())
            })
        }
        DataType::Bool | DataType::Bytes => {
            return Err(ServeError::invalid(format!(
                "class result not available for output due to unsupported type '{data_type}'"
            )));
        }
    }
    Ok(())
}

/// Positions of the `top` largest values, largest first; of equal ones the first comes first.
fn largest<T>(values: &[T], top: usize, compare: impl Fn(&T, &T) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let by_rank = |a: &usize, b: &usize| compare(&values[*b], &values[*a]).then(a.cmp(b));
    if top < order.len() && top > 0 {
        order.select_nth_unstable_by(top - 1, by_rank);
    }
    order.truncate(top);
    order.sort_unstable_by(by_rank);
    order
}

/// A total order with every NaN below every number.
fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

fn push_class(framed: &mut Vec<u8>, value: impl Display, index: usize, label: Option<&str>) {
    let text = match label {
        Some(label) => format!("{value}:{index}:{label}"),
        None => format!("{value}:{index}"),
    };
    push_string(framed, text.as_bytes());
}

#[cfg(test)]
mod tests;
