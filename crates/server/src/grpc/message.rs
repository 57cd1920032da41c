use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use tonic::Status;

use super::encoding::decompress;
use crate::compression::Encoding;

/// One byte of flags and the length: what stands before each message.
pub(super) const PREFIX_LEN: usize = 5;

/// Memory that a message gets before its bytes are there, whatever length it claims.
const RESERVE_MAX: usize = 1 << 20;

/// Takes messages out of a call's body. A message inside one frame is a slice of that frame.
#[derive(Debug)]
pub(super) struct MessageReader<B> {
    body: B,
    encoding: Option<Encoding>,
    message_bytes_max: usize,
    /// What is left of the last frame.
    frame: Bytes,
    part: Part,
    /// Bytes taken out of the body so far.
    bytes_read: usize,
}

/// What is being read.
#[derive(Debug)]
enum Part {
    Prefix { bytes: [u8; PREFIX_LEN], filled: usize },
    Payload { compressed: bool, len: usize, gathered: BytesMut },
}

const PREFIX: Part = Part::Prefix { bytes: [0; PREFIX_LEN], filled: 0 };

impl<B> MessageReader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    /// Starts at the beginning of `body`. Messages of more than `message_bytes_max` bytes, before or
    /// after decompression, are refused.
    pub(super) fn new(body: B, encoding: Option<Encoding>, message_bytes_max: usize) -> Self {
        Self { body, encoding, message_bytes_max, frame: Bytes::new(), part: PREFIX, bytes_read: 0 }
    }

    /// Bytes taken out of the body so far, frames' own headers not counted.
    pub(super) fn bytes_read(&self) -> usize {
        self.bytes_read
    }

    /// The only message of a unary call.
    ///
    /// # Errors
    ///
    /// There is none or more than one, it is broken or too large, or the client stopped sending for
    /// longer than `idle_timeout`.
    pub(super) async fn only(&mut self, idle_timeout: Duration) -> Result<Bytes, Status> {
        let message = loop {
            if let Some(message) = self.take()? {
                break message;
            }
            if !self.fill(idle_timeout).await? {
                return Err(self.cut_off().err().unwrap_or_else(no_message));
            }
        };
        while self.frame.is_empty() && !self.body.is_end_stream() {
            if !self.fill(idle_timeout).await? {
                break;
            }
        }
        if !self.frame.is_empty() {
            return Err(Status::invalid_argument("a unary call takes one message, got more"));
        }
        Ok(message)
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    ///
    /// It is broken, cut off or too large; the reader must not be used again.
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            if let Some(message) = self.take().transpose() {
                return Poll::Ready(Some(message));
            }
            match ready!(self.poll_fill(context)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(self.cut_off().err().map(Err)),
                Err(status) => return Poll::Ready(Some(Err(status))),
            }
        }
    }

    async fn fill(&mut self, idle_timeout: Duration) -> Result<bool, Status> {
        let fill = poll_fn(|context| self.poll_fill(context));
        tokio::time::timeout(idle_timeout, fill).await.unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(format!(
                "nothing of the request arrived for {} s",
                idle_timeout.as_secs_f64()
            )))
        })
    }

    /// Gets the next frame with data; false at the end of the body.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Status>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => return Poll::Ready(Ok(false)),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    return Poll::Ready(Err(Status::cancelled(format!("call broke off: {error}"))));
                }
            };
            // Clients send no trailers that mean anything.
            let Ok(data) = frame.into_data() else { continue };
            if !data.is_empty() {
                self.bytes_read += data.len();
                self.frame = data;
                return Poll::Ready(Ok(true));
            }
        }
    }

    /// A message if all of it is there.
    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        if let Part::Prefix { bytes, filled } = &mut self.part {
            let missing = (PREFIX_LEN - *filled).min(self.frame.len());
            self.frame.copy_to_slice(&mut bytes[*filled..*filled + missing]);
            *filled += missing;
            if *filled < PREFIX_LEN {
                return Ok(None);
            }
            let prefix = *bytes;
            self.part = self.payload(prefix)?;
        }
        let Part::Payload { compressed, len, gathered } = &mut self.part else { return Ok(None) };
        let message = if gathered.is_empty() && self.frame.len() >= *len {
            self.frame.split_to(*len)
        } else {
            gather(&mut self.frame, *len, gathered);
            if gathered.len() < *len {
                return Ok(None);
            }
            std::mem::take(gathered).freeze()
        };
        let encoding = self.encoding.filter(|_| *compressed);
        self.part = PREFIX;
        encoding.map_or_else(
            || Ok(Some(message.clone())),
            |encoding| decompress(encoding, &message, self.message_bytes_max).map(Some),
        )
    }

    fn payload(&self, [flags, len @ ..]: [u8; PREFIX_LEN]) -> Result<Part, Status> {
        let len = u32::from_be_bytes(len) as usize;
        let compressed = match flags {
            0 => false,
            1 if self.encoding.is_some() => true,
            1 => {
                return Err(Status::internal(
                    "a message is flagged as compressed, but the call has no grpc-encoding",
                ));
            }
            _ => return Err(Status::internal(format!("message flags {flags:#04x} are unknown"))),
        };
        if len > self.message_bytes_max {
            return Err(Status::resource_exhausted(format!(
                "message of {len} bytes is larger than the limit of {} bytes",
                self.message_bytes_max
            )));
        }
        Ok(Part::Payload { compressed, len, gathered: BytesMut::new() })
    }

    /// What is wrong with a body that ends here.
    fn cut_off(&self) -> Result<(), Status> {
        match &self.part {
            Part::Prefix { filled: 0, .. } => Ok(()),
            Part::Prefix { .. } => Err(Status::internal("call ended inside of a message's prefix")),
            Part::Payload { len, gathered, .. } => Err(Status::internal(format!(
                "call ended after {} of a message's {len} bytes",
                gathered.len()
            ))),
        }
    }
}

fn no_message() -> Status {
    Status::internal("call ended without a message")
}

/// Moves what belongs to a message of `len` bytes from `frame` to `gathered`.
fn gather(frame: &mut Bytes, len: usize, gathered: &mut BytesMut) {
    let missing = (len - gathered.len()).min(frame.len());
    if gathered.capacity() == 0 {
        gathered.reserve(len.min(missing.max(RESERVE_MAX)));
    }
    gathered.extend_from_slice(&frame[..missing]);
    frame.advance(missing);
}

#[cfg(test)]
mod tests;
