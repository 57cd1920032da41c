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
#[cfg(test)]
#[inline]
pub(crate) fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let even = (bits >> 16) & 1;
    let rounded = bits.wrapping_add(0x7fff + even);
    (if value.is_nan() { bits | 0x40_0000 } else { rounded } >> 16) as u16
}

#[cfg(test)]
mod tests;
