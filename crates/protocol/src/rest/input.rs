//! One input of a request.

use bytes::Bytes;
use smallvec::SmallVec;
use tensor::{DataType, Shape, Tensor};

use super::{
    DecodeError, RestInput,
    data::{self, Parsed},
    parameters,
    scanner::Scanner,
};

/// What inputs are made from besides their own JSON.
#[derive(Debug, Default)]
pub(super) struct Supply {
    /// Bytes that tensors in JSON may still take.
    pub(super) json_bytes: usize,
    /// Binary data that no input has claimed.
    pub(super) binary: Bytes,
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

/// Takes an input. `index` is only for messages.
pub(super) fn read(
    scanner: &mut Scanner<'_>,
    index: usize,
    supply: &mut Supply,
) -> Result<RestInput, DecodeError> {
    let mut draft = Draft::default();
    draft
        .read(scanner, supply.json_bytes)
        .and_then(|()| draft.finish(supply))
        .map_err(|error| error.within(&place(index, draft.name.as_deref())))
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
            b"name" => once(&mut self.name, "name", || {
                Ok(scanner.string("the input's name in quotes")?.into_owned())
            }),
            b"datatype" => once(&mut self.data_type, "datatype", || data_type(scanner)),
            b"shape" => once(&mut self.shape, "shape", || shape(scanner)),
            b"parameters" => self.parameters(scanner),
            b"data" => {
                let (data_type, elements) = (self.data_type, self.elements());
                once(&mut self.data, "data", || match data_type {
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

    fn finish(&mut self, supply: &mut Supply) -> Result<RestInput, DecodeError> {
        let missing = |what| DecodeError::Malformed(format!("`{what}` is missing"));
        if self.name.is_none() {
            return Err(missing("name"));
        }
        let data_type = self.data_type.ok_or_else(|| missing("datatype"))?;
        let elements = self.elements();
        let shape = self.shape.take().ok_or_else(|| missing("shape"))?;
        let (data, what) = match (self.data.take(), self.binary_data_size) {
            (Some(Data::Parsed(parsed)), None) => (supply.claim_json(parsed, &shape)?, "`data`"),
            (Some(Data::Text(mut scanner)), None) => {
                let parsed = data::read(&mut scanner, data_type, elements, supply.json_bytes)?;
                (supply.claim_json(parsed, &shape)?, "`data`")
            }
            (None, Some(len)) => (supply.claim_binary(len)?, "`binary_data_size`"),
            (None, None) => return Err(missing("data")),
            (Some(_), Some(_)) => {
                return Err(DecodeError::malformed(
                    "`data` and `binary_data_size` exclude each other",
                ));
            }
        };
        let tensor = Tensor::new(data_type, shape, data)
            .map_err(|error| DecodeError::Malformed(format!("{error} ({what})")))?;
        Ok(RestInput { name: self.name.take().unwrap_or_default(), tensor })
    }
}

impl Supply {
    fn claim_json(&mut self, parsed: Parsed, shape: &Shape) -> Result<Bytes, DecodeError> {
        let Parsed { bytes, elements } = parsed;
        let wanted = shape.elements();
        if wanted != elements {
            return Err(DecodeError::Malformed(format!(
                "shape {shape} has {wanted} elements, `data` has {elements}"
            )));
        }
        self.json_bytes -= bytes.len();
        Ok(bytes.into())
    }

    /// Takes from the front; inputs are in the order of their data.
    fn claim_binary(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        let left = self.binary.len();
        if len > left {
            return Err(DecodeError::Malformed(format!(
                "`binary_data_size` is {len}, but only {left} bytes of binary data are left"
            )));
        }
        Ok(self.binary.split_to(len))
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
    let mut dims = SmallVec::<[i64; 8]>::new();
    scanner.array("an array for `shape`", |scanner, index| {
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
