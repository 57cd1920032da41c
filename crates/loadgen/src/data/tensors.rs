use std::{collections::BTreeMap, path::Path};

use half::{bf16, f16};
use serde_json::{Map, Value};
use tensor::{DataType, push_string};

use super::{documents, files, wrong};
use crate::{
    BuildError, Expectation, ExpectedOutput, InferRequest, InputData, InputTensor, ModelMetadata,
    TensorMetadata, ValueRange, answer::values_of_json,
};

/// Elements of one tensor at most.
const ELEMENTS_MAX: usize = 1 << 28;

/// What the user says about tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorOptions {
    /// Rows of each request, for models that batch.
    pub batch: usize,
    /// Whether the first dimension of each tensor is the batch's.
    pub batches: bool,
    /// Dimensions by input: all of them, or all but the batch's.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Bounds of random values by input.
    pub ranges: BTreeMap<String, ValueRange>,
    /// Bytes of random strings.
    pub string_bytes: usize,
    /// Largest difference from what is expected.
    pub tolerance: f64,
}

impl Default for TensorOptions {
    fn default() -> Self {
        Self {
            batch: 1,
            batches: false,
            shapes: BTreeMap::new(),
            ranges: BTreeMap::new(),
            string_bytes: 16,
            tolerance: 1e-5,
        }
    }
}

/// One request from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorRecord {
    /// What is sent.
    pub request: InferRequest,
    /// What has to come back, if the file says.
    pub expectation: Option<Expectation>,
}

/// A request of random tensors.
///
/// # Errors
///
/// A dimension is open and not given, a shape does not fit, or an input does not exist.
pub fn random_request(
    model: &ModelMetadata,
    options: &TensorOptions,
) -> Result<InferRequest, BuildError> {
    let names: Vec<&str> = model.inputs.iter().map(|input| &*input.name).collect();
    let named = options.shapes.keys().chain(options.ranges.keys());
    if let Some(unknown) = named.into_iter().find(|name| !names.contains(&&***name)) {
        let all = names.join(", ");
        return Err(BuildError(format!("'{}' has no input '{unknown}'; it has {all}", model.name)));
    }
    check_open(model, options)?;
    let tensor = |input: &TensorMetadata| {
        let range = options.ranges.get(&input.name).copied().unwrap_or_default();
        Ok(InputTensor {
            name: input.name.clone(),
            data_type: data_type(&input.datatype)?,
            shape: shape(input, options)?,
            data: InputData::Random(range, options.string_bytes),
        })
    };
    let inputs = model.inputs.iter().map(tensor).collect::<Result<_, BuildError>>()?;
    Ok(InferRequest { model: model.name.clone(), inputs, ..InferRequest::default() })
}

fn data_type(name: &str) -> Result<DataType, BuildError> {
    DataType::from_name(name).ok_or_else(|| {
        BuildError(format!("'{name}' is no element type; there are FP32, INT64, BYTES and so on"))
    })
}

/// The dimensions of an input: as given, or as the metadata says where that is fixed.
fn shape(input: &TensorMetadata, options: &TensorOptions) -> Result<Vec<usize>, BuildError> {
    let name = &input.name;
    let fixed: Vec<Option<usize>> =
        input.shape.iter().map(|dim| usize::try_from(*dim).ok()).collect();
    let batch = options.batches.then_some(options.batch);
    let shape = match options.shapes.get(name) {
        Some(given) if given.len() == fixed.len() => given.clone(),
        Some(given) if options.batches && given.len() + 1 == fixed.len() => {
            [&[options.batch][..], given].concat()
        }
        Some(given) => {
            return Err(BuildError(format!(
                "input '{name}' has {} dimensions ({:?}), --shape gives {}",
                fixed.len(),
                input.shape,
                given.len()
            )));
        }
        None => {
            let of = |(index, dim): (usize, &Option<usize>)| match batch {
                Some(batch) if index == 0 => Some(batch),
                _ => *dim,
            };
            let dims = fixed.iter().enumerate().map(of).collect::<Option<Vec<_>>>();
            dims.ok_or_else(|| BuildError(format!("input '{name}' has open dimensions")))?
        }
    };
    check_fits(input, &fixed, &shape)?;
    Ok(shape)
}

