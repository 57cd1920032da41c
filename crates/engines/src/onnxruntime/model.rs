//! A look into the model file before a session is made of it: clearer words for what the library
//! would refuse, or would accept and requests could not use.

use std::path::Path;

use onnx::{ElementType, Model, ValueInfo, ValueType};
use serving::LoadError;
use tensor::DataType;

/// A model in the library's own compact format, which only the library reads.
const COMPACT_EXTENSION: &str = "ort";

/// Operators that run a graph as often as their inputs say.
const LOOPS: [&str; 2] = ["Loop", "Scan"];

/// Reads and checks a model's description; `None` for the compact format.
pub(super) fn check(path: &Path) -> Result<Option<Model>, LoadError> {
    if path.extension().is_some_and(|extension| extension == COMPACT_EXTENSION) {
        return Ok(None);
    }
    let wrong = |what: String| LoadError::Model(format!("{}: {what}", path.display()));
    let model = Model::read(path).map_err(|error| wrong(chain(&error)))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    model.check_external_data(folder).map_err(|error| wrong(chain(&error)))?;
    for (kind, values) in [("input", &model.graph.inputs), ("output", &model.graph.outputs)] {
        for value in values {
            if let Some(problem) = unsupported(value) {
                return Err(wrong(format!("{kind} '{}' {problem}", value.name)));
            }
        }
    }
    Ok(Some(model))
}

/// Whether the values of inputs may decide how long a run takes.
pub(super) fn has_loops(model: &Model) -> bool {
    model.operators.keys().any(|operator| LOOPS.contains(&operator.name.as_str()))
}

/// Why requests cannot carry a value; `None` if they can, or if its type is not declared.
fn unsupported(value: &ValueInfo) -> Option<String> {
    match &value.value_type {
        ValueType::Unknown => None,
        ValueType::Tensor(tensor) => {
            let element = tensor.element;
            data_type(element).is_none().then(|| {
                format!(
                    "has elements of type {element}, which requests cannot carry; add a Cast to \
                     one that they can"
                )
            })
        }
        ValueType::Sequence(of) if matches!(**of, ValueType::Map(..)) => Some(format!(
            "is a {}, which requests cannot carry; export the model without ZipMap (in skl2onnx: \
             options={{'zipmap': False}})",
            value.value_type
        )),
        other => Some(format!("is a {other}; requests carry tensors only")),
    }
}

/// The protocol's name of an element type.
fn data_type(element: ElementType) -> Option<DataType> {
    Some(match element {
        ElementType::Bool => DataType::Bool,
        ElementType::Uint8 => DataType::Uint8,
        ElementType::Uint16 => DataType::Uint16,
        ElementType::Uint32 => DataType::Uint32,
        ElementType::Uint64 => DataType::Uint64,
        ElementType::Int8 => DataType::Int8,
        ElementType::Int16 => DataType::Int16,
        ElementType::Int32 => DataType::Int32,
        ElementType::Int64 => DataType::Int64,
        ElementType::Float16 => DataType::Fp16,
        ElementType::Bfloat16 => DataType::Bf16,
        ElementType::Float32 => DataType::Fp32,
        ElementType::Float64 => DataType::Fp64,
        ElementType::String => DataType::Bytes,
        _ => return None,
    })
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
