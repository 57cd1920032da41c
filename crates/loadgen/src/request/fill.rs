use std::{ops::Range, str::FromStr};

use half::{bf16, f16};
use tensor::DataType;

use crate::Random;

/// Digits behind the point of a random number in JSON.
const DECIMALS: u32 = 7;

/// Characters of random strings.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";

/// Bounds of random values. Floats are uniform in `[low, high)`, integers in `[low, high]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueRange {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Default for ValueRange {
    /// 0 to 1: for floats what most models normalise to, for integers what is a valid token, mask,
    /// segment and class alike.
    fn default() -> Self {
        Self { low: 0.0, high: 1.0 }
    }
}

impl FromStr for ValueRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bounds = text
            .split_once(':')
            .and_then(|(low, high)| Some((low.parse::<f64>().ok()?, high.parse::<f64>().ok()?)));
        match bounds {
            Some((low, high)) if low <= high && low.is_finite() && high.is_finite() => {
                Ok(Self { low, high })
            }
            _ => Err(format!("'{text}' is no range; say LOW:HIGH, such as 0:30000")),
        }
    }
}

/// A place in a body that gets fresh random values before each sending; its length never changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    pub(crate) bytes: Range<usize>,
    pub(crate) fill: Fill,
}

/// What values and how they are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fill {
    /// Little-endian elements of a fixed size.
    Binary(DataType, ValueRange),
    /// Length-prefixed strings of this many bytes.
    BinaryStrings(usize),
    /// JSON numbers of this width, a comma behind each but the last.
    JsonFloats(ValueRange, usize),
    /// JSON integers, filled up with blanks to this width.
    JsonIntegers(ValueRange, usize),
    /// `true ` or `false`.
    JsonBools,
    /// Quoted strings of this many bytes.
    JsonStrings(usize),
}

impl Slot {
    /// Writes fresh values.
    pub(crate) fn fill(&self, body: &mut [u8], random: &mut Random) {
        let body = &mut body[self.bytes.clone()];
        match self.fill {
            Fill::Binary(data_type, range) => fill_binary(body, data_type, range, random),
            Fill::BinaryStrings(bytes) => {
                for string in body.chunks_exact_mut(4 + bytes) {
                    fill_letters(&mut string[4..], random);
                }
            }
            Fill::JsonFloats(range, width) => {
                each_json(body, width, |text| write_float(text, range, random));
            }
            Fill::JsonIntegers(range, width) => {
                each_json(body, width, |text| write_integer(text, integer(range, random)));
            }
            Fill::JsonBools => each_json(body, "false".len(), |text| {
                text.copy_from_slice(if random.bits() & 1 == 0 { b"false" } else { b"true " });
            }),
            Fill::JsonStrings(bytes) => each_json(body, bytes + 2, |text| {
                (text[0], text[bytes + 1]) = (b'"', b'"');
                fill_letters(&mut text[1..=bytes], random);
            }),
        }
    }
}

/// How a tensor's random elements are written in JSON, and how many bytes each takes without the comma.
pub(crate) fn json_fill(
    data_type: DataType,
    range: ValueRange,
    string_bytes: usize,
) -> (Fill, usize) {
    match data_type {
        DataType::Bool => (Fill::JsonBools, "false".len()),
        DataType::Bytes => (Fill::JsonStrings(string_bytes), string_bytes + 2),
        DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64 => {
            let width = float_width(range);
            (Fill::JsonFloats(range, width), width)
        }
        _ => {
            let width =
                range.low.trunc().to_string().len().max(range.high.trunc().to_string().len());
            (Fill::JsonIntegers(range, width), width)
        }
    }
}

/// Sign, digits before the point, point, digits behind it.
fn float_width(range: ValueRange) -> usize {
    let whole = range.low.abs().max(range.high.abs()).trunc().to_string().len();
    usize::from(range.low < 0.0) + whole + 1 + DECIMALS as usize
}

