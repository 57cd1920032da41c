//! Compression of a call's messages.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use tonic::{Status, metadata::MetadataValue};

use crate::compression::{DecompressError, Encoding};

/// Header that names the compression of a call's messages.
pub(super) const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Header that names the compressions that the sender understands.
pub(super) const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Compression of the messages of a call with `headers`.
///
/// # Errors
///
/// UNIMPLEMENTED if it is none of ours; says which are.
pub(super) fn of_request(headers: &HeaderMap) -> Result<Option<Encoding>, Status> {
    let Some(value) = headers.get(ENCODING) else { return Ok(None) };
    match value.as_bytes() {
        b"identity" => Ok(None),
        b"gzip" => Ok(Some(Encoding::Gzip)),
        b"deflate" => Ok(Some(Encoding::Deflate)),
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
pub(super) fn of_response(request: Option<Encoding>, headers: &HeaderMap) -> Option<Encoding> {
    let encoding = request?;
    let accepted = headers.get(ACCEPT_ENCODING)?.to_str().ok()?;
    accepted.split(',').any(|name| name.trim() == encoding.name()).then_some(encoding)
}

/// Undoes a message's compression.
///
/// # Errors
///
/// More than `bytes_max` would come out, or the data is broken.
pub(super) fn decompress(
    encoding: Encoding,
    compressed: &[u8],
    bytes_max: usize,
) -> Result<Bytes, Status> {
    encoding.decompress(compressed, bytes_max).map_err(|error| match error {
        DecompressError::TooLarge => Status::resource_exhausted(format!(
            "message is larger than the limit of {bytes_max} bytes after decompression"
        )),
        DecompressError::Broken(error) => {
            let name = encoding.name();
            Status::invalid_argument(format!("message is not valid {name}: {error}"))
        }
    })
}

#[cfg(test)]
mod tests;
