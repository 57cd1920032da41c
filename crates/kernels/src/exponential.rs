//! Exponential functions and what is made of them, sixteen floats at a time.

use crate::simd::Simd;

/// Below it, [`exp`] is 0: results would be subnormal.
const LOWEST: f32 = -87.331;
/// Above it, [`exp`] is infinite, a little before it would have to be.
const HIGHEST: f32 = 88.72;

/// The logarithm of e to base 2, and what it is more than that float.
const LOG2_E: [f32; 2] = [std::f32::consts::LOG2_E, 1.925_963e-8];

/// A sum with it has the nearest integer in its low bits.
const TO_INTEGER: f32 = 12_582_912.0;

/// Two to the power of `x`, for `x` of at most 127: within 2e-7 of itself down to -126,
/// exactly 1 for 0, exactly 0 for everything up to -127 (nearly 0 in between).
#[inline(always)]
pub(crate) fn exp2<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    let x = simd.max(x, simd.splat(-127.0));
    let shifted = simd.add(x, simd.splat(TO_INTEGER));
    let rest = simd.sub(x, simd.sub(shifted, simd.splat(TO_INTEGER)));
    power(simd, shifted, rest)
}

/// [`exp2`] of one number.
#[inline(always)]
pub(crate) fn exp2_of_one<S: Simd>(simd: S, x: f32) -> f32 {
    simd.largest(exp2(simd, simd.splat(x)))
}

/// `e^x` within 2e-7 of itself, where that is between 1.2e-38 and 3.39e38;
/// below it is 0, above infinite. What is no number stays none.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    let shifted = simd.mul_add(x, simd.splat(LOG2_E[0]), simd.splat(TO_INTEGER));
    let negative = simd.sub(simd.splat(TO_INTEGER), shifted);
    let rest = simd.mul_add(x, simd.splat(LOG2_E[0]), negative);
    let rest = simd.mul_add(x, simd.splat(LOG2_E[1]), rest);
    let power = power(simd, shifted, rest);
    let high = simd.where_less([simd.splat(HIGHEST), x], simd.splat(f32::INFINITY), power);
    // 0, or no number.
    let low = simd.max(simd.splat(0.0), x);
    simd.where_less([simd.splat(LOWEST), x], high, low)
}

/// Two to the power of the integer in the low bits of `integer` plus a rest within half of one, for
/// which a polynomial of degree 5 stands: of those that are 1 at 0 the one with the least relative
/// error.
#[inline(always)]
fn power<S: Simd>(simd: S, integer: S::Floats, rest: S::Floats) -> S::Floats {
    #[expect(
        clippy::approx_constant,
        reason = "not quite the logarithm, so that all errors are small"
    )]
    const COEFFICIENTS: [f32; 6] =
        [1.326_472_7e-3, 9.671_513e-3, 5.550_733_6e-2, 2.402_224_2e-1, 6.931_47e-1, 1.0];
    let mut power = simd.splat(COEFFICIENTS[0]);
    for coefficient in &COEFFICIENTS[1..] {
        power = simd.mul_add(power, rest, simd.splat(*coefficient));
    }
    simd.scale_by_power(power, integer)
}

/// `x / (1 + e^-x)`: the SiLU. Of minus infinity, it is no number.
#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    let one = simd.splat(1.0);
    simd.div(x, simd.add(one, exp(simd, simd.sub(simd.splat(0.0), x))))
}

/// `x / 2 * (1 + tanh(√(2/π) * (x + 0.044715 x³)))`: the GELU by its usual approximation, which is
/// `x / (1 + e^-2u)` for that argument `u`. Of minus infinity, it is no number.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    /// `-2 √(2/π)`, and 0.044715 times it.
    const LINEAR: f32 = -1.595_769_2;
    const CUBIC: f32 = -0.071_354_82;
    let slope = simd.mul_add(simd.mul(x, x), simd.splat(CUBIC), simd.splat(LINEAR));
    simd.div(x, simd.add(simd.splat(1.0), exp(simd, simd.mul(x, slope))))
}

/// `tanh(x)` with an absolute error below 1.2e-7.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    let one = simd.splat(1.0);
    let decay = exp(simd, simd.mul(simd.abs(x), simd.splat(-2.0)));
    simd.with_sign(simd.div(simd.sub(one, decay), simd.add(one, decay)), x)
}

#[cfg(test)]
mod tests;
