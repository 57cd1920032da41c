//! gzip and deflate, of REST bodies and of gRPC messages.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::{
    Compression,
    read::{MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use http::HeaderValue;

/// Tensors compress little; more effort costs much and gains next to nothing.
const LEVEL: Compression = Compression::fast();

/// A compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    /// In zlib's format, as HTTP has it.
    Deflate,
}

/// Data that was not decompressed.
#[derive(Debug)]
pub(crate) enum DecompressError {
    /// More would come out than may.
    TooLarge,
    /// The data is not what it says.
    Broken(io::Error),
}

impl Encoding {
    /// Its name in headers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// Reads its name, in any case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Deflate]
            .into_iter()
            .find(|known| name.eq_ignore_ascii_case(known.name()))
    }

    /// Its name as the value of a header.
    pub(crate) const fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// Undoes the compression; at no time are there more than `bytes_max` bytes and one.
    ///
    /// # Errors
    ///
    /// See [`DecompressError`].
    pub(crate) fn decompress(
        self,
        compressed: &[u8],
        bytes_max: usize,
    ) -> Result<Bytes, DecompressError> {
        // One byte more than may be shows that there is more.
        let limit = (bytes_max as u64).saturating_add(1);
        let mut data = Vec::new();
        let read = match self {
            Self::Gzip => MultiGzDecoder::new(compressed).take(limit).read_to_end(&mut data),
            Self::Deflate => ZlibDecoder::new(compressed).take(limit).read_to_end(&mut data),
        };
        read.map_err(DecompressError::Broken)?;
        if data.len() > bytes_max {
            return Err(DecompressError::TooLarge);
        }
        Ok(data.into())
    }

    /// Compresses pieces as one and appends them to `out`.
    pub(crate) fn compress<'a>(self, pieces: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
        let written = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, LEVEL);
                write_all(pieces, &mut encoder).and_then(|()| encoder.try_finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, LEVEL);
                write_all(pieces, &mut encoder).and_then(|()| encoder.try_finish())
            }
        };
        written.expect("a vector takes everything");
    }
}

fn write_all<'a>(
    mut pieces: impl Iterator<Item = &'a [u8]>,
    encoder: &mut impl Write,
) -> io::Result<()> {
    pieces.try_for_each(|piece| encoder.write_all(piece))
}

#[cfg(test)]
mod tests {
    use super::{DecompressError, Encoding};

    const BOTH: [Encoding; 2] = [Encoding::Gzip, Encoding::Deflate];

    fn compressed(encoding: Encoding, pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        encoding.compress(pieces.iter().copied(), &mut out);
        out
    }

    #[test]
    fn what_is_compressed_is_read_back() {
        for encoding in BOTH {
            let compressed = compressed(encoding, &[b"ab", b"", b"c"]);
            assert_eq!(encoding.decompress(&compressed, 3).unwrap(), "abc");
        }
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        for encoding in BOTH {
            let compressed = compressed(encoding, &[&[0; 1 << 20]]);
            assert!(compressed.len() < 1 << 14);
            let error = encoding.decompress(&compressed, 1000).unwrap_err();
            assert!(matches!(error, DecompressError::TooLarge));
        }
    }

    #[test]
    fn broken_data_is_an_error() {
        for encoding in BOTH {
            let whole = compressed(encoding, &[b"abc"]);
            for broken in [&whole[..whole.len() - 1], b"nonsense"] {
                let error = encoding.decompress(broken, 1000).unwrap_err();
                assert!(matches!(error, DecompressError::Broken(_)));
            }
        }
    }
}
