//! From protobuf fields to [`Model`]. Field numbers are those of the specification's `onnx.proto`.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use crate::{
    Dim, ElementType, ExternalData, Initializer, Model, Operator, OpsetImport, ReadError,
    TensorType, ValueInfo, ValueType,
    wire::{Field, Message, Wire},
};

/// Longest name of anything.
const NAME_BYTES_MAX: u64 = 64 << 10;
/// What is kept of a metadata value.
const METADATA_BYTES_MAX: usize = 64 << 10;
/// Most inputs, outputs, metadata keys, operator sets, functions and kinds of operators, each.
const LIST_MAX: usize = 1 << 16;
/// Most constant tensors.
const INITIALIZERS_MAX: usize = 1 << 18;
/// What stands in the place of a large file that was not fetched.
const GIT_LFS_POINTER: &[u8] = b"version https://git-lfs";
/// Most dimensions of one tensor.
const RANK_MAX: usize = 64;

/// Fills a [`Model`] from a source.
#[derive(Debug)]
pub(crate) struct ModelReader<R> {
    wire: Wire<R>,
    model: Model,
    inputs: Vec<ValueInfo>,
    has_graph: bool,
}

/// Which graph is being read: only the outermost has a signature.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Main,
    Sub,
}

impl<R: Read + Seek> ModelReader<R> {
    pub(crate) fn new(source: R) -> Result<Self, ReadError> {
        let wire = Wire::new(source)?;
        Ok(Self { wire, model: Model::default(), inputs: Vec::new(), has_graph: false })
    }

    pub(crate) fn read(mut self) -> Result<Model, ReadError> {
        let mut root = self.wire.root();
        self.model.file_bytes = root.len();
        if self.wire.starts_with(GIT_LFS_POINTER)? {
            return Err(ReadError::GitLfsPointer);
        }
        while let Some(field) = self.wire.next(&mut root)? {
            self.model_field(&field)?;
        }
        if !self.has_graph {
            return Err(ReadError::NoGraph);
        }
        self.split_inputs();
        Ok(self.model)
    }

