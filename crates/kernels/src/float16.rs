//! 16-bit floats as bits, without a branch, so that loops of them become vector instructions.

/// The value of an IEEE 754 half: exact, subnormals and infinities included.
#[inline]
pub(crate) fn f16_to_f32(bits: u16) -> f32 {
    /// Moves the exponent from the bias 15 to the bias 127.
    const REBIAS: f32 = f32::from_bits((127 + 112) << 23);
    let magnitude = u32::from(bits & 0x7fff);
    let sign = u32::from(bits & 0x8000) << 16;
    let finite = f32::from_bits(magnitude << 13) * REBIAS;
    let exponent = if magnitude >= 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(finite.to_bits() | exponent | sign)
}

/// The value of a `bfloat16`.
#[inline]
pub(crate) fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The nearest `bfloat16`, of two the even one; what is no number stays none.
#[inline]
pub(crate) fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let even = (bits >> 16) & 1;
    let rounded = bits.wrapping_add(0x7fff + even);
    (if value.is_nan() { bits | 0x40_0000 } else { rounded } >> 16) as u16
}

/// The nearest IEEE 754 half, of two the even one; what is no number stays none.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "each fits 16 bits")]
pub(crate) fn f32_to_f16(value: f32) -> u16 {
    /// From here on rounding gives infinity.
    const OVERFLOW: u32 = 65520_f32.to_bits();
    /// The smallest normal half.
    const NORMAL: u32 = (127 - 14) << 23;
    /// A sum with it is rounded to the steps of subnormal halves.
    const SUBNORMAL: f32 = 0.5;
    let (magnitude, sign) = (value.to_bits() & 0x7fff_ffff, value.to_bits() >> 16 & 0x8000);
    let subnormal = (f32::from_bits(magnitude) + SUBNORMAL).to_bits() - SUBNORMAL.to_bits();
    let even = magnitude >> 13 & 1;
    let normal = (magnitude + 0xfff + even).wrapping_sub(112 << 23) >> 13;
    let rounded = if magnitude < NORMAL { subnormal } else { normal };
    let finite = if magnitude >= OVERFLOW { 0x7c00 } else { rounded };
    (sign | if value.is_nan() { 0x7e00 } else { finite }) as u16
}

#[cfg(test)]
mod tests;