/// Says which inputs have dimensions that only the user can know, and how to say them.
fn check_open(model: &ModelMetadata, options: &TensorOptions) -> Result<(), BuildError> {
    let first_is_known = usize::from(options.batches);
    let is_open = |input: &&TensorMetadata| {
        !options.shapes.contains_key(&input.name)
            && input.shape.iter().skip(first_is_known).any(|dim| *dim < 0)
    };
    let open: Vec<&TensorMetadata> = model.inputs.iter().filter(is_open).collect();
    if open.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = open.iter().map(|input| &*input.name).collect();
    let flags: Vec<String> = open.iter().map(|input| suggestion(input)).collect();
    Err(BuildError(format!(
        "'{}' takes any size of {}; say which, for example {}",
        model.name,
        names.join(", "),
        flags.join(" ")
    )))
}

/// A flag with 1 for the first dimension and 128 for the others that are open.
fn suggestion(input: &TensorMetadata) -> String {
    let dim = |(index, dim): (usize, &i64)| match (*dim, index) {
        (..0, 0) => "1".to_owned(),
        (..0, _) => "128".to_owned(),
        (dim, _) => dim.to_string(),
    };
    let dims: Vec<String> = input.shape.iter().enumerate().map(dim).collect();
    format!("--shape {}:{}", input.name, dims.join(","))
}

fn check_fits(
    input: &TensorMetadata,
    fixed: &[Option<usize>],
    shape: &[usize],
) -> Result<(), BuildError> {
    let differs =
        fixed.iter().zip(shape).any(|(fixed, dim)| fixed.is_some_and(|fixed| fixed != *dim));
    if differs {
        let (name, dims) = (&input.name, &input.shape);
        return Err(BuildError(format!(
            "input '{name}' has shape {dims:?}, which {shape:?} is not"
        )));
    }
    let elements = shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim));
    match elements {
        Some(elements) if elements <= ELEMENTS_MAX => Ok(()),
        _ => Err(BuildError(format!("input '{}' of {shape:?} is too large", input.name))),
    }
}

/// Reads requests from a file or the files of a folder. Each document is one of
///
/// - a V2 request: `{"inputs": [{"name", "shape", "datatype", "data"}], "outputs": [{"name", "data"}]}`,
///   where the outputs' data is what is expected;
/// - inputs by name: `{"INPUT0": [[1, 2]], "INPUT1": {"content": [1, 2], "shape": [2]}}`;
/// - `{"data": [...], "validation_data": [...]}` of such, as perf_analyzer reads it.
///
/// A file ends in `.json` or `.jsonl`; the files of a folder that do not are raw tensors, each named like
/// its input, and make one request.
///
/// # Errors
///
/// Says in which file and line what is wrong.
pub fn read_tensors(
    path: &Path,
    model: &ModelMetadata,
    options: &TensorOptions,
) -> Result<Vec<TensorRecord>, BuildError> {
    let (json, raw): (Vec<_>, Vec<_>) = files(path)?.into_iter().partition(|file| {
        file.extension().is_some_and(|extension| extension == "json" || extension == "jsonl")
    });
    if json.is_empty() {
        return read_raw(path, &raw, model, options);
    }
    let mut records = Vec::new();
    for file in json {
        for (place, document) in documents(&file)? {
            let read = read_document(&document, model, options);
            records.extend(read.map_err(|what| BuildError(format!("{place}: {what}")))?);
        }
    }
    super::limited(path, records)
}

fn read_raw(
    folder: &Path,
    raw: &[std::path::PathBuf],
    model: &ModelMetadata,
    options: &TensorOptions,
) -> Result<Vec<TensorRecord>, BuildError> {
    let mut request = random_request(model, options)?;
    for input in &mut request.inputs {
        let file =
            raw.iter().find(|file| file.file_name().is_some_and(|name| *name == *input.name));
        let file = file.ok_or_else(|| wrong(folder, &format!("has no file '{}'", input.name)))?;
        let bytes = std::fs::read(file).map_err(|error| wrong(file, &error))?;
        let expected =
            input.data_type.size().map(|size| size * input.shape.iter().product::<usize>());
        if expected.is_some_and(|expected| expected != bytes.len()) {
            let what = format!("has {} bytes, the input takes {:?}", bytes.len(), expected);
            return Err(wrong(file, &what));
        }
        input.data = InputData::Given(bytes);
    }
    Ok(vec![TensorRecord { request, expectation: None }])
}

