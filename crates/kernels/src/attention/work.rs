//! One item from its queries to its rows of the output.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: several threads write disjoint rows and heads of the output, and partial \
              results that one of them reads when all are written"
)]

use std::{marker::PhantomData, sync::atomic::Ordering};

use super::{
    Call,
    plan::{Item, Plan, Split},
    state::State,
    tile::{Buffers, Tile, first},
};
use crate::{
    kv::Element,
    simd::{Kernel, Simd},
};

/// Where items put their results.
pub(super) struct Output<'a> {
    plan: &'a Plan,
    /// `[rows, heads, head_dim]`.
    out: *mut f32,
    partials: *mut f32,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: each item writes rows and heads of its own, and a partial result of its own. Whoever reads
// partial results does so when all items that write them have counted down the split.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// # Panics
    ///
    /// If `partials` are fewer than the plan needs.
    pub(super) fn new(plan: &'a Plan, out: &'a mut [f32], partials: &'a mut [f32]) -> Self {
        assert!(partials.len() >= plan.partials_len());
        let (out, partials) = (out.as_mut_ptr(), partials.as_mut_ptr());
        Self { plan, out, partials, borrowed: PhantomData }
    }

    /// Partial result number `index` of a split.
    ///
    /// # Safety
    ///
    /// Nobody else uses it meanwhile.
    #[expect(clippy::mut_from_ref, reason = "the caller vouches for it")]
    unsafe fn partial(&self, split: &Split, index: usize) -> &mut [f32] {
        debug_assert!(index < split.segments.len());
        // SAFETY: `Plan` counted the floats of all partial results, and `new` saw as many.
        let start = unsafe { self.partials.add(split.partials_start + index * split.partial_len) };
        // SAFETY: as above; the caller vouches that nobody else uses them.
        unsafe { std::slice::from_raw_parts_mut(start, split.partial_len) }
    }
}

/// An item, and all it needs.
pub(super) struct ItemWork<'a, E> {
    call: &'a Call<'a>,
    item: &'a Item,
    /// What the thread computes after it.
    next: &'a Item,
    output: &'a Output<'a>,
    buffers: &'a mut Buffers,
    format: PhantomData<E>,
}

impl<'a, E: Element> ItemWork<'a, E> {
    pub(super) fn new(
        call: &'a Call<'a>,
        [item, next]: [&'a Item; 2],
        output: &'a Output<'a>,
        buffers: &'a mut Buffers,
    ) -> Self {
        Self { call, item, next, output, buffers, format: PhantomData }
    }
}

impl<E: Element> Kernel for ItemWork<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let stride = self.call.cache.value_stride();
        let mut total = std::mem::take(&mut self.buffers.total);
        let len = State::len(self.call, self.item.rows.len());
        let mut state = State::new(first(&mut total, len), stride);
        state.clear();
        let mut tile = Tile::new(self.call, [self.item, self.next], self.buffers);
        let split = self.item.split.map(|split| self.output.plan.split(split));
        for segment in self.item.segments.clone() {
            // Called in one place only, since all of it becomes a part of this function.
            let found = tile.segment::<S, E>(simd, segment);
            match split {
                None => state.absorb(simd, found),
                Some(split) => self.output.keep(simd, split, segment, found),
            }
        }
        if split.is_none_or(|split| self.output.merge(simd, split, &mut state)) {
            self.output.finish(self.call, self.item, &state);
        }
        self.buffers.total = total;
    }
}

impl Output<'_> {
    /// Keeps what the item of segment `segment` has found out.
    #[inline(always)]
    fn keep<S: Simd>(&self, simd: S, split: &Split, segment: usize, state: &State<'_>) {
        // SAFETY: only the item of this segment writes it, and whoever reads it waits for that item.
        let partial = unsafe { self.partial(split, segment - split.segments.start) };
        let mut partial = State::new(partial, state.stride);
        partial.clear();
        partial.absorb(simd, state);
    }

    /// Merges all segments in order if this is the last of the split's items to call; else returns
    /// `false`.
    #[inline(always)]
    fn merge<S: Simd>(&self, simd: S, split: &Split, into: &mut State<'_>) -> bool {
        if split.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return false;
        }
        for index in 0..split.segments.len() {
            // SAFETY: all other items of the split have counted down and do not come back.
            let partial = unsafe { self.partial(split, index) };
            into.absorb(simd, &State::new(partial, into.stride));
        }
        true
    }

    /// Writes the rows and heads of `item` to the output.
    #[inline(always)]
    fn finish(&self, call: &Call<'_>, item: &Item, state: &State<'_>) {
        let (head_dim, heads) = (call.cache.shape().head_dim, call.batch.heads);
        let first_row = call.batch.spans[item.span].first_row;
        for (index, row) in item.rows.clone().enumerate() {
            for member in 0..call.group {
                let head = item.head * call.group + member;
                let at = ((first_row + row) * heads + head) * head_dim;
                // SAFETY: `Call::check` saw the rows of all spans within the output.
                let start = unsafe { self.out.add(at) };
                // SAFETY: as above; no other item has this row and head, and this one is here once.
                let out = unsafe { std::slice::from_raw_parts_mut(start, head_dim) };
                state.finish(index * call.group + member, out);
            }
        }
    }
}
