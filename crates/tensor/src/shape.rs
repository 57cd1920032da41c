use std::{fmt, ops::Deref};

use smallvec::SmallVec;

/// Dimensions of one tensor, outermost first. Every dimension is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(SmallVec<[usize; 6]>);

/// Why a list of numbers is no shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Only patterns may have unknown dimensions, tensors have none.
    #[error("dimension {index} is {dim}; every dimension of a tensor must be 0 or more")]
    Negative {
        /// Position of the dimension.
        index: usize,
        /// What was given.
        dim: i64,
    },
    /// The number of elements does not fit the machine.
    #[error("the number of elements in {dims:?} overflows")]
    Overflow {
        /// What was given.
        dims: Vec<i64>,
    },
}

impl Shape {
    /// Checks dimensions that came over a wire.
    ///
    /// # Errors
    ///
    /// A negative dimension, or more than `i64::MAX` elements (counted without the zero dimensions,
    /// so that every partial product fits too).
    pub fn from_wire(dims: &[i64]) -> Result<Self, ShapeError> {
        let mut shape = SmallVec::with_capacity(dims.len());
        let mut elements: i64 = 1;
        for (index, &dim) in dims.iter().enumerate() {
            let size = usize::try_from(dim).map_err(|_| ShapeError::Negative { index, dim })?;
            elements = elements
                .checked_mul(dim.max(1))
                .ok_or_else(|| ShapeError::Overflow { dims: dims.to_vec() })?;
            shape.push(size);
        }
        Ok(Self(shape))
    }

    /// Number of elements: the product of the dimensions, 1 for a scalar.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// The dimensions as signed integers, as every protocol writes them.
    pub fn wire_dims(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        // Shapes come from `i64` dimensions or from counted elements, both within range.
        self.0.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX))
    }

    /// The same shape with another outermost dimension.
    ///
    /// # Panics
    ///
    /// On a scalar, which has no outermost dimension.
    #[must_use]
    pub fn with_rows(&self, rows: usize) -> Self {
        let mut dims = self.0.clone();
        dims[0] = rows;
        Self(dims)
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Self {
        Self(dims.into_iter().collect())
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Self(dims.into())
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        dims.into_iter().collect()
    }
}

/// Writes `[2,3]`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, dim) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{dim}")?;
        }
        f.write_str("]")
    }
}
