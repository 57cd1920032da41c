//! `bfloat16` by AVX-512's instruction for sums of two products.
//!
//! Activations are rounded to `bfloat16` too: each is off by up to 1/256 of itself, and so is a
//! result by up to 1/256 of the sum of its products' magnitudes; usually by much less,
//! as errors of both signs cancel. Subnormal products count as zero.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and the call of a function that is compiled for \
              AVX-512 BF16"
)]

use std::{
    arch::x86_64::{
        __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_set1_epi32,
        _mm512_setzero_ps, _mm512_storeu_ps,
    },
    mem::transmute,
};

use super::PANEL;
use crate::{
    Activations, Threads,
    float16::f32_to_bf16,
    isa::Avx512Bf16,
    linear::output::{Mode, OutputPart},
    threads::{ColumnTile, RowPortions, worth_sharing},
};

/// Pairs of rows' values that are rounded at once.
const PIECE: usize = 4096;

/// `[outputs / 16, columns / 2, 16, 2]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights<'a> {
    pub(super) bits: &'a [u16],
    pub(super) columns: usize,
}

pub(super) fn multiply(
    isa: Avx512Bf16,
    weights: Weights<'_>,
    activations: &Activations,
    out: OutputPart<'_>,
    threads: &Threads,
) {
    let ([rows, _], mode) = (out.shape, out.mode);
    let pairs = rounded(activations.float_rows(), threads);
    let job = Job { isa, weights, pairs: &pairs, rows, mode };
    let tiles = out.tiles(threads);
    threads.run(&|_| {
        while let Some(mut out) = tiles.next() {
            job.portion(&mut out);
        }
    });
}

/// Neighbouring values of rows as the halves of an integer, the first as the lower one.
fn rounded(values: &[f32], threads: &Threads) -> Vec<u32> {
    let mut pairs = vec![0; values.len() / 2];
    let portions = RowPortions::new(&mut pairs, 1, PIECE);
    let work = |_| {
        while let Some((first, pairs)) = portions.next() {
            let (values, _) = values[2 * first..].as_chunks::<2>();
            for (pair, values) in pairs.iter_mut().zip(values) {
                let [low, high] = values.map(|value| u32::from(f32_to_bf16(value)));
                *pair = high << 16 | low;
            }
        }
    };
    if worth_sharing(values.len()) {
        threads.run(&work)
    } else {
        work(0)
    }
    pairs
}

struct Job<'a> {
    isa: Avx512Bf16,
    weights: Weights<'a>,
    /// `[rows, columns / 2]`.
    pairs: &'a [u32],
    rows: usize,
    mode: Mode,
}

impl Job<'_> {
    /// Some panels with all rows.
    fn portion(&self, out: &mut ColumnTile<'_, f32>) {
        let columns = out.columns();
        for panel in columns.start / PANEL..columns.end.div_ceil(PANEL) {
            let mut first = 0;
            while first < self.rows {
                first += match self.rows - first {
                    1 => self.tile::<1>(panel, first, out),
                    2..=4 => self.tile::<4>(panel, first, out),
                    _ => self.tile::<12>(panel, first, out),
                };
            }
        }
    }

    /// One panel with up to `HEIGHT` rows; returns how many there were.
    fn tile<const HEIGHT: usize>(
        &self,
        panel: usize,
        first: usize,
        out: &mut ColumnTile<'_, f32>,
    ) -> usize {
        let (panel_pairs, rows) = (self.weights.columns / 2, HEIGHT.min(self.rows - first));
        let (steps, _) = self.weights.bits.as_chunks::<{ 2 * PANEL }>();
        let steps = &steps[panel * panel_pairs..][..panel_pairs];
        let mut x: [&[u32]; HEIGHT] = [&[]; HEIGHT];
        for (offset, x) in x.iter_mut().enumerate() {
            // Behind the last row it once more: its sums there are not used.
            let row = first + offset.min(rows - 1);
            *x = &self.pairs[row * panel_pairs..][..panel_pairs];
        }
        let sums = self.isa.dot(steps, x);
        let left = panel * PANEL - out.columns().start;
        let width = PANEL.min(out.columns().len() - left);
        for (offset, sums) in sums.iter().take(rows).enumerate() {
            self.mode.store(&sums[..width], &mut out.row(first + offset)[left..][..width]);
        }
        rows
    }
}

impl Avx512Bf16 {
    fn dot<const HEIGHT: usize>(
        self,
        steps: &[[u16; 2 * PANEL]],
        x: [&[u32]; HEIGHT],
    ) -> [[f32; PANEL]; HEIGHT] {
        // SAFETY: `self` exists, so the CPU has the features that `dot` is compiled for.
        unsafe { dot(steps, x) }
    }
}

/// Sums of products by pairs, from the first to the last.
#[target_feature(enable = "avx512f,avx512bf16")]
fn dot<const HEIGHT: usize>(
    steps: &[[u16; 2 * PANEL]],
    x: [&[u32]; HEIGHT],
) -> [[f32; PANEL]; HEIGHT] {
    let mut sums = [_mm512_setzero_ps(); HEIGHT];
    for (pair, step) in steps.iter().enumerate() {
        let weights = load(step);
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum = _mm512_dpbf16_ps(*sum, broadcast(x[pair]), weights);
        }
    }
    let mut out = [[0.0; PANEL]; HEIGHT];
    for (sum, out) in sums.iter().zip(&mut out) {
        store(*sum, out);
    }
    out
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn broadcast(pair: u32) -> __m512bh {
    let vector = _mm512_set1_epi32(pair.cast_signed());
    // SAFETY: both are 512 bits of which any will do.
    unsafe { transmute::<__m512i, __m512bh>(vector) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn load(step: &[u16; 2 * PANEL]) -> __m512bh {
    // SAFETY: `step` is 64 readable bytes; `loadu` needs no alignment.
    let vector = unsafe { _mm512_loadu_si512(step.as_ptr().cast()) };
    // SAFETY: both are 512 bits of which any will do.
    unsafe { transmute::<__m512i, __m512bh>(vector) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(sums: __m512, out: &mut [f32; PANEL]) {
    // SAFETY: `out` is sixteen writable floats; `storeu` needs no alignment.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sums) };
}
