use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::File,
    io::Cursor,
    path::Path,
};

use crate::{ElementType, ExternalData, ExternalDataError, ReadError, external, read::ModelReader};

/// What an ONNX file says about itself, without the values of its weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Version of the file format.
    pub ir_version: i64,
    /// The program that wrote it.
    pub producer_name: String,
    /// That program's version.
    pub producer_version: String,
    /// The model's own version number.
    pub model_version: i64,
    /// Versions of the operator sets that it uses.
    pub opset_imports: Vec<OpsetImport>,
    /// Free-form keys and values; values of more than 64 KiB are cut.
    pub metadata: Vec<(String, String)>,
    /// The graph.
    pub graph: Graph,
    /// Nodes by operator: of the graph, its subgraphs and the model's own functions.
    pub operators: BTreeMap<Operator, u64>,
    /// Names of the model's own functions.
    pub functions: Vec<Operator>,
    /// Size of the model file alone.
    pub file_bytes: u64,
}

/// A model's main graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Name.
    pub name: String,
    /// Inputs that a caller must give.
    pub inputs: Vec<ValueInfo>,
    /// Inputs that have a value in the model; from format version 4 on a caller may give another.
    pub defaulted_inputs: Vec<ValueInfo>,
    /// Outputs.
    pub outputs: Vec<ValueInfo>,
    /// Constant tensors: initializers and the values of `Constant` nodes, of subgraphs too.
    pub initializers: Vec<Initializer>,
}

/// Name and type of an input or output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueInfo {
    /// Name.
    pub name: String,
    /// Type.
    pub value_type: ValueType,
}

/// Type of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ValueType {
    /// Not declared, or of a kind that the specification did not have when this was written.
    #[default]
    Unknown,
    /// A tensor.
    Tensor(TensorType),
    /// A sparse tensor.
    SparseTensor(TensorType),
    /// A list of values.
    Sequence(Box<Self>),
    /// A map.
    Map(ElementType, Box<Self>),
    /// A value or nothing.
    Optional(Box<Self>),
}

/// Type of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Type of the elements.
    pub element: ElementType,
    /// Dimensions, outermost first; `None` if not even their number is known.
    pub dims: Option<Vec<Dim>>,
}

/// One dimension of a declared shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A size.
    Fixed(i64),
    /// A name: equal names mean equal sizes.
    Symbol(String),
    /// Any size.
    Unknown,
}

/// A constant tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initializer {
    /// Name; empty for most values of `Constant` nodes.
    pub name: String,
    /// Type of the elements.
    pub element: ElementType,
    /// Dimensions.
    pub dims: Vec<i64>,
    /// Where the data is, if not in the model file.
    pub external: Option<ExternalData>,
}

/// An operator's full name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator {
    /// Operator set; empty for ONNX's own.
    pub domain: String,
    /// Name in it.
    pub name: String,
}

/// A version of an operator set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpsetImport {
    /// Operator set; empty for ONNX's own.
    pub domain: String,
    /// Version.
    pub version: i64,
}

impl Model {
    /// Reads a file's description; weights are skipped, not read.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is cut off, or is no ONNX model.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let file =
            File::open(path).map_err(|source| ReadError::Open { path: path.to_owned(), source })?;
        ModelReader::new(file)?.read()
    }

    /// Reads a description from memory.
    ///
    /// # Errors
    ///
    /// The bytes are cut off, or no ONNX model.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        ModelReader::new(Cursor::new(bytes))?.read()
    }

    /// Version of ONNX's own operator set.
    #[must_use]
    pub fn opset(&self) -> Option<i64> {
        let own = |import: &&OpsetImport| matches!(import.domain.as_str(), "" | "ai.onnx");
        self.opset_imports.iter().find(own).map(|import| import.version)
    }

    /// Files beside the model that hold weights, as the model names them.
    #[must_use]
    pub fn external_files(&self) -> BTreeSet<&str> {
        let external = self.graph.initializers.iter().filter_map(|tensor| tensor.external.as_ref());
        external.map(|data| data.location.as_str()).collect()
    }

    /// Checks that all weights outside of the model file are there. `folder` is the model file's.
    ///
    /// # Errors
    ///
    /// The first tensor whose data is outside of the folder, missing or cut off.
    pub fn check_external_data(&self, folder: &Path) -> Result<(), ExternalDataError> {
        for tensor in &self.graph.initializers {
            if let Some(data) = &tensor.external {
                external::check(tensor, data, folder)?;
            }
        }
        Ok(())
    }
}

impl Initializer {
    /// Number of elements; `None` if the dimensions make no sense.
    #[must_use]
    pub fn elements(&self) -> Option<u64> {
        self.dims
            .iter()
            .try_fold(1_u64, |product, dim| product.checked_mul(u64::try_from(*dim).ok()?))
    }

    /// Bytes that the elements need; `None` for strings and where the dimensions make no sense.
    #[must_use]
    pub fn data_bytes(&self) -> Option<u64> {
        let bits = self.elements()?.checked_mul(u64::from(self.element.bits()?))?;
        Some(bits.div_ceil(8))
    }
}

/// Writes `float32 [batch, 384]`, `sequence of int64 [?]` and the like.
impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("undeclared type"),
            Self::Tensor(tensor) => tensor.fmt(f),
            Self::SparseTensor(tensor) => write!(f, "sparse {tensor}"),
            Self::Sequence(of) => write!(f, "sequence of {of}"),
            Self::Map(key, value) => write!(f, "map from {key} to {value}"),
            Self::Optional(of) => write!(f, "optional {of}"),
        }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(dims) = &self.dims else {
            return write!(f, "{} of any shape", self.element);
        };
        write!(f, "{} [", self.element)?;
        for (index, dim) in dims.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{dim}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => size.fmt(f),
            Self::Symbol(name) => f.write_str(name),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// Writes `MatMul` or `com.microsoft.Gelu`.
impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.domain.is_empty() {
            return f.write_str(&self.name);
        }
        write!(f, "{}.{}", self.domain, self.name)
    }
}
