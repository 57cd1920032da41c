//! Descriptions of tensors.

use std::{collections::HashMap, ops::Range};

use super::{ElementType, GgufError, reader::Reader};

const DIMENSIONS_MAX: u32 = 4;

/// Where a tensor is and what it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorInfo {
    /// Sizes, the one that lies together first: `[columns, rows, ...]`.
    pub(crate) sizes: Vec<usize>,
    pub(crate) element: ElementType,
    /// Its values in the file.
    pub(super) bytes: Range<usize>,
}

/// What the file says of a tensor before it is known where the values start.
struct Described<'a> {
    name: &'a str,
    sizes: Vec<u64>,
    type_number: u32,
    offset: u64,
}

/// Reads `count` descriptions and finds their values behind them.
pub(super) fn read_all(
    reader: &mut Reader<'_>,
    count: u64,
    alignment: u64,
) -> Result<HashMap<String, TensorInfo>, GgufError> {
    let described =
        (0..count).map(|_| Described::read(reader)).collect::<Result<Vec<_>, GgufError>>()?;
    let start = (reader.position() as u64).next_multiple_of(alignment);
    let mut tensors = HashMap::with_capacity(described.len());
    for tensor in described {
        let info = tensor.locate(start, alignment, reader.length())?;
        if tensors.insert(tensor.name.to_owned(), info).is_some() {
            return Err(tensor.error("comes twice".to_owned()));
        }
    }
    Ok(tensors)
}

impl<'a> Described<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, GgufError> {
        const WHAT: &str = "the description of a tensor";
        let name = reader.text("the name of a tensor")?;
        let dimensions = reader.u32(WHAT)?;
        if dimensions == 0 || dimensions > DIMENSIONS_MAX {
            let problem = format!("has {dimensions} dimensions, not 1 to {DIMENSIONS_MAX}");
            return Err(GgufError::Tensor { name: name.to_owned(), problem });
        }
        let sizes = (0..dimensions).map(|_| reader.u64(WHAT)).collect::<Result<_, _>>()?;
        Ok(Self { name, sizes, type_number: reader.u32(WHAT)?, offset: reader.u64(WHAT)? })
    }

    fn error(&self, problem: String) -> GgufError {
        GgufError::Tensor { name: self.name.to_owned(), problem }
    }

    /// Holds what is said against the file's `length`; values start at `start` plus the offset.
    fn locate(&self, start: u64, alignment: u64, length: usize) -> Result<TensorInfo, GgufError> {
        let element = ElementType::from_number(self.type_number)
            .ok_or_else(|| self.error(format!("has the unknown type {}", self.type_number)))?;
        if !self.offset.is_multiple_of(alignment) {
            return Err(self.error(format!("its offset {} is not aligned", self.offset)));
        }
        let bytes = self.byte_length(element)?;
        let range = self.offset.checked_add(start).and_then(|first| {
            let end = usize::try_from(first.checked_add(bytes)?).ok()?;
            (end <= length).then_some(usize::try_from(first).ok()?..end)
        });
        let Some(range) = range else {
            let offset = self.offset;
            return Err(self.error(format!(
                "its {bytes} bytes at offset {offset} of the values end behind the file, which may \
                 have been cut short"
            )));
        };
        let sizes = self.sizes.iter().map(|size| usize::try_from(*size).ok()).collect();
        let sizes: Option<Vec<usize>> = sizes;
        let sizes = sizes.ok_or_else(|| self.error("is too large".to_owned()))?;
        Ok(TensorInfo { sizes, element, bytes: range })
    }

    fn byte_length(&self, element: ElementType) -> Result<u64, GgufError> {
        let block = element.block_values();
        if !self.sizes[0].is_multiple_of(block) {
            return Err(self.error(format!(
                "its rows of {} values are no whole blocks of {block} ({})",
                self.sizes[0],
                element.name()
            )));
        }
        let values = self.sizes.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
        let bytes = values.and_then(|values| (values / block).checked_mul(element.block_bytes()));
        match bytes {
            Some(0) => Err(self.error(format!("has no values: {:?}", self.sizes))),
            Some(bytes) => Ok(bytes),
            None => Err(self.error(format!("has impossible sizes: {:?}", self.sizes))),
        }
    }
}
