//! One input of a request.

use std::mem;

use bytes::Bytes;
use tensor::{DataType, Shape, Tensor};

use super::{
    DecodeError,
    data::{self, Parsed},
    parameters,
    scanner::Scanner,
};

/// An input whose binary data, if that is what it has, is still in the body.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    data_type: DataType,
    shape: Shape,
    source: Source,
}

/// Where the elements are.
#[derive(Debug)]
enum Source {
    Json(Parsed),
    Binary { len: usize },
}

/// What of an input has been read; its members may come in any order.
#[derive(Default)]
struct Draft<'a> {
    name: Option<String>,
    data_type: Option<DataType>,
    shape: Option<Shape>,
    data: Option<Data<'a>>,
    binary_data_size: Option<usize>,
}

enum Data<'a> {
    Parsed(Parsed),
    /// Its element type comes later.
    Text(Scanner<'a>),
}

impl Input {
    /// Takes an input. `index` is only for messages; `json_bytes` is what JSON tensors may still
    /// take, and is lowered by what this one takes.
    pub(super) fn read(
        scanner: &mut Scanner<'_>,
        index: usize,
        json_bytes: &mut usize,
    ) -> Result<Self, DecodeError> {
        let mut draft = Draft::default();
        let read = draft.read(scanner, *json_bytes).and_then(|()| draft.finish(*json_bytes));
        let input = read.map_err(|error| error.within(&place(index, draft.name.as_deref())))?;
        if let Source::Json(parsed) = &input.source {
            *json_bytes -= parsed.bytes.len();
        }
        Ok(input)
    }

    /// The tensor; binary data is taken from the front of `binary` and shares it.
    pub(super) fn into_tensor(
        mut self,
        index: usize,
        binary: &mut Bytes,
    ) -> Result<(String, Tensor), DecodeError> {
        let name = mem::take(&mut self.name);
        match self.tensor(binary) {
            Ok(tensor) => Ok((name, tensor)),
            Err(error) => Err(error.within(&place(index, Some(&name)))),
        }
    }

    fn tensor(self, binary: &mut Bytes) -> Result<Tensor, DecodeError> {
        let Self { data_type, shape, source, .. } = self;
        let (data, what) = match source {
            Source::Json(Parsed { bytes, elements }) => {
                let wanted = shape.elements();
                if wanted != elements {
                    return Err(DecodeError::Malformed(format!(
                        "shape {shape} has {wanted} elements, `data` has {elements}"
                    )));
                }
                (Bytes::from(bytes), "`data`")
            }
            Source::Binary { len } if len <= binary.len() => {
                (binary.split_to(len), "`binary_data_size`")
            }
            Source::Binary { len } => {
                return Err(DecodeError::Malformed(format!(
                    "`binary_data_size` is {len}, but only {} bytes of binary data are left",
                    binary.len()
                )));
            }
        };
        Tensor::new(data_type, shape, data)
            .map_err(|error| DecodeError::Malformed(format!("{error} ({what})")))
    }
}

fn place(index: usize, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("inputs[{index}] `{}`", name.escape_debug()),
        None => format!("inputs[{index}]"),
    }
}

impl<'a> Draft<'a> {
    fn read(&mut self, scanner: &mut Scanner<'a>, bytes_max: usize) -> Result<(), DecodeError> {
        scanner.object(|scanner, key| match key {
            "name" => once(&mut self.name, key, || {
                Ok(scanner.string("the input's name in quotes")?.into_owned())
            }),
            "datatype" => once(&mut self.data_type, key, || data_type(scanner)),
            "shape" => once(&mut self.shape, key, || shape(scanner)),
            "parameters" => self.parameters(scanner),
            "data" => {
                let (data_type, elements) = (self.data_type, self.elements());
                once(&mut self.data, key, || match data_type {
                    Some(ty) => data::read(scanner, ty, elements, bytes_max).map(Data::Parsed),
                    None => {
                        let start = scanner.clone();
                        scanner.skip()?;
                        Ok(Data::Text(start))
                    }
                })
            }
            _ => scanner.skip().map(drop),
        })
    }

    fn elements(&self) -> Option<usize> {
        self.shape.as_ref().map(Shape::elements)
    }

    fn parameters(&mut self, scanner: &mut Scanner<'a>) -> Result<(), DecodeError> {
        parameters::each(scanner, |key, value| match key {
            "binary_data_size" => {
                once(&mut self.binary_data_size, key, || parameters::size(value.as_ref()))
            }
            "shared_memory_region" | "shared_memory_byte_size" | "shared_memory_offset" => {
                Err(parameters::shared_memory())
            }
            // Others are for nobody that this server knows.
            _ => Ok(()),
        })
    }

    fn finish(&mut self, bytes_max: usize) -> Result<Input, DecodeError> {
        let missing = |what| DecodeError::Malformed(format!("`{what}` is missing"));
        let name = self.name.clone().ok_or_else(|| missing("name"))?;
        let data_type = self.data_type.ok_or_else(|| missing("datatype"))?;
        let elements = self.elements();
        let shape = self.shape.take().ok_or_else(|| missing("shape"))?;
        let source = match (self.data.take(), self.binary_data_size) {
            (Some(Data::Parsed(parsed)), None) => Source::Json(parsed),
            (Some(Data::Text(mut scanner)), None) => {
                Source::Json(data::read(&mut scanner, data_type, elements, bytes_max)?)
            }
            (None, Some(len)) => Source::Binary { len },
            (None, None) => return Err(missing("data")),
            (Some(_), Some(_)) => {
                return Err(DecodeError::malformed(
                    "`data` and `binary_data_size` exclude each other",
                ));
            }
        };
        Ok(Input { name, data_type, shape, source })
    }
}

/// Reads a member that must not come twice.
pub(super) fn once<T>(
    slot: &mut Option<T>,
    key: &str,
    read: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<(), DecodeError> {
    if slot.is_some() {
        return Err(DecodeError::Malformed(format!("`{key}` is given twice")));
    }
    *slot = Some(read()?);
    Ok(())
}

fn data_type(scanner: &mut Scanner<'_>) -> Result<DataType, DecodeError> {
    let name = scanner.string("`datatype` in quotes, such as \"FP32\"")?;
    DataType::from_name(&name).ok_or_else(|| {
        let names = DataType::ALL.map(DataType::name).join(", ");
        let name = name.escape_debug();
        DecodeError::Malformed(format!("datatype `{name}` is none of {names}"))
    })
}

fn shape(scanner: &mut Scanner<'_>) -> Result<Shape, DecodeError> {
    const RANK_MAX: usize = 64;
    let mut dims = Vec::new();
    scanner.array(|scanner, index| {
        if index == RANK_MAX {
            let message = format!("`shape` has more than {RANK_MAX} dimensions");
            return Err(DecodeError::Malformed(message));
        }
        let before = scanner.clone();
        let dim = scanner.number().parse();
        dims.push(dim.map_err(|_| before.expected("a whole number in `shape`"))?);
        Ok(())
    })?;
    Shape::from_wire(&dims).map_err(|error| DecodeError::Malformed(format!("`shape`: {error}")))
}
