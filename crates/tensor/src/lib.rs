//! Element types, shapes and owned tensors: the vocabulary that every other crate shares.
#![forbid(unsafe_code)]

mod data_type;
mod shape;
mod strings;
mod tensor;

pub use data_type::DataType;
pub use shape::{Shape, ShapeError};
pub use strings::{FramingError, StringElements, push_string, validate_strings};
pub use tensor::{Tensor, TensorError};

#[cfg(target_endian = "big")]
compile_error!("tensors travel little-endian and are not converted");
