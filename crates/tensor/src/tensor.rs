use bytes::Bytes;

use crate::{DataType, FramingError, Shape, StringElements, validate_strings};

/// An element type, a shape and the elements: little-endian, row-major, shared and immutable.
///
/// The data is often a slice of a request's body, so it may start at any address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    data_type: DataType,
    shape: Shape,
    data: Bytes,
}

/// Data that does not belong to the shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// Fixed-size elements.
    #[error("{data_type} of shape {shape} takes {expected} bytes, got {got}")]
    Size {
        /// The element type.
        data_type: DataType,
        /// The shape.
        shape: Shape,
        /// Bytes that they need.
        expected: usize,
        /// Bytes that there are.
        got: usize,
    },
    /// `BYTES` elements.
    #[error("BYTES of shape {shape}: {source}")]
    Framing {
        /// The shape.
        shape: Shape,
        /// What is wrong with the framing.
        source: FramingError,
    },
}

impl Tensor {
    /// Joins the parts after checking that they fit.
    ///
    /// # Errors
    ///
    /// The data is larger or smaller than the shape says, or `BYTES` framing is broken.
    pub fn new(data_type: DataType, shape: Shape, data: Bytes) -> Result<Self, TensorError> {
        match data_type.size() {
            Some(size) => {
                let expected = shape.elements().saturating_mul(size);
                if data.len() != expected {
                    let got = data.len();
                    return Err(TensorError::Size { data_type, shape, expected, got });
                }
            }
            None => {
                if let Err(source) = validate_strings(&data, shape.elements()) {
                    return Err(TensorError::Framing { shape, source });
                }
            }
        }
        Ok(Self { data_type, shape, data })
    }

    /// Element type.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// Dimensions.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements, as they go over the wire.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Gives the elements away.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        self.data
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    ///
    /// The shapes differ in their number of elements.
    pub fn reshaped(self, shape: Shape) -> Result<Self, TensorError> {
        if shape.elements() == self.shape.elements() {
            return Ok(Self { shape, ..self });
        }
        Self::new(self.data_type, shape, self.data)
    }

    /// Rows `start..start + rows` of the outermost dimension, sharing the data.
    ///
    /// # Panics
    ///
    /// If the tensor is a scalar or has fewer rows.
    #[must_use]
    pub fn rows(&self, start: usize, rows: usize) -> Self {
        assert!(start + rows <= self.shape[0], "rows {start}+{rows} of {}", self.shape);
        let row_elements: usize = self.shape[1..].iter().product();
        let data = match self.data_type.size() {
            Some(size) => {
                let row_bytes = row_elements * size;
                self.data.slice(start * row_bytes..(start + rows) * row_bytes)
            }
            None => self.string_rows(start * row_elements, rows * row_elements),
        };
        Self { data_type: self.data_type, shape: self.shape.with_rows(rows), data }
    }

    fn string_rows(&self, skip: usize, take: usize) -> Bytes {
        let mut elements = StringElements::new(&self.data);
        elements.by_ref().take(skip).for_each(drop);
        let from = self.data.len() - elements.remaining().len();
        elements.by_ref().take(take).for_each(drop);
        let to = self.data.len() - elements.remaining().len();
        self.data.slice(from..to)
    }
}

#[cfg(test)]
mod tests;
