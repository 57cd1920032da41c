//! The exponential function on vectors.

use crate::vectors::Vectors;

/// Two to the power of `x`, for `x` of at most 127: within 2 units in the last place, exactly 1 for
/// 0, and the smallest normal number for everything below -126.
///
/// `x` is cut into its nearest integer, which goes to the exponent, and a rest within half of one,
/// for which a polynomial of degree 6 stands (the coefficients of the Cephes library's `exp2f`).
#[inline(always)]
pub(crate) fn exp2<S: Vectors>(simd: S, x: S::V) -> S::V {
    /// A sum with it has the nearest integer in its low bits.
    const TO_INTEGER: f32 = 12_582_912.0;
    const COEFFICIENTS: [f32; 7] = [
        1.535_336_2e-4,
        1.339_887_4e-3,
        9.618_437e-3,
        5.550_332_4e-2,
        2.402_264_8e-1,
        std::f32::consts::LN_2,
        1.0,
    ];
    let x = simd.max(x, simd.splat(-126.0));
    let shifted = simd.add(x, simd.splat(TO_INTEGER));
    let rest = simd.sub(x, simd.sub(shifted, simd.splat(TO_INTEGER)));
    let mut power = simd.splat(COEFFICIENTS[0]);
    for coefficient in &COEFFICIENTS[1..] {
        power = simd.mul_add(power, rest, simd.splat(*coefficient));
    }
    simd.scale_by_power(power, shifted)
}

/// [`exp2`] of one number.
#[inline(always)]
pub(crate) fn exp2_of_one<S: Vectors>(simd: S, x: f32) -> f32 {
    simd.largest(exp2(simd, simd.splat(x)))
}

/// The hyperbolic tangent: within 5e-7.
#[inline(always)]
pub(crate) fn tanh<S: Vectors>(simd: S, x: S::V) -> S::V {
    // Beyond these it is 1 within half a unit in the last place.
    let x = simd.max(simd.min(x, simd.splat(10.0)), simd.splat(-10.0));
    let square = exp2(simd, simd.mul(x, simd.splat(2.0 * std::f32::consts::LOG2_E)));
    let below_one = simd.div(simd.splat(2.0), simd.add(square, simd.splat(1.0)));
    simd.sub(simd.splat(1.0), below_one)
}

#[cfg(test)]
mod tests;
