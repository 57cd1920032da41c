//! Compression of bodies.

use bytes::Bytes;
use http::{HeaderMap, header};

use super::{body::too_large, refusal::Refusal};
use crate::compression::{DecompressError, Encoding};

/// Answers smaller than this are sent as they are.
const COMPRESS_BYTES_MIN: usize = 1024;

/// Compression of the body of a request with `headers`.
///
/// # Errors
///
/// 501 if it is none of ours; the answer says which are.
pub(super) fn of_request(headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
    let name = value.to_str().unwrap_or("?").trim();
    if name.is_empty() || name.eq_ignore_ascii_case("identity") {
        return Ok(None);
    }
    Encoding::from_name(name).map(Some).ok_or_else(|| {
        let message =
            format!("Content-Encoding `{name}` is not supported; use gzip, deflate or identity");
        Refusal::unsupported(message).with_header(header::ACCEPT_ENCODING, "gzip, deflate")
    })
}

/// The compression that a request with `headers` likes best for its answer; of those that it
/// likes equally the one that it names first.
pub(super) fn of_response(headers: &HeaderMap) -> Option<Encoding> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let mut best = None;
    let mut best_weight = 0.0;
    for item in accepted.split(',') {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let name = name.trim();
        let encoding = Encoding::from_name(name);
        let weight = weight(parameters);
        if (encoding.is_some() || name.eq_ignore_ascii_case("identity")) && weight > best_weight {
            (best, best_weight) = (encoding, weight);
        }
    }
    best
}

/// Whether an answer of this size is worth it.
pub(super) fn pays(byte_len: usize) -> bool {
    byte_len >= COMPRESS_BYTES_MIN
}

/// Undoes a body's compression.
///
/// # Errors
///
/// More than `bytes_max` would come out, or the data is broken.
pub(super) fn decompress(
    encoding: Encoding,
    compressed: &[u8],
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    encoding.decompress(compressed, bytes_max).map_err(|error| match error {
        DecompressError::TooLarge => {
            too_large("the body has more bytes than allowed after decompression", bytes_max)
        }
        DecompressError::Broken(error) => {
            let name = encoding.name();
            Refusal::bad_request(format!("the body is not valid {name}: {error}"))
        }
    })
}

/// The `q` of an item of `Accept-Encoding`; without one it is 1.
fn weight(parameters: &str) -> f32 {
    let mut parameters = parameters.split(';').map(str::trim);
    let weight = parameters.find_map(|parameter| parameter.strip_prefix("q="));
    weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests;
