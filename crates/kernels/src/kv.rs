//! The keys and values of every token that a model has seen, in blocks that sequences share.

mod element;
mod memory;
#[cfg(test)]
mod read;
mod write;

use std::io;

use memmap2::MmapMut;

pub(crate) use element::{Bf16, Element, F16, F32, Int8};
pub(crate) use memory::HeadBlock;
pub(crate) use write::Tokens;

/// Tokens in a block.
pub const BLOCK_TOKENS: usize = 32;

/// Largest number of floats in a head.
pub(crate) const HEAD_DIM_MAX: usize = 512;

/// How one number of a key or a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KvFormat {
    /// As it was computed.
    F32,
    /// IEEE 754 halves: 11 significant bits. What is beyond 65504 is kept as that.
    F16,
    /// The upper half of an `f32`: 8 significant bits.
    Bf16,
    /// Signed bytes, with one scale for a token's key in a head and one for its value: an error of
    /// at most 1/254 of the largest number there.
    Int8,
}

/// Size of a [`KvCache`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvShape {
    /// Layers of the model.
    pub layers: usize,
    /// Heads of keys and values; query heads share them in groups.
    pub kv_heads: usize,
    /// Floats in a head: a multiple of 8, 512 at most.
    pub head_dim: usize,
    /// Blocks of [`BLOCK_TOKENS`] tokens each.
    pub blocks: usize,
}

/// Where the key and the value of a token are kept, in every layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvSlot {
    /// Number of the block.
    pub block: u32,
    /// Place in the block, below [`BLOCK_TOKENS`].
    pub offset: u32,
}

/// Why there is no [`KvCache`].
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// Heads of a size that the kernels do not compute with.
    #[error(
        "heads have {head_dim} numbers: a multiple of 8 up to {HEAD_DIM_MAX} can be attended to"
    )]
    HeadDim {
        /// Floats in a head.
        head_dim: usize,
    },
    /// No layers, heads or blocks, or more than can be counted.
    #[error("a cache of {shape:?} cannot be addressed: take more than nothing and fewer blocks")]
    Size {
        /// What was asked for.
        shape: KvShape,
    },
    /// The system does not give the memory.
    #[error("cannot reserve {bytes} bytes for keys and values: take fewer blocks")]
    Reserve {
        /// Bytes in all.
        bytes: usize,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Keys and values of every layer of one model.
///
/// For each layer, block and head of keys the numbers lie together: keys `[head_dim, tokens]`, then
/// values `[tokens, head_dim]`, so that a vector register takes the same number of as many tokens'
/// keys, or neighbouring numbers of one token's value, and no product needs a sum across a register.
#[derive(Debug)]
pub struct KvCache {
    shape: KvShape,
    format: KvFormat,
    layout: memory::Layout,
    memory: MmapMut,
}

impl KvFormat {
    /// Name as options and metrics write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    fn element_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }
}

impl KvCache {
    /// Reserves addresses for all blocks; a page takes memory when it is first written.
    ///
    /// # Errors
    ///
    /// [`KvError`]: a shape that makes no sense, or the system refuses.
    pub fn new(shape: KvShape, format: KvFormat) -> Result<Self, KvError> {
        let KvShape { layers, kv_heads, head_dim, blocks } = shape;
        if head_dim == 0 || !head_dim.is_multiple_of(8) || head_dim > HEAD_DIM_MAX {
            return Err(KvError::HeadDim { head_dim });
        }
        let layout = memory::Layout::new(head_dim, format);
        let bytes = [layers, kv_heads, blocks]
            .into_iter()
            .try_fold(layout.bytes(), usize::checked_mul)
            .filter(|bytes| *bytes > 0 && isize::try_from(*bytes).is_ok())
            .ok_or(KvError::Size { shape })?;
        let memory =
            MmapMut::map_anon(bytes).map_err(|source| KvError::Reserve { bytes, source })?;
        Ok(Self { shape, format, layout, memory })
    }

    /// Its size.
    #[must_use]
    pub fn shape(&self) -> KvShape {
        self.shape
    }

    /// How numbers are kept.
    #[must_use]
    pub fn format(&self) -> KvFormat {
        self.format
    }

    /// Bytes of all blocks in all layers.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.memory.len()
    }

    /// Bytes of one block in all layers.
    #[must_use]
    pub fn bytes_per_block(&self) -> usize {
        self.memory.len() / self.shape.blocks
    }

    /// What [`Self::bytes_per_block`] will be, to find out how many blocks fit; `shape.blocks` does
    /// not matter.
    ///
    /// # Errors
    ///
    /// As [`Self::new`], but for what the system has to give.
    pub fn block_bytes(shape: KvShape, format: KvFormat) -> Result<usize, KvError> {
        Self::new(KvShape { blocks: 1, ..shape }, format).map(|cache| cache.byte_len())
    }
}

#[cfg(test)]
mod tests;
