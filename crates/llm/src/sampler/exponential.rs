/// `exp(x)` for `x <= 0`, within two units in the last place; 0 below -87, so that what is forbidden (minus infinity) has no weight.
///
/// For single tokens: whole rows have `kernels::token_weights`. The polynomial is that of Cephes' `expf`.
#[inline]
pub(super) fn exp_nonpositive(x: f32) -> f32 {
    const LOWEST: f32 = -87.0;
    /// Adding this leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// The high part of ln 2 has trailing zeros, so that its product with a small integer is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let clamped = if x > LOWEST { x } else { LOWEST };
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let exponent = rounded - ROUND;
    let r = clamped - exponent * LN_2_HIGH - exponent * LN_2_LOW;
    let mut series = 1.987_569_1e-4;
    series = series * r + 1.398_199_9e-3;
    series = series * r + 8.333_452e-3;
    series = series * r + 4.166_579_6e-2;
    series = series * r + 1.666_666_5e-1;
    series = series * r + 0.5;
    let mantissa = series * r * r + r + 1.0;
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x > LOWEST { mantissa * power } else { 0.0 }
}

#[cfg(test)]
mod tests;
