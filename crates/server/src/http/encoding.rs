//! Compression of bodies.

use std::io::{self, Read, Write as _};

use bytes::Bytes;
use flate2::{
    Compression,
    read::{MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use http::{HeaderMap, HeaderValue, header};

use super::{body::too_large, refusal::Refusal};

/// Answers smaller than this are sent as they are.
const COMPRESS_BYTES_MIN: usize = 1024;

/// Tensors compress little; more effort costs much and gains next to nothing.
const LEVEL: Compression = Compression::fast();

/// A compression of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    /// In zlib's format, as HTTP has it.
    Deflate,
}

impl Encoding {
    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Deflate]
            .into_iter()
            .find(|known| name.eq_ignore_ascii_case(known.name()))
    }

    /// Value of `Content-Encoding`.
    pub(super) const fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// Compression of the body of a request with `headers`.
    ///
    /// # Errors
    ///
    /// 501 if it is none of ours; the answer says which are.
    pub(super) fn of_request(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
        let name = value.to_str().unwrap_or("?").trim();
        if name.is_empty() || name.eq_ignore_ascii_case("identity") {
            return Ok(None);
        }
        Self::from_name(name).map(Some).ok_or_else(|| {
            let message = format!(
                "Content-Encoding `{name}` is not supported; use gzip, deflate or identity"
            );
            Refusal::unsupported(message).with_header(header::ACCEPT_ENCODING, "gzip, deflate")
        })
    }

    /// The compression that a request with `headers` likes best for its answer; of those that it
    /// likes equally the one that it names first.
    pub(super) fn of_response(headers: &HeaderMap) -> Option<Self> {
        let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
        let mut best = None;
        let mut best_weight = 0.0;
        for item in accepted.split(',') {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            let name = name.trim();
            let encoding = Self::from_name(name);
            let weight = weight(parameters);
            if (encoding.is_some() || name.eq_ignore_ascii_case("identity")) && weight > best_weight
            {
                (best, best_weight) = (encoding, weight);
            }
        }
        best
    }

    /// Whether an answer of this size is worth it.
    pub(super) fn pays(self, byte_len: usize) -> bool {
        byte_len >= COMPRESS_BYTES_MIN
    }

    /// Undoes the compression.
    ///
    /// # Errors
    ///
    /// More than `bytes_max` would come out, or the data is broken.
    pub(super) fn decompress(self, compressed: &[u8], bytes_max: usize) -> Result<Bytes, Refusal> {
        // One byte more than may be shows that there is more.
        let limit = (bytes_max as u64).saturating_add(1);
        let mut body = Vec::new();
        let read = match self {
            Self::Gzip => MultiGzDecoder::new(compressed).take(limit).read_to_end(&mut body),
            Self::Deflate => ZlibDecoder::new(compressed).take(limit).read_to_end(&mut body),
        };
        read.map_err(|error| {
            Refusal::bad_request(format!("the body is not valid {}: {error}", self.name()))
        })?;
        if body.len() > bytes_max {
            return Err(too_large(
                "the body has more bytes than allowed after decompression",
                bytes_max,
            ));
        }
        Ok(body.into())
    }

    /// Compresses pieces, one behind the other.
    ///
    /// # Panics
    ///
    /// Never: a vector takes everything.
    pub(super) fn compress<'a>(self, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let written = match self {
            Self::Gzip => write_gzip(pieces),
            Self::Deflate => write_deflate(pieces),
        };
        written.expect("a vector takes everything")
    }
}

fn write_gzip<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), LEVEL);
    pieces.try_for_each(|piece| encoder.write_all(piece))?;
    encoder.finish()
}

fn write_deflate<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), LEVEL);
    pieces.try_for_each(|piece| encoder.write_all(piece))?;
    encoder.finish()
}

/// The `q` of an item of `Accept-Encoding`; without one it is 1.
fn weight(parameters: &str) -> f32 {
    let mut parameters = parameters.split(';').map(str::trim);
    let weight = parameters.find_map(|parameter| parameter.strip_prefix("q="));
    weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests;
