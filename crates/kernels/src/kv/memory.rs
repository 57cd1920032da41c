//! Where in the memory of a [`KvCache`] things lie.
#![expect(unsafe_code, reason = "UNSAFETY: bytes of the cache seen as the numbers that they are")]

use super::{BLOCK_TOKENS, Element, KvCache, KvFormat};
use crate::simd::GROUP;

/// Bytes of one head in one block of one layer, all of them multiples of 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) keys: usize,
    pub(super) values: usize,
    /// Of the scales of the keys, and of those of the values.
    pub(super) scales: usize,
}

impl Layout {
    pub(super) fn new(head_dim: usize, format: KvFormat) -> Self {
        let scaled = matches!(format, KvFormat::Int8);
        Self {
            keys: head_dim * BLOCK_TOKENS * format.element_bytes(),
            values: padded(head_dim) * BLOCK_TOKENS * format.element_bytes(),
            scales: if scaled { BLOCK_TOKENS * size_of::<f32>() } else { 0 },
        }
    }

    pub(super) fn bytes(self) -> usize {
        self.keys + self.values + 2 * self.scales
    }
}

/// Numbers from one token's value to the next one's: whole groups.
pub(super) fn padded(head_dim: usize) -> usize {
    head_dim.next_multiple_of(GROUP)
}

/// One head of one block of one layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadBlock<'a, B> {
    /// `[head_dim, tokens]`.
    pub(crate) keys: &'a [B],
    /// `[tokens, padded head_dim]`.
    pub(crate) values: &'a [B],
    /// `[tokens]`, or nothing if the format has no scales.
    pub(crate) key_scales: &'a [f32],
    /// As `key_scales`.
    pub(crate) value_scales: &'a [f32],
}

impl KvCache {
    /// Numbers from one token's value to the next one's; those beyond the head are zeros.
    pub(crate) fn value_stride(&self) -> usize {
        padded(self.shape.head_dim)
    }

    /// First byte of a head in a block of a layer.
    ///
    /// # Panics
    ///
    /// If there is no such layer, block or head.
    pub(super) fn start(&self, layer: usize, block: u32, head: usize) -> usize {
        let (shape, block) = (self.shape, block as usize);
        assert!(layer < shape.layers, "layer {layer} of {}", shape.layers);
        assert!(block < shape.blocks, "block {block} of {}", shape.blocks);
        assert!(head < shape.kv_heads, "head {head} of {}", shape.kv_heads);
        ((layer * shape.blocks + block) * shape.kv_heads + head) * self.layout.bytes()
    }

    /// # Panics
    ///
    /// If there is no such layer, block or head.
    #[inline]
    pub(crate) fn head_block<E: Element>(
        &self,
        layer: usize,
        block: u32,
        head: usize,
    ) -> HeadBlock<'_, E::Bits> {
        let start = self.start(layer, block, head);
        let bytes = &self.memory[start..start + self.layout.bytes()];
        let (keys, rest) = bytes.split_at(self.layout.keys);
        let (values, rest) = rest.split_at(self.layout.values);
        let (key_scales, value_scales) = rest.split_at(self.layout.scales);
        HeadBlock {
            keys: numbers(keys),
            values: numbers(values),
            key_scales: numbers(key_scales),
            value_scales: numbers(value_scales),
        }
    }

    /// Copies all layers of block `from` to block `to`.
    ///
    /// # Panics
    ///
    /// If there are no such blocks.
    pub fn copy_block(&mut self, from: u32, to: u32) {
        let bytes = self.layout.bytes() * self.shape.kv_heads;
        for layer in 0..self.shape.layers {
            let (from, to) = (self.start(layer, from, 0), self.start(layer, to, 0));
            self.memory.copy_within(from..from + bytes, to);
        }
    }
}

/// Bytes as the numbers that they are.
///
/// # Panics
///
/// If they are not aligned: the parts of a block are, since each is as long as some cache lines.
fn numbers<B: Copy>(bytes: &[u8]) -> &[B] {
    const { assert!(size_of::<B>() <= 4, "numbers are bytes, halves or floats") };
    // SAFETY: any bits are a number of the types that are kept: `i8`, `u16` and `f32`.
    let (before, numbers, after) = unsafe { bytes.align_to::<B>() };
    assert!(before.is_empty() && after.is_empty(), "a block is aligned");
    numbers
}