fn read_document(
    document: &Value,
    model: &ModelMetadata,
    options: &TensorOptions,
) -> Result<Vec<TensorRecord>, String> {
    let object = document.as_object().ok_or("expected an object")?;
    if let Some(data) = object.get("data").and_then(Value::as_array) {
        let expected = object.get("validation_data").and_then(Value::as_array);
        let mut records = Vec::new();
        for (index, step) in data.iter().enumerate() {
            let step = step.as_object().ok_or("`data` holds something else than objects")?;
            let outputs =
                expected.and_then(|expected| expected.get(index)).and_then(Value::as_object);
            let request = by_name(step, model, options)?;
            let expectation =
                outputs.map(|outputs| expectation_by_name(outputs, options)).transpose()?;
            records.push(TensorRecord { request, expectation });
        }
        return Ok(records);
    }
    let record = match object.get("inputs").and_then(Value::as_array) {
        Some(inputs) => v2_record(object, inputs, model, options)?,
        None => TensorRecord { request: by_name(object, model, options)?, expectation: None },
    };
    Ok(vec![record])
}

fn v2_record(
    object: &Map<String, Value>,
    inputs: &[Value],
    model: &ModelMetadata,
    options: &TensorOptions,
) -> Result<TensorRecord, String> {
    let mut request = InferRequest { model: model.name.clone(), ..InferRequest::default() };
    for input in inputs {
        let name = input["name"].as_str().ok_or("an input has no name")?;
        request.inputs.push(tensor(name, input, &input["data"], model)?);
    }
    if let Some(parameters) = object.get("parameters").and_then(Value::as_object) {
        request.parameters = parameters.clone();
    }
    let outputs = object.get("outputs").and_then(Value::as_array);
    let mut expected = Map::new();
    for output in outputs.into_iter().flatten() {
        let name = output["name"].as_str().ok_or("an output has no name")?;
        request.outputs.push(name.to_owned());
        if let Some(data) = output.get("data") {
            expected.insert(name.to_owned(), data.clone());
        }
    }
    let expectation =
        (!expected.is_empty()).then(|| expectation_by_name(&expected, options)).transpose()?;
    Ok(TensorRecord { request, expectation })
}

fn by_name(
    object: &Map<String, Value>,
    model: &ModelMetadata,
    options: &TensorOptions,
) -> Result<InferRequest, String> {
    let mut request = InferRequest { model: model.name.clone(), ..InferRequest::default() };
    for (name, value) in object {
        let (description, data) = match value.get("content") {
            Some(content) => (value, content),
            None => (&Value::Null, value),
        };
        let mut tensor = tensor(name, description, data, model)?;
        let dims =
            model.inputs.iter().find(|input| input.name == *name).map(|input| input.shape.len());
        if options.batches && dims == Some(tensor.shape.len() + 1) {
            tensor.shape.insert(0, 1);
        }
        request.inputs.push(tensor);
    }
    Ok(request)
}

/// Reads what is expected of the answers to a file of inputs, one document for each: the outputs by name,
/// or a V2 answer with `outputs`.
///
/// # Errors
///
/// Says in which line what is wrong.
pub fn read_expectations(
    path: &Path,
    options: &TensorOptions,
) -> Result<Vec<Expectation>, BuildError> {
    let expectation = |(place, document): (String, Value)| {
        let outputs = outputs_by_name(&document);
        let outputs = outputs.ok_or_else(|| "expected outputs by name".to_owned());
        let read = outputs.and_then(|outputs| expectation_by_name(&outputs, options));
        read.map_err(|what| BuildError(format!("{place}: {what}")))
    };
    documents(path)?.into_iter().map(expectation).collect()
}

fn outputs_by_name(document: &Value) -> Option<Map<String, Value>> {
    let Some(outputs) = document["outputs"].as_array() else {
        return document.as_object().cloned();
    };
    let named = outputs
        .iter()
        .map(|output| Some((output["name"].as_str()?.to_owned(), output.get("data")?.clone())));
    named.collect()
}

/// What is expected of the outputs of one request.
fn expectation_by_name(
    outputs: &Map<String, Value>,
    options: &TensorOptions,
) -> Result<Expectation, String> {
    let output = |(name, value): (&String, &Value)| {
        let data = value.get("content").unwrap_or(value);
        let values = values_of_json(data)
            .ok_or_else(|| format!("output '{name}': neither numbers nor strings are expected"))?;
        Ok::<_, String>(ExpectedOutput { name: name.clone(), values })
    };
    let outputs = outputs.iter().map(output).collect::<Result<_, _>>()?;
    Ok(Expectation { outputs, tolerance: options.tolerance })
}

