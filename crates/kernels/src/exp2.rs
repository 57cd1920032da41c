//! Powers of two on vectors, and the hyperbolic tangent that is made of them: what a softmax takes.

use crate::vectors::Vectors;

/// Two to the power of `x`, for `x` of at most 127: within 2 units in the last place down to -126,
/// exactly 1 for 0, exactly 0 for everything up to -127 (nearly 0 in between).
///
/// `x` is cut into its nearest integer, which goes to the exponent, and a rest within half of one,
/// for which a polynomial of degree 5 stands: of those that are 1 at 0 the one with the least
/// relative error.
#[inline(always)]
pub(crate) fn exp2<S: Vectors>(simd: S, x: S::V) -> S::V {
    /// A sum with it has the nearest integer in its low bits.
    const TO_INTEGER: f32 = 12_582_912.0;
    #[expect(
        clippy::approx_constant,
        reason = "not quite the logarithm, so that all errors are small"
    )]
    const COEFFICIENTS: [f32; 6] =
        [1.326_472_7e-3, 9.671_513e-3, 5.550_733_6e-2, 2.402_224_2e-1, 6.931_47e-1, 1.0];
    let x = simd.max(x, simd.splat(-127.0));
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