/// Calls for the text of each element and writes the commas between.
fn each_json(body: &mut [u8], width: usize, mut write: impl FnMut(&mut [u8])) {
    for element in body.chunks_mut(width + 1) {
        write(&mut element[..width]);
        if let Some(comma) = element.get_mut(width) {
            *comma = b',';
        }
    }
}

fn fill_letters(text: &mut [u8], random: &mut Random) {
    for group in text.chunks_mut(12) {
        let mut bits = random.bits();
        for letter in group {
            *letter = LETTERS[(bits & 31) as usize];
            bits >>= 5;
        }
    }
}

fn float(range: ValueRange, random: &mut Random) -> f64 {
    range.low + random.unit() * (range.high - range.low)
}

/// Uniform over the whole numbers of the range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of floats saturate, which is what a range beyond the type means"
)]
fn integer(range: ValueRange, random: &mut Random) -> i64 {
    let low = range.low.ceil() as i64;
    let span = (range.high.floor() - range.low.ceil()).max(0.0) as u64;
    let offset = match span.checked_add(1) {
        Some(values) => random.below(values),
        None => random.bits(),
    };
    low.wrapping_add_unsigned(offset)
}

#[expect(clippy::cast_possible_truncation, reason = "values are uniform in less precision then")]
fn fill_binary(body: &mut [u8], data_type: DataType, range: ValueRange, random: &mut Random) {
    match data_type {
        DataType::Fp32 => each(body, || (float(range, random) as f32).to_le_bytes()),
        DataType::Fp64 => each(body, || float(range, random).to_le_bytes()),
        DataType::Fp16 => each(body, || f16::from_f64(float(range, random)).to_le_bytes()),
        DataType::Bf16 => each(body, || bf16::from_f64(float(range, random)).to_le_bytes()),
        DataType::Bool => each(body, || [u8::from(random.bits() & 1 == 1)]),
        DataType::Bytes => unreachable!("strings have a fill of their own"),
        _ => match data_type.size() {
            Some(1) => each(body, || low_bytes::<1>(integer(range, random))),
            Some(2) => each(body, || low_bytes::<2>(integer(range, random))),
            Some(4) => each(body, || low_bytes::<4>(integer(range, random))),
            _ => each(body, || integer(range, random).to_le_bytes()),
        },
    }
}

fn each<const N: usize>(body: &mut [u8], mut value: impl FnMut() -> [u8; N]) {
    for element in body.as_chunks_mut::<N>().0 {
        *element = value();
    }
}

/// Two's complement in fewer bytes.
fn low_bytes<const N: usize>(value: i64) -> [u8; N] {
    *value.to_le_bytes().first_chunk().expect("no integer has more than 8 bytes")
}

/// Writes a number with [`DECIMALS`] digits behind the point into all of `text`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the scaled magnitude is a whole number of at most the digits that there is room for"
)]
fn write_float(text: &mut [u8], range: ValueRange, random: &mut Random) {
    let scale = 10_u64.pow(DECIMALS);
    let value = float(range, random);
    let mut scaled = (value.abs() * scale as f64) as u64;
    let is_negative = value < 0.0 && scaled > 0;
    let point = text.len() - DECIMALS as usize - 1;
    for (index, character) in text.iter_mut().enumerate().rev() {
        *character = match index {
            _ if index == point => b'.',
            _ if index < point.saturating_sub(1) && scaled == 0 => b' ',
            _ => {
                let digit = (scaled % 10) as u8;
                scaled /= 10;
                b'0' + digit
            }
        };
    }
    if is_negative && let Some(blank) = text.iter().rposition(|character| *character == b' ') {
        text[blank] = b'-';
    }
}

fn write_integer(text: &mut [u8], value: i64) {
    let mut rest = value.unsigned_abs();
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + u8::try_from(rest % 10).expect("a digit is a byte");
        rest /= 10;
        if rest == 0 || at == 0 {
            break;
        }
    }
    if value < 0 && at > 0 {
        at -= 1;
        text[at] = b'-';
    }
    text[..at].fill(b' ');
}

#[cfg(test)]
mod tests;