fn tensor(
    name: &str,
    description: &Value,
    data: &Value,
    model: &ModelMetadata,
) -> Result<InputTensor, String> {
    let known = model.inputs.iter().find(|input| input.name == name);
    let known = known.ok_or_else(|| format!("'{}' has no input '{name}'", model.name))?;
    let type_name = description["datatype"].as_str().unwrap_or(&known.datatype);
    let data_type = data_type(type_name).map_err(|error| error.0)?;
    let mut bytes = Vec::new();
    let elements =
        append(data, data_type, &mut bytes).map_err(|what| format!("input '{name}': {what}"))?;
    let shape = match description["shape"].as_array() {
        Some(dims) => dims
            .iter()
            .map(|dim| dim.as_u64().and_then(|dim| usize::try_from(dim).ok()))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| format!("input '{name}': the shape is no list of sizes"))?,
        None => nesting(data, known, elements),
    };
    if shape.iter().product::<usize>() != elements {
        return Err(format!("input '{name}': shape {shape:?} does not hold {elements} elements"));
    }
    Ok(InputTensor { name: name.to_owned(), data_type, shape, data: InputData::Given(bytes) })
}

/// The shape that the data is nested in; for a flat list the model's, if that is fixed and fits.
fn nesting(data: &Value, known: &TensorMetadata, elements: usize) -> Vec<usize> {
    let mut shape = Vec::new();
    let mut inner = data;
    while let Value::Array(values) = inner {
        shape.push(values.len());
        inner = values.first().unwrap_or(&Value::Null);
    }
    if shape.len() <= 1 && known.shape.len() != 1 {
        let dims: Vec<usize> =
            known.shape.iter().map(|dim| usize::try_from(*dim).unwrap_or(1)).collect();
        if dims.iter().product::<usize>() == elements {
            return dims;
        }
    }
    shape
}

/// Appends all elements, however they are nested; returns how many.
fn append(data: &Value, data_type: DataType, bytes: &mut Vec<u8>) -> Result<usize, String> {
    if let Value::Array(values) = data {
        return values.iter().map(|value| append(value, data_type, bytes)).sum();
    }
    let wrong = || format!("{data} is no {data_type}");
    if data_type == DataType::Bytes {
        push_string(bytes, data.as_str().ok_or_else(wrong)?.as_bytes());
        return Ok(1);
    }
    let number = match data {
        Value::Bool(value) => f64::from(u8::from(*value)),
        value => value.as_f64().ok_or_else(wrong)?,
    };
    append_number(data, number, data_type, bytes).ok_or_else(wrong)?;
    Ok(1)
}

#[expect(clippy::cast_possible_truncation, reason = "an FP32 is what is asked for")]
fn append_number(
    data: &Value,
    number: f64,
    data_type: DataType,
    bytes: &mut Vec<u8>,
) -> Option<()> {
    let signed = data.as_i64().or_else(|| data.as_bool().map(i64::from));
    let unsigned = data.as_u64().or_else(|| data.as_bool().map(u64::from));
    match data_type {
        DataType::Fp32 => bytes.extend((number as f32).to_le_bytes()),
        DataType::Fp64 => bytes.extend(number.to_le_bytes()),
        DataType::Fp16 => bytes.extend(f16::from_f64(number).to_le_bytes()),
        DataType::Bf16 => bytes.extend(bf16::from_f64(number).to_le_bytes()),
        DataType::Bool => bytes.push(u8::from(number != 0.0)),
        DataType::Uint8 => bytes.push(u8::try_from(unsigned?).ok()?),
        DataType::Uint16 => bytes.extend(u16::try_from(unsigned?).ok()?.to_le_bytes()),
        DataType::Uint32 => bytes.extend(u32::try_from(unsigned?).ok()?.to_le_bytes()),
        DataType::Uint64 => bytes.extend(unsigned?.to_le_bytes()),
        DataType::Int8 => bytes.extend(i8::try_from(signed?).ok()?.to_le_bytes()),
        DataType::Int16 => bytes.extend(i16::try_from(signed?).ok()?.to_le_bytes()),
        DataType::Int32 => bytes.extend(i32::try_from(signed?).ok()?.to_le_bytes()),
        DataType::Int64 => bytes.extend(signed?.to_le_bytes()),
        DataType::Bytes => return None,
    }
    Some(())
}
