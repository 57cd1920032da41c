//! JSON numbers, read straight into machine numbers.
//!
//! A decimal is taken apart into `mantissa * 10^exponent`. Where that is certain to round the way
//! the exact value would, one multiplication or division gives the result; the rest (one number in
//! tens of millions, and unusual sizes) goes to the standard library, which is exact.

/// Powers of ten that a `f64` holds exactly.
const EXACT_POWERS: usize = 22;

/// Exponent of the first of [`POWERS`], negated.
const POWERS_FROM: i64 = 64;

/// Powers of ten, each correct to half a unit in the last place.
#[rustfmt::skip]
const POWERS: [f64; 129] = [
    1e-64, 1e-63, 1e-62, 1e-61, 1e-60, 1e-59, 1e-58, 1e-57, 1e-56, 1e-55, 1e-54, 1e-53,
    1e-52, 1e-51, 1e-50, 1e-49, 1e-48, 1e-47, 1e-46, 1e-45, 1e-44, 1e-43, 1e-42, 1e-41,
    1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35, 1e-34, 1e-33, 1e-32, 1e-31, 1e-30, 1e-29,
    1e-28, 1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17,
    1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5,
    1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
    1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31,
    1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43,
    1e44, 1e45, 1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55,
    1e56, 1e57, 1e58, 1e59, 1e60, 1e61, 1e62, 1e63, 1e64,
];

/// Digits that fit a `u64` whatever they are.
const DIGITS_MAX: usize = 19;

/// `mantissa * 10^exponent`, without its sign.
struct Decimal {
    mantissa: u64,
    exponent: i64,
    /// Whether every digit is in the mantissa.
    complete: bool,
    end: usize,
}

/// Reads a number or `NaN`, `Infinity`, `Inf`; returns it and where it ends. `None` if there is none
/// or it is out of range.
#[inline]
pub(super) fn read_f32(json: &[u8], start: usize) -> Option<(f32, usize)> {
    let negative = json.get(start) == Some(&b'-');
    let at = start + usize::from(negative);
    let Some(decimal) = decimal(json, at) else {
        let (value, end) = not_a_number(json, at)?;
        return Some((if negative { -value } else { value }, end));
    };
    let value = match f32_from(&decimal) {
        Some(value) => value,
        None => exact_f32(json, at, decimal.end)?,
    };
    Some((if negative { -value } else { value }, decimal.end))
}

/// As [`read_f32`].
#[inline]
pub(super) fn read_f64(json: &[u8], start: usize) -> Option<(f64, usize)> {
    let negative = json.get(start) == Some(&b'-');
    let at = start + usize::from(negative);
    let Some(decimal) = decimal(json, at) else {
        let (value, end) = not_a_number(json, at)?;
        return Some((f64::from(if negative { -value } else { value }), end));
    };
    let value = match f64_from(&decimal) {
        Some(value) => value,
        None => exact_f64(json, at, decimal.end)?,
    };
    Some((if negative { -value } else { value }, decimal.end))
}

/// Reads a whole number; returns its sign, its magnitude and where it ends. `None` if there is none,
/// if it has a fraction or an exponent, or if it does not fit.
#[inline]
pub(super) fn read_integer(json: &[u8], start: usize) -> Option<(bool, u64, usize)> {
    let negative = json.get(start) == Some(&b'-');
    let at = start + usize::from(negative);
    let (mut magnitude, mut end) = digits(json, at, 0);
    let len = end - at;
    if len == 0
        || (len > 1 && json[at] == b'0')
        || matches!(json.get(end), Some(b'.' | b'e' | b'E'))
    {
        return None;
    }
    if len > DIGITS_MAX {
        magnitude = str::from_utf8(&json[at..end]).ok()?.parse().ok()?;
        end = at + len;
    }
    Some((negative, magnitude, end))
}

/// Takes apart the unsigned number at `start`. Inlined always: its result would go through memory.
#[inline(always)]
fn decimal(json: &[u8], start: usize) -> Option<Decimal> {
    let (mut mantissa, mut end) = digits(json, start, 0);
    let whole_len = end - start;
    if whole_len == 0 || (whole_len > 1 && json[start] == b'0') {
        return None;
    }
    let mut exponent = 0;
    let mut len = whole_len;
    if json.get(end) == Some(&b'.') {
        let from = end + 1;
        (mantissa, end) = many_digits(json, from, mantissa);
        let fraction_len = end - from;
        if fraction_len == 0 {
            return None;
        }
        len += fraction_len;
        // No text has 2^63 digits.
        exponent = -(fraction_len as i64);
    }
    if let Some(b'e' | b'E') = json.get(end) {
        let (more, after) = exponent_at(json, end + 1)?;
        exponent += more;
        end = after;
    }
    let complete = len <= DIGITS_MAX || len - leading_zeros(&json[start..end]) <= DIGITS_MAX;
    Some(Decimal { mantissa, exponent, complete, end })
}

