//! The definition of every operation, one float at a time.

use super::{GROUP, Kernel, Simd};
use crate::float16::{bf16_to_f32, f16_to_f32, f32_to_f16};

/// What every CPU has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

type Floats = [f32; GROUP];

#[inline(always)]
fn each(value: impl Fn(usize) -> f32) -> Floats {
    std::array::from_fn(value)
}

/// A function call: without an instruction for it, each of them is one anyway.
#[inline(never)]
fn fused(a: &Floats, b: &Floats, c: &Floats) -> Floats {
    each(|lane| a[lane].mul_add(b[lane], c[lane]))
}

#[inline(never)]
fn from_f16(bits: &[u16; GROUP]) -> Floats {
    bits.map(f16_to_f32)
}

impl Simd for Scalar {
    type Floats = Floats;
    type Vector = Floats;

    const VECTORS: usize = 1;

    const MANY_REGISTERS: bool = false;
    const SUMS: (usize, usize) = (1, 1);

    #[inline(never)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Floats {
        [value; GROUP]
    }

    #[inline(always)]
    fn group(self, vector: impl Fn(usize) -> Floats) -> Floats {
        vector(0)
    }

    #[inline(always)]
    fn load_vector(self, values: &[f32; GROUP], _: usize) -> Floats {
        *values
    }

    #[inline(always)]
    fn load_f16_vector(self, bits: &[u16; GROUP], _: usize) -> Floats {
        from_f16(bits)
    }

    #[inline(always)]
    fn load_bf16_vector(self, bits: &[u16; GROUP], _: usize) -> Floats {
        bits.map(bf16_to_f32)
    }

    #[inline(always)]
    fn load_i8_vector(self, bytes: &[i8; GROUP], _: usize) -> Floats {
        bytes.map(f32::from)
    }

    #[inline(always)]
    fn load_even_bf16(self, pairs: &[u16; 2 * GROUP]) -> Floats {
        each(|lane| bf16_to_f32(pairs[2 * lane]))
    }

    #[inline(always)]
    fn load_odd_bf16(self, pairs: &[u16; 2 * GROUP]) -> Floats {
        each(|lane| bf16_to_f32(pairs[2 * lane + 1]))
    }

    #[inline(always)]
    fn store(self, floats: Floats, out: &mut [f32; GROUP]) {
        *out = floats;
    }

    #[inline(always)]
    fn store_f16(self, floats: Floats, out: &mut [u16; GROUP]) {
        *out = floats.map(f32_to_f16);
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "signed bytes, by contract")]
    fn store_i8(self, floats: Floats, out: &mut [i8; GROUP]) {
        *out = floats.map(|value| value.round_ties_even() as i8);
    }

    #[inline(always)]
    fn add(self, a: Floats, b: Floats) -> Floats {
        each(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn sub(self, a: Floats, b: Floats) -> Floats {
        each(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    fn mul(self, a: Floats, b: Floats) -> Floats {
        each(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn div(self, a: Floats, b: Floats) -> Floats {
        each(|lane| a[lane] / b[lane])
    }

    #[inline(always)]
    fn mul_add(self, a: Floats, b: Floats, c: Floats) -> Floats {
        fused(&a, &b, &c)
    }

    #[inline(always)]
    fn add_product(self, factor: Floats, vector: Floats, sum: &mut Floats, _: usize) {
        *sum = self.mul_add(factor, vector, *sum);
    }

    #[inline(always)]
    fn max(self, a: Floats, b: Floats) -> Floats {
        each(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn abs(self, value: Floats) -> Floats {
        value.map(f32::abs)
    }

    #[inline(always)]
    fn with_sign(self, magnitude: Floats, sign: Floats) -> Floats {
        each(|lane| magnitude[lane].copysign(sign[lane]))
    }

    #[inline(always)]
    fn scale_by_power(self, value: Floats, exponent: Floats) -> Floats {
        each(|lane| {
            f32::from_bits(value[lane].to_bits().wrapping_add(exponent[lane].to_bits() << 23))
        })
    }

    #[inline(always)]
    fn where_less(self, [a, b]: [Floats; 2], less: Floats, otherwise: Floats) -> Floats {
        each(|lane| if a[lane] < b[lane] { less[lane] } else { otherwise[lane] })
    }

    #[inline(always)]
    fn swap_pairs(self, value: Floats) -> Floats {
        each(|lane| value[lane ^ 1])
    }

    #[inline(always)]
    fn largest(self, value: Floats) -> f32 {
        value.into_iter().reduce(f32::max).unwrap_or(f32::NEG_INFINITY)
    }
}
