//! ONNX files as typed descriptions: reads a model's header, signature, operators and weights'
//! sizes without reading the weights; writes small models; executes nothing.
#![forbid(unsafe_code)]

pub mod build;
mod element_type;
mod error;
mod external;
mod model;
mod read;
mod summary;
mod wire;

pub use element_type::ElementType;
pub use error::{ExternalDataError, ReadError};
pub use external::ExternalData;
pub use model::{
    Dim, Graph, Initializer, Model, Operator, OpsetImport, TensorType, ValueInfo, ValueType,
};
pub use summary::Summary;
