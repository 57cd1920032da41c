//! The exponential function and what is made of it, sixteen floats at a time.

use crate::simd::Simd;

/// Below it, [`exp`] is 0: results would be subnormal.
const LOWEST: f32 = -87.33;
/// Above it, [`exp`] is infinite, a little before it would have to be.
const HIGHEST: f32 = 88.72;

/// ln 2 in two parts: the first has so few bits that its multiples are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// `(e^r - 1 - r) / r²` for |r| up to ln(2)/2, highest power first, so that the relative error of
/// `e^r` is 3e-9.
const POLYNOMIAL: [f32; 5] =
    [0.001_381_454, 0.008_368_745, 0.041_668_39, 0.166_665_21, 0.499_999_94];

/// `e^x` within one unit in the last place, where that is between 1.2e-38 and 3.39e38;
/// below it is 0, above infinite. What is no number stays none.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    let power = simd.round(simd.mul(x, simd.splat(std::f32::consts::LOG2_E)));
    let rest = simd.mul_add(power, simd.splat(-LN_2[0]), x);
    let rest = simd.mul_add(power, simd.splat(-LN_2[1]), rest);
    let mut sum = simd.splat(POLYNOMIAL[0]);
    for factor in &POLYNOMIAL[1..] {
        sum = simd.mul_add(sum, rest, simd.splat(*factor));
    }
    let curve = simd.mul_add(simd.mul(rest, rest), sum, rest);
    let scaled = simd.shift_exponent(simd.add(curve, simd.splat(1.0)), power);
    let low = simd.where_less([x, simd.splat(LOWEST)], simd.splat(0.0), scaled);
    simd.where_less([simd.splat(HIGHEST), x], simd.splat(f32::INFINITY), low)
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
