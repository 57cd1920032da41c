//! JSON numbers, read straight into machine numbers.
//!
//! A decimal is taken apart into `mantissa * 10^exponent`. Where that is certain to round the way
//! the exact value would, one multiplication or division gives the result; the rest (one number in
//! tens of millions, and unusual sizes) goes to the standard library, which is exact.

/// Powers of ten that a `f64` holds exactly.
const EXACT_POWERS: usize = 22;

/// Powers of ten, each correct to half a unit in the last place.
const POWERS: [f64; 65] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32,
    1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45, 1e46, 1e47, 1e48,
    1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56, 1e57, 1e58, 1e59, 1e60, 1e61, 1e62, 1e63, 1e64,
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

/// Takes apart the unsigned number at `start`.
#[inline]
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

/// As [`digits`], eight at a time while there are that many.
#[inline]
fn many_digits(json: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(chunk) = json[at..].first_chunk()
        && let Some(eight) = eight_digits(u64::from_le_bytes(*chunk))
    {
        value = value.wrapping_mul(100_000_000).wrapping_add(eight);
        at += 8;
    }
    digits(json, at, value)
}

/// The value of eight digits, the first in the lowest byte; `None` if one is no digit.
#[inline]
fn eight_digits(chunk: u64) -> Option<u64> {
    const ONES: u64 = u64::MAX / 0xff;
    // A byte is a digit if it is 0x3_ and stays so with 6 added.
    let low_ok = chunk & (0xf0 * ONES);
    let high_ok = chunk.wrapping_add(6 * ONES) & (0xf0 * ONES);
    if low_ok != 0x30 * ONES || high_ok != 0x30 * ONES {
        return None;
    }
    // Neighbours are joined three times: to pairs, to fours, to all eight.
    let single = chunk - 0x30 * ONES;
    let pairs = (single * 10 + (single >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
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
    let value = scaled(decimal.mantissa as f64, decimal.exponent)?;
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
    scaled(decimal.mantissa as f64, decimal.exponent)
}

#[inline]
fn scaled(mantissa: f64, exponent: i64) -> Option<f64> {
    let power = *POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    Some(if exponent < 0 { mantissa / power } else { mantissa * power })
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
