//! What a session takes and gives.

use std::ffi::CString;

use ort::{
    session::Session,
    value::{TensorElementType, ValueType},
};
use protocol::model_config::ModelConfig;
use serving::{LoadError, Signature, TensorSpec};
use tensor::DataType;

/// Reads the signature of a session made of `model`. Inputs that have a default in the model are
/// listed where the configuration names them.
pub(super) fn signature(
    session: &Session,
    model: Option<&onnx::Model>,
    config: &ModelConfig,
) -> Result<Signature, LoadError> {
    let reader = Reader { model, config };
    let mut signature = Signature::default();
    for input in session.inputs() {
        signature.inputs.push(reader.spec("input", input.name(), input.dtype())?);
    }
    for output in session.outputs() {
        signature.outputs.push(reader.spec("output", output.name(), output.dtype())?);
    }
    let is_known = |name: &str| signature.inputs.iter().any(|input| input.name == name);
    if config.input.iter().any(|input| !is_known(&input.name)) {
        for defaulted in session.overridable_initializers() {
            if config.input.iter().any(|input| input.name == defaulted.name()) {
                let spec = reader.spec("input", defaulted.name(), defaulted.dtype())?;
                signature.inputs.push(TensorSpec { optional: true, ..spec });
            }
        }
    }
    Ok(signature)
}

struct Reader<'a> {
    model: Option<&'a onnx::Model>,
    config: &'a ModelConfig,
}

impl Reader<'_> {
    fn spec(
        &self,
        role: &str,
        name: &str,
        value_type: &ValueType,
    ) -> Result<TensorSpec, LoadError> {
        let (data_type, mut dims) = tensor_type(role, name, value_type)?;
        if dims.is_empty() && self.has_no_rank(name) {
            dims = self.configured_dims(name).ok_or_else(|| {
                LoadError::Config(format!(
                    "the model does not say how many dimensions {role} '{name}' has; give its \
                     dims in the configuration"
                ))
            })?;
        }
        let mut inputs = self.config.input.iter();
        let optional = inputs.any(|input| input.name == name && input.optional);
        Ok(TensorSpec { name: name.to_owned(), data_type, dims, optional })
    }

    /// Whether the model leaves the number of dimensions open; the library then reports none.
    fn has_no_rank(&self, name: &str) -> bool {
        let graph = self.model.map(|model| &model.graph);
        let mut values =
            graph.into_iter().flat_map(|graph| graph.inputs.iter().chain(&graph.outputs));
        values.any(|value| {
            let any_shape = matches!(&value.value_type,
                onnx::ValueType::Tensor(tensor) if tensor.dims.is_none());
            value.name == name && any_shape
        })
    }

    fn configured_dims(&self, name: &str) -> Option<Vec<i64>> {
        let inputs = self.config.input.iter().map(|own| (&own.name, &own.dims, &own.reshape));
        let outputs = self.config.output.iter().map(|own| (&own.name, &own.dims, &own.reshape));
        let (_, dims, reshape) = inputs.chain(outputs).find(|(own, ..)| *own == name)?;
        let dims = match reshape {
            Some(reshape) => &reshape.shape,
            None if dims.is_empty() => return None,
            None => dims,
        };
        let batch = (self.config.max_batch_size > 0).then_some(-1);
        Some(batch.into_iter().chain(dims.iter().copied()).collect())
    }
}

/// Names for the library, in the signature's order.
pub(super) fn c_names(specs: &[TensorSpec]) -> Result<Vec<CString>, LoadError> {
    let name = |spec: &TensorSpec| {
        CString::new(spec.name.as_str()).map_err(|_| {
            LoadError::Model(format!("the name '{}' has a NUL in it", spec.name.escape_debug()))
        })
    };
    specs.iter().map(name).collect()
}

fn tensor_type(
    role: &str,
    name: &str,
    value_type: &ValueType,
) -> Result<(DataType, Vec<i64>), LoadError> {
    let ValueType::Tensor { ty, shape, .. } = value_type else {
        return Err(LoadError::Model(format!(
            "{role} '{name}' is no tensor, and requests carry tensors only"
        )));
    };
    let data_type = data_type(*ty).ok_or_else(|| {
        LoadError::Model(format!(
            "{role} '{name}' has elements of type {ty}, which requests cannot carry"
        ))
    })?;
    Ok((data_type, shape.iter().map(|dim| (*dim).max(-1)).collect()))
}

fn data_type(element: TensorElementType) -> Option<DataType> {
    Some(match element {
        TensorElementType::Bool => DataType::Bool,
        TensorElementType::Uint8 => DataType::Uint8,
        TensorElementType::Uint16 => DataType::Uint16,
        TensorElementType::Uint32 => DataType::Uint32,
        TensorElementType::Uint64 => DataType::Uint64,
        TensorElementType::Int8 => DataType::Int8,
        TensorElementType::Int16 => DataType::Int16,
        TensorElementType::Int32 => DataType::Int32,
        TensorElementType::Int64 => DataType::Int64,
        TensorElementType::Float16 => DataType::Fp16,
        TensorElementType::Bfloat16 => DataType::Bf16,
        TensorElementType::Float32 => DataType::Fp32,
        TensorElementType::Float64 => DataType::Fp64,
        TensorElementType::String => DataType::Bytes,
        _ => return None,
    })
}