/// Zeros before the first other digit.
#[cold]
fn leading_zeros(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| matches!(byte, b'0' | b'.'));
    zeros.filter(|byte| **byte == b'0').count()
}

/// Appends digits one at a time; returns the value, wrapped, and where they end.
#[inline]
fn digits(json: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(byte) = json.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// As [`digits`], eight at a time while there are that many bytes. How many digits a number has is
/// hard to foresee for a processor, so the last few are taken without a branch on their count.
#[inline]
fn many_digits(json: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    const SHIFTS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    while let Some(chunk) = json[at..].first_chunk() {
        let values = u64::from_le_bytes(*chunk) ^ (0x30 * ONES);
        let len = values_len(values);
        if len < 8 {
            // Moved to the end, with zeros before them; of no digits nothing may be left.
            let last = (values << 8) << (56 - 8 * len);
            let last = if len == 0 { 0 } else { last };
            let value = value.wrapping_mul(SHIFTS[len]).wrapping_add(join_eight(last));
            return (value, at + len);
        }
        value = value.wrapping_mul(100_000_000).wrapping_add(join_eight(values));
        at += 8;
    }
    digits(json, at, value)
}

/// The lowest bit of each byte.
const ONES: u64 = u64::MAX / 0xff;

/// How many bytes from the lowest on are values of digits, 0 to 9.
#[inline]
fn values_len(values: u64) -> usize {
    // 10 and more reach the highest bit with 0x76 added, or have it. What is carried out of a byte
    // only reaches bytes behind the first that is none.
    let others = (values.wrapping_add(0x76 * ONES) | values) & (0x80 * ONES);
    others.trailing_zeros() as usize / 8
}

/// The number that eight values of digits make, the lowest byte being the first digit.
#[inline]
fn join_eight(values: u64) -> u64 {
    // Neighbours are joined three times: to pairs, to fours, to all eight.
    let pairs = (values.wrapping_mul(10) + (values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff
}

fn exponent_at(json: &[u8], at: usize) -> Option<(i64, usize)> {
    let negative = json.get(at) == Some(&b'-');
    let from = at + usize::from(matches!(json.get(at), Some(b'+' | b'-')));
    let (value, end) = digits(json, from, 0);
    // More than four digits is out of every range; it only must not wrap.
    let value = if end - from > 4 { 9999 } else { i64::try_from(value).ok()? };
    (end > from).then_some((if negative { -value } else { value }, end))
}

/// Goes through `f64`. Mantissa, power and result are each off by at most half a unit in the last
/// place, together by less than four; so the result rounds as the exact value does unless it is that
/// close to the middle between two `f32`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the purpose")]
fn f32_from(decimal: &Decimal) -> Option<f32> {
    const BELOW_F32: u64 = (1 << 29) - 1;
    const MIDDLE: u64 = 1 << 28;
    const ERROR_MAX: u64 = 8;
    // Signed integers are converted by one instruction.
    let value = i64::try_from(decimal.mantissa).ok()? as f64 * power(decimal.exponent)?;
    let certain = (value.to_bits() & BELOW_F32).abs_diff(MIDDLE) > ERROR_MAX;
    let normal = value >= f64::from(f32::MIN_POSITIVE) * 2.0 && value <= f64::from(f32::MAX);
    if decimal.complete && ((certain && normal) || decimal.mantissa == 0) {
        return Some(value as f32);
    }
    None
}

/// One operation on two exact numbers rounds once.
#[inline]
fn f64_from(decimal: &Decimal) -> Option<f64> {
    if !decimal.complete || decimal.mantissa > 1 << f64::MANTISSA_DIGITS {
        return None;
    }
    if decimal.exponent.unsigned_abs() > EXACT_POWERS as u64 {
        return None;
    }
    let power = power(decimal.exponent.abs())?;
    let mantissa = decimal.mantissa as f64;
    Some(if decimal.exponent < 0 { mantissa / power } else { mantissa * power })
}

/// A power of ten, correct to half a unit in the last place.
#[inline]
fn power(exponent: i64) -> Option<f64> {
    POWERS.get(usize::try_from(exponent + POWERS_FROM).ok()?).copied()
}

#[cold]
fn exact_f32(json: &[u8], start: usize, end: usize) -> Option<f32> {
    let value: f32 = str::from_utf8(&json[start..end]).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

fn exact_f64(json: &[u8], start: usize, end: usize) -> Option<f64> {
    let value: f64 = str::from_utf8(&json[start..end]).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// The words that JSON writers of Python and others use for what JSON has no numbers for.
#[cold]
fn not_a_number(json: &[u8], at: usize) -> Option<(f32, usize)> {
    const WORDS: [(&str, f32); 3] =
        [("NaN", f32::NAN), ("Infinity", f32::INFINITY), ("Inf", f32::INFINITY)];
    let rest = json.get(at..)?;
    let (word, value) = WORDS.iter().find(|(word, _)| rest.starts_with(word.as_bytes()))?;
    Some((*value, at + word.len()))
}

#[cfg(test)]
mod tests;
