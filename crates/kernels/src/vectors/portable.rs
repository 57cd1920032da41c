//! Arrays: for any CPU, and for tests with as many lanes as other instruction sets have.
#![expect(unsafe_code, reason = "UNSAFETY: reads and writes of arrays through pointers")]

use super::{Vectors, Work};
use crate::float16::{bf16_to_f32, f16_to_f32, f32_to_f16};

#[derive(Clone, Copy, Debug)]
pub(super) struct Portable<const N: usize>;

#[inline(always)]
fn zip<const N: usize>(a: [f32; N], b: [f32; N], f: impl Fn(f32, f32) -> f32) -> [f32; N] {
    let mut out = a;
    for (out, b) in out.iter_mut().zip(b) {
        *out = f(*out, b);
    }
    out
}

/// Two halves until one number is left, as registers are folded.
fn fold<const N: usize>(mut a: [f32; N], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = N / 2;
    while half > 0 {
        for index in 0..half {
            a[index] = f(a[index], a[index + half]);
        }
        half /= 2;
    }
    a[0]
}

impl<const N: usize> Vectors for Portable<N> {
    type V = [f32; N];

    const LANES: usize = N;
    const ROWS: usize = 6;

    fn run<W: Work>(self, work: W) -> W::Output {
        work.run(self)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; N] {
        [value; N]
    }

    #[inline(always)]
    fn add(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn min(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    /// Rounded twice: without an instruction for it, rounding once takes a function call.
    #[inline(always)]
    fn mul_add(self, a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
        zip(zip(a, b, |a, b| a * b), c, |product, c| product + c)
    }

    #[inline(always)]
    fn select(self, mask: [f32; N], yes: [f32; N], no: [f32; N]) -> [f32; N] {
        let mut out = no;
        for index in 0..N {
            if mask[index].to_bits() != 0 {
                out[index] = yes[index];
            }
        }
        out
    }

    #[inline(always)]
    fn scale_by_power(self, a: [f32; N], exponent: [f32; N]) -> [f32; N] {
        zip(a, exponent, |a, exponent| {
            f32::from_bits(a.to_bits().wrapping_add(exponent.to_bits() << 23))
        })
    }

    #[inline(always)]
    fn sum(self, a: [f32; N]) -> f32 {
        fold(a, |a, b| a + b)
    }

    #[inline(always)]
    fn largest(self, a: [f32; N]) -> f32 {
        fold(a, f32::max)
    }

    #[inline(always)]
    fn prefetch(self, _: *const u8) {}

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> [f32; N] {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { from.cast::<[f32; N]>().read() }
    }

    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> [f32; N] {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { from.cast::<[u16; N]>().read() }.map(f16_to_f32)
    }

    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u16) -> [f32; N] {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { from.cast::<[u16; N]>().read() }.map(bf16_to_f32)
    }

    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> [f32; N] {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { from.cast::<[i8; N]>().read() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, a: [f32; N]) {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { to.cast::<[f32; N]>().write(a) }
    }

    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, a: [f32; N]) {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { to.cast::<[u16; N]>().write(a.map(f32_to_f16)) }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the caller vouches for the range")]
    unsafe fn store_i8(self, to: *mut i8, a: [f32; N]) {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { to.cast::<[i8; N]>().write(a.map(|a| a.round_ties_even() as i8)) }
    }
}
