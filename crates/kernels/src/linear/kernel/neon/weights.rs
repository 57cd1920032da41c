//! What kinds of weights differ in.

use std::arch::aarch64::{
    float32x4_t, int8x16_t, int32x4_t, vcvtq_f32_s32, vdupq_n_f32, vfmaq_f32, vmulq_f32,
    vmulq_n_f32,
};

use super::vector::{QUARTERS, floats, halves, nibbles, signed, store_floats, unsigned};
use crate::linear::{
    kernel::unpacked::Unpacked,
    panels::{GROUPS, Int4MinRecord, Int4Record, Int8Record, PANEL, VECTOR},
};

/// What the offset of a block of activations corrects.
#[derive(Clone, Copy, Debug)]
pub(super) enum Offset {
    /// Nothing.
    Unused,
    /// Products with nibbles, which are 8 more than the weights.
    Products,
    /// It is multiplied with minimums.
    Minimums,
}

/// 32 columns of 16 outputs as they are kept.
pub(super) trait Record {
    const OFFSET: Offset;
}

impl Record for Int4Record {
    const OFFSET: Offset = Offset::Products;
}

impl Record for Int4MinRecord {
    const OFFSET: Offset = Offset::Minimums;
}

impl Record for Int8Record {
    const OFFSET: Offset = Offset::Unused;
}

/// 32 columns of 16 outputs as they are multiplied.
pub(super) trait Weights {
    fn quants(&self) -> Quants<'_>;
    fn scales(&self) -> Factors<'_>;
    /// Of no meaning without minimum.
    fn minimums(&self) -> Minimums<'_>;
}

pub(super) enum Quants<'a> {
    Nibbles(&'a [[u8; VECTOR]; GROUPS / 2]),
    Signed(&'a [[i8; VECTOR]; GROUPS]),
    Unsigned(&'a [[u8; VECTOR]; GROUPS]),
}

pub(super) enum Factors<'a> {
    Halves(&'a [u16; PANEL]),
    Floats(&'a [f32; PANEL]),
}

pub(super) enum Minimums<'a> {
    None,
    Halves(&'a [u16; PANEL]),
    /// Times -1/8.
    Prepared(&'a [f32; PANEL]),
}

impl Weights for Int4Record {
    fn quants(&self) -> Quants<'_> {
        Quants::Nibbles(&self.quants)
    }

    fn scales(&self) -> Factors<'_> {
        Factors::Halves(&self.scales)
    }

    fn minimums(&self) -> Minimums<'_> {
        Minimums::None
    }
}

impl Weights for Int4MinRecord {
    fn quants(&self) -> Quants<'_> {
        Quants::Nibbles(&self.quants)
    }

    fn scales(&self) -> Factors<'_> {
        Factors::Halves(&self.scales)
    }

    fn minimums(&self) -> Minimums<'_> {
        Minimums::Halves(&self.minimums)
    }
}

impl Weights for Int8Record {
    fn quants(&self) -> Quants<'_> {
        Quants::Signed(&self.quants)
    }

    fn scales(&self) -> Factors<'_> {
        Factors::Halves(&self.scales)
    }

    fn minimums(&self) -> Minimums<'_> {
        Minimums::None
    }
}

impl Weights for Unpacked {
    fn quants(&self) -> Quants<'_> {
        Quants::Unsigned(&self.quants)
    }

    fn scales(&self) -> Factors<'_> {
        Factors::Floats(&self.scales)
    }

    fn minimums(&self) -> Minimums<'_> {
        Minimums::Prepared(&self.minimums)
    }
}

impl Quants<'_> {
    /// Groups `group` and `group + 4` of outputs `4 * quarter` and following.
    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn pair(&self, group: usize, quarter: usize) -> [int8x16_t; 2] {
        let later = group + GROUPS / 2;
        match self {
            Self::Nibbles(vectors) => nibbles(&vectors[group], quarter),
            Self::Signed(vectors) => {
                [signed(&vectors[group], quarter), signed(&vectors[later], quarter)]
            }
            Self::Unsigned(vectors) => {
                [unsigned(&vectors[group], quarter), unsigned(&vectors[later], quarter)]
            }
        }
    }
}

impl Factors<'_> {
    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn quarter(&self, quarter: usize) -> float32x4_t {
        match self {
            Self::Halves(bits) => halves(bits, quarter),
            Self::Floats(values) => floats(values, quarter),
        }
    }
}

impl Minimums<'_> {
    /// Times -1/8.
    #[target_feature(enable = "neon")]
    #[inline]
    fn quarter(&self, quarter: usize) -> float32x4_t {
        match self {
            Self::None => vdupq_n_f32(0.0),
            Self::Halves(bits) => vmulq_n_f32(halves(bits, quarter), -0.125),
            Self::Prepared(values) => floats(values, quarter),
        }
    }
}

/// Scales, and minimums times -1/8, as floats.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn unpack_factors<W: Weights>(weights: &W, unpacked: &mut Unpacked) {
    for quarter in 0..QUARTERS {
        store_floats(&mut unpacked.scales, quarter, weights.scales().quarter(quarter));
        store_floats(&mut unpacked.minimums, quarter, weights.minimums().quarter(quarter));
    }
}

/// Adds the products of four outputs and a row of a block to their sums, as
/// [`crate::linear::kernel::scalar`] defines it.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn add<R: Record, W: Weights>(
    sums: float32x4_t,
    products: int32x4_t,
    (weights, quarter): (&W, usize),
    [scale, offset]: [float32x4_t; 2],
) -> float32x4_t {
    let products = vcvtq_f32_s32(products);
    let scales = weights.scales().quarter(quarter);
    match R::OFFSET {
        Offset::Unused => vfmaq_f32(sums, vmulq_f32(products, scale), scales),
        Offset::Products => vfmaq_f32(sums, vfmaq_f32(offset, products, scale), scales),
        Offset::Minimums => {
            let sums = vfmaq_f32(sums, vmulq_f32(products, scale), scales);
            vfmaq_f32(sums, weights.minimums().quarter(quarter), offset)
        }
    }
}