    fn model_field(&mut self, field: &Field) -> Result<(), ReadError> {
        match field.number {
            1 => self.model.ir_version = field.varint()?.cast_signed(),
            2 => self.model.producer_name = self.name(field)?,
            3 => self.model.producer_version = self.name(field)?,
            5 => self.model.model_version = field.varint()?.cast_signed(),
            7 => {
                self.has_graph = true;
                self.graph(field.message()?, Level::Main)?;
            }
            8 => {
                let import = self.opset_import(field.message()?)?;
                push(&mut self.model.opset_imports, import, field, "more operator sets")?;
            }
            14 => {
                let entry = self.entry(field.message()?)?;
                push(&mut self.model.metadata, entry, field, "more metadata")?;
            }
            25 => {
                let function = self.function(field.message()?)?;
                push(&mut self.model.functions, function, field, "more functions")?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Inputs that share their name with an initializer need not be given.
    fn split_inputs(&mut self) {
        let graph = &mut self.model.graph;
        let constants: BTreeSet<&str> =
            graph.initializers.iter().map(|tensor| tensor.name.as_str()).collect();
        let (defaulted, inputs) = std::mem::take(&mut self.inputs)
            .into_iter()
            .partition(|input| constants.contains(input.name.as_str()));
        graph.defaulted_inputs = defaulted;
        graph.inputs = inputs;
    }

    fn graph(&mut self, mut graph: Message, level: Level) -> Result<(), ReadError> {
        while let Some(field) = self.wire.next(&mut graph)? {
            match field.number {
                1 => self.node(&field)?,
                2 if level == Level::Main => self.model.graph.name = self.name(&field)?,
                5 => self.initializer(&field)?,
                11 if level == Level::Main => {
                    let input = self.value_info(field.message()?)?;
                    push(&mut self.inputs, input, &field, "more inputs")?;
                }
                12 if level == Level::Main => {
                    let output = self.value_info(field.message()?)?;
                    push(&mut self.model.graph.outputs, output, &field, "more outputs")?;
                }
                15 => self.sparse_initializer(field.message()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, field: &Field) -> Result<(), ReadError> {
        let mut node = field.message()?;
        let mut operator = Operator::default();
        while let Some(field) = self.wire.next(&mut node)? {
            match field.number {
                4 => operator.name = self.name(&field)?,
                5 => self.attribute(field.message()?)?,
                7 => operator.domain = self.name(&field)?,
                _ => {}
            }
        }
        if operator.domain == "ai.onnx" {
            operator.domain.clear();
        }
        let operators = &mut self.model.operators;
        if operators.len() >= LIST_MAX && !operators.contains_key(&operator) {
            return Err(limit(field, "more kinds of operators", LIST_MAX));
        }
        *operators.entry(operator).or_default() += 1;
        Ok(())
    }

    fn attribute(&mut self, mut attribute: Message) -> Result<(), ReadError> {
        while let Some(field) = self.wire.next(&mut attribute)? {
            match field.number {
                5 | 10 => self.initializer(&field)?,
                6 | 11 => self.graph(field.message()?, Level::Sub)?,
                22 | 23 => self.sparse_initializer(field.message()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn function(&mut self, mut function: Message) -> Result<Operator, ReadError> {
        let mut operator = Operator::default();
        while let Some(field) = self.wire.next(&mut function)? {
            match field.number {
                1 => operator.name = self.name(&field)?,
                7 => self.node(&field)?,
                10 => operator.domain = self.name(&field)?,
                _ => {}
            }
        }
        Ok(operator)
    }

    fn opset_import(&mut self, mut import: Message) -> Result<OpsetImport, ReadError> {
        let mut opset = OpsetImport::default();
        while let Some(field) = self.wire.next(&mut import)? {
            match field.number {
                1 => opset.domain = self.name(&field)?,
                2 => opset.version = field.varint()?.cast_signed(),
                _ => {}
            }
        }
        Ok(opset)
    }

    fn entry(&mut self, mut entry: Message) -> Result<(String, String), ReadError> {
        let (mut key, mut value) = (String::new(), String::new());
        while let Some(field) = self.wire.next(&mut entry)? {
            match field.number {
                1 => key = self.name(&field)?,
                2 => value = self.text(&field, METADATA_BYTES_MAX)?,
                _ => {}
            }
        }
        Ok((key, value))
    }

    fn value_info(&mut self, mut info: Message) -> Result<ValueInfo, ReadError> {
        let mut value = ValueInfo::default();
        while let Some(field) = self.wire.next(&mut info)? {
            match field.number {
                1 => value.name = self.name(&field)?,
                2 => value.value_type = self.value_type(field.message()?)?,
                _ => {}
            }
        }
        Ok(value)
    }

    fn value_type(&mut self, mut message: Message) -> Result<ValueType, ReadError> {
        let mut value_type = ValueType::Unknown;
        while let Some(field) = self.wire.next(&mut message)? {
            value_type = match field.number {
                1 => ValueType::Tensor(self.tensor_type(field.message()?)?),
                4 => ValueType::Sequence(self.contained_type(field.message()?)?.1.into()),
                5 => {
                    let (key, value) = self.contained_type(field.message()?)?;
                    ValueType::Map(key, value.into())
                }
                8 => ValueType::SparseTensor(self.tensor_type(field.message()?)?),
                9 => ValueType::Optional(self.contained_type(field.message()?)?.1.into()),
                _ => value_type,
            }
        }
        Ok(value_type)
    }

    /// Types of a map's keys and values, or of a sequence's or optional's elements. A map's key
    /// type is a number in the field that is the element type of the others.
    fn contained_type(
        &mut self,
        mut message: Message,
    ) -> Result<(ElementType, ValueType), ReadError> {
        let (mut key, mut value) = (ElementType::Other(0), ValueType::Unknown);
        while let Some(field) = self.wire.next(&mut message)? {
            match field.number {
                1 if !field.is_packed() => key = ElementType::from_code(field.int32()?),
                1 | 2 => value = self.value_type(field.message()?)?,
                _ => {}
            }
        }
        Ok((key, value))
    }

    fn tensor_type(&mut self, mut message: Message) -> Result<TensorType, ReadError> {
        let mut tensor = TensorType { element: ElementType::Other(0), dims: None };
        while let Some(field) = self.wire.next(&mut message)? {
            match field.number {
                1 => tensor.element = ElementType::from_code(field.int32()?),
                2 => {
                    let dims = tensor.dims.get_or_insert_default();
                    self.shape(field.message()?, dims)?;
                }
                _ => {}
            }
        }
        Ok(tensor)
    }

    fn shape(&mut self, mut shape: Message, dims: &mut Vec<Dim>) -> Result<(), ReadError> {
        while let Some(field) = self.wire.next(&mut shape)? {
            if field.number == 1 {
                let dim = self.dim(field.message()?)?;
                if dims.len() == RANK_MAX {
                    return Err(limit(&field, "more dimensions", RANK_MAX));
                }
                dims.push(dim);
            }
        }
        Ok(())
    }

    fn dim(&mut self, mut message: Message) -> Result<Dim, ReadError> {
        let mut dim = Dim::Unknown;
        while let Some(field) = self.wire.next(&mut message)? {
            match field.number {
                1 => dim = Dim::Fixed(field.varint()?.cast_signed()),
                2 => dim = Dim::Symbol(self.name(&field)?),
                _ => {}
            }
        }
        Ok(match dim {
            Dim::Symbol(name) if name.is_empty() => Dim::Unknown,
            Dim::Fixed(size) if size < 0 => Dim::Unknown,
            dim => dim,
        })
    }

    fn sparse_initializer(&mut self, mut sparse: Message) -> Result<(), ReadError> {
        while let Some(field) = self.wire.next(&mut sparse)? {
            if matches!(field.number, 1 | 2) {
                self.initializer(&field)?;
            }
        }
        Ok(())
    }

    fn initializer(&mut self, field: &Field) -> Result<(), ReadError> {
        let tensor = self.tensor(field.message()?)?;
        let initializers = &mut self.model.graph.initializers;
        if initializers.len() == INITIALIZERS_MAX {
            return Err(limit(field, "more constant tensors", INITIALIZERS_MAX));
        }
        initializers.push(tensor);
        Ok(())
    }

    fn tensor(&mut self, mut message: Message) -> Result<Initializer, ReadError> {
        let mut tensor = Initializer {
            name: String::new(),
            element: ElementType::Other(0),
            dims: Vec::new(),
            external: None,
        };
        let (mut external, mut is_external) = (ExternalData::default(), false);
        while let Some(field) = self.wire.next(&mut message)? {
            match field.number {
                1 => self.tensor_dims(&field, &mut tensor.dims)?,
                2 => tensor.element = ElementType::from_code(field.int32()?),
                8 => tensor.name = self.name(&field)?,
                13 => {
                    let (key, value) = self.entry(field.message()?)?;
                    match key.as_str() {
                        "location" => external.location = value,
                        "offset" => external.offset = Some(value),
                        "length" => external.length = Some(value),
                        _ => {}
                    }
                }
                14 => is_external = field.varint()? == 1,
                _ => {}
            }
        }
        tensor.external = is_external.then_some(external);
        Ok(tensor)
    }

    fn tensor_dims(&mut self, field: &Field, dims: &mut Vec<i64>) -> Result<(), ReadError> {
        let mut push_dim = |dim: u64| {
            if dims.len() == RANK_MAX {
                return Err(limit(field, "more dimensions", RANK_MAX));
            }
            dims.push(dim.cast_signed());
            Ok(())
        };
        if !field.is_packed() {
            return push_dim(field.varint()?);
        }
        let mut run = field.message()?;
        while let Some(dim) = self.wire.next_packed(&mut run)? {
            push_dim(dim)?;
        }
        Ok(())
    }

    fn name(&mut self, field: &Field) -> Result<String, ReadError> {
        if field.byte_len()? > NAME_BYTES_MAX {
            let (offset, what) = (field.offset, "a longer name");
            return Err(ReadError::Limit { offset, what, limit: NAME_BYTES_MAX });
        }
        self.text(field, usize::MAX)
    }

    /// Names that are no UTF-8 are told apart well enough by their readable parts.
    fn text(&mut self, field: &Field, max: usize) -> Result<String, ReadError> {
        let bytes = self.wire.bytes(field, max)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn push<T>(list: &mut Vec<T>, item: T, field: &Field, what: &'static str) -> Result<(), ReadError> {
    if list.len() == LIST_MAX {
        return Err(limit(field, what, LIST_MAX));
    }
    list.push(item);
    Ok(())
}

fn limit(field: &Field, what: &'static str, limit: usize) -> ReadError {
    ReadError::Limit { offset: field.offset, what, limit: limit as u64 }
}

#[cfg(test)]
mod tests;
