//! Keys and values into the cache.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: threads write parts of the cache that do not overlap, whatever the slots are"
)]

use std::marker::PhantomData;

use super::{BLOCK_TOKENS, Bf16, Element, F16, F32, HEAD_DIM_MAX, Int8, KvCache, KvFormat, KvSlot};
use crate::{
    attention::sound_isa,
    rows::Rows,
    simd::{Isa, Kernel, Simd},
    threads::{Portions, Threads},
};

/// Numbers below which waking other threads takes longer than doing without.
const ALONE_MAX: usize = 1 << 13;

impl KvCache {
    /// Keeps one token's key and value per slot: `keys` and `values` have a row
    /// `[kv_heads, head_dim]` for each. If a slot is given twice, the last row is kept.
    ///
    /// # Panics
    ///
    /// If there is no such layer or slot, or `keys` or `values` have fewer rows than there are slots.
    pub fn write(
        &mut self,
        layer: usize,
        slots: &[KvSlot],
        keys: Rows<'_>,
        values: Rows<'_>,
        threads: &Threads,
    ) {
        let tokens = Tokens { layer, slots, keys, values };
        self.write_with(sound_isa(), &tokens, threads);
    }

    /// By a given instruction set.
    pub(crate) fn write_with(&mut self, isa: Isa, tokens: &Tokens<'_>, threads: &Threads) {
        match self.format {
            KvFormat::F32 => self.write_as::<F32>(isa, tokens, threads),
            KvFormat::F16 => self.write_as::<F16>(isa, tokens, threads),
            KvFormat::Bf16 => self.write_as::<Bf16>(isa, tokens, threads),
            KvFormat::Int8 => self.write_as::<Int8>(isa, tokens, threads),
        }
    }

    fn write_as<E: Element>(&mut self, isa: Isa, tokens: &Tokens<'_>, threads: &Threads) {
        for slot in tokens.slots {
            assert!((slot.offset as usize) < BLOCK_TOKENS, "no place {} in a block", slot.offset);
        }
        let shape = self.shape;
        let memory = self.memory.as_mut_ptr();
        let cache = Shared { cache: self, memory };
        // One head's keys, or its values.
        let parts = Portions::new(2 * shape.kv_heads, 1);
        let write = |_| {
            while let Some(part) = parts.next() {
                let (head, is_key) = (part.start / 2, part.start.is_multiple_of(2));
                isa.run(Part::<E> { cache: &cache, tokens, head, is_key, format: PhantomData });
            }
        };
        if tokens.slots.len() * shape.kv_heads * shape.head_dim <= ALONE_MAX {
            write(0);
        } else {
            threads.run(&write);
        }
    }
}

/// What to keep and where.
pub(crate) struct Tokens<'a> {
    pub(crate) layer: usize,
    pub(crate) slots: &'a [KvSlot],
    pub(crate) keys: Rows<'a>,
    pub(crate) values: Rows<'a>,
}

/// The cache as all threads see it while they write.
struct Shared<'a> {
    /// For its layout only.
    cache: &'a KvCache,
    memory: *mut u8,
}

// SAFETY: each `Part` writes the bytes of one head's keys or of one head's values, and no two parts
// are the same one.
unsafe impl Sync for Shared<'_> {}

/// One head's keys, or its values, of all tokens.
struct Part<'a, E> {
    cache: &'a Shared<'a>,
    tokens: &'a Tokens<'a>,
    head: usize,
    is_key: bool,
    format: PhantomData<E>,
}

impl<E: Element> Kernel for Part<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let head_dim = self.cache.cache.shape.head_dim;
        let columns = self.head * head_dim..(self.head + 1) * head_dim;
        let rows = if self.is_key { self.tokens.keys } else { self.tokens.values };
        let mut floats = [0.0; HEAD_DIM_MAX];
        let mut bits = [E::Bits::default(); HEAD_DIM_MAX];
        let whole = self.cache.cache.value_stride();
        for (index, slot) in self.tokens.slots.iter().enumerate() {
            floats[..head_dim].copy_from_slice(rows.row(index, columns.clone()));
            let scale = E::encode(simd, &floats[..whole], &mut bits[..whole]);
            self.keep(*slot, &bits[..whole], scale);
        }
    }
}

impl<E: Element> Part<'_, E> {
    #[inline(always)]
    fn keep(&self, slot: KvSlot, bits: &[E::Bits], scale: f32) {
        let (cache, layout) = (self.cache.cache, self.cache.cache.layout);
        let start = cache.start(self.tokens.layer, slot.block, self.head);
        let offset = slot.offset as usize;
        if self.is_key {
            let keys = self.numbers::<E::Bits>(start, layout.keys);
            for (token, number) in keys.chunks_exact_mut(BLOCK_TOKENS).zip(bits) {
                token[offset] = *number;
            }
        } else {
            let values = self.numbers::<E::Bits>(start + layout.keys, layout.values);
            values[offset * bits.len()..(offset + 1) * bits.len()].copy_from_slice(bits);
        }
        if E::SCALED {
            let before = if self.is_key { 0 } else { layout.scales };
            let start = start + layout.keys + layout.values + before;
            self.numbers::<f32>(start, layout.scales)[offset] = scale;
        }
    }

    /// Some of the bytes that this part writes, as numbers.
    #[inline(always)]
    #[expect(
        clippy::mut_from_ref,
        reason = "no two parts share them, and a part keeps one at a time"
    )]
    fn numbers<B>(&self, start: usize, bytes: usize) -> &mut [B] {
        debug_assert!(start + bytes <= self.cache.cache.byte_len());
        // SAFETY: `start` is that of a part of a head in a block, so it lies within the memory.
        let first = unsafe { self.cache.memory.add(start) }.cast::<B>();
        debug_assert!(first.is_aligned());
        // SAFETY: `bytes` of that part follow, and it begins a multiple of 64 bytes from a page's
        // start. Only this part of the work touches them, and it has no other borrow of them now.
        // Any bits are a number of the types that are kept.
        unsafe { std::slice::from_raw_parts_mut(first, bytes / size_of::<B>()) }
    }
}
