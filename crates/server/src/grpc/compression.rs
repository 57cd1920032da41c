use std::io::{self, Read};

use bytes::Bytes;
use flate2::{
    Compression,
    read::{GzDecoder, GzEncoder, ZlibDecoder, ZlibEncoder},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::{Status, metadata::MetadataValue};

/// Header that names the compression of a call's messages.
pub(super) const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Header that names the compressions that the sender understands.
pub(super) const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Tensors compress little; more effort costs much and gains next to nothing.
const LEVEL: Compression = Compression::fast();

/// A compression of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Deflate,
}

impl Encoding {
    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// Value of [`ENCODING`].
    pub(super) const fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// Compression of the messages of a call with `headers`.
    ///
    /// # Errors
    ///
    /// UNIMPLEMENTED if it is none of ours; says which are.
    pub(super) fn of_request(headers: &HeaderMap) -> Result<Option<Self>, Status> {
        let Some(value) = headers.get(ENCODING) else { return Ok(None) };
        match value.as_bytes() {
            b"identity" => Ok(None),
            b"gzip" => Ok(Some(Self::Gzip)),
            b"deflate" => Ok(Some(Self::Deflate)),
            other => {
                let other = String::from_utf8_lossy(other);
                let mut status = Status::unimplemented(format!(
                    "grpc-encoding '{other}' is not supported; use gzip, deflate or identity"
                ));
                let known = MetadataValue::from_static("identity,deflate,gzip");
                status.metadata_mut().insert("grpc-accept-encoding", known);
                Err(status)
            }
        }
    }

    /// Compression of the answer to a call whose messages have `request`'s: the same, if the client
    /// understands it. Clients say that they understand compression whether or not they want it;
    /// those that use it want it.
    pub(super) fn of_response(request: Option<Self>, headers: &HeaderMap) -> Option<Self> {
        let encoding = request?;
        let accepted = headers.get(ACCEPT_ENCODING)?.to_str().ok()?;
        accepted.split(',').any(|name| name.trim() == encoding.name()).then_some(encoding)
    }

    /// Undoes the compression.
    ///
    /// # Errors
    ///
    /// More than `bytes_max` would come out, or the data is broken.
    pub(super) fn decompress(self, compressed: &[u8], bytes_max: usize) -> Result<Bytes, Status> {
        // One byte more than may be shows that there is more.
        let limit = (bytes_max as u64).saturating_add(1);
        let mut message = Vec::new();
        let read = match self {
            Self::Gzip => GzDecoder::new(compressed).take(limit).read_to_end(&mut message),
            Self::Deflate => ZlibDecoder::new(compressed).take(limit).read_to_end(&mut message),
        };
        read.map_err(|error| {
            Status::invalid_argument(format!("message is not valid {}: {error}", self.name()))
        })?;
        if message.len() > bytes_max {
            return Err(Status::resource_exhausted(format!(
                "message is larger than the limit of {bytes_max} bytes after decompression"
            )));
        }
        Ok(message.into())
    }

    /// Compresses what `message` reads.
    pub(super) fn compress(self, message: impl Read, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Gzip => GzEncoder::new(message, LEVEL).read_to_end(out)?,
            Self::Deflate => ZlibEncoder::new(message, LEVEL).read_to_end(out)?,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
