use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body::{Body, Frame};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len},
};
use smallvec::SmallVec;
use tokio_stream::Stream;
use tonic::{Code, Status};

use super::{encoding::ENCODING, message::PREFIX_LEN};
use crate::compression::Encoding;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS_OK: HeaderValue = HeaderValue::from_static("0");

/// Field of `ModelInferResponse` that holds the outputs' elements.
const RAW_OUTPUT_CONTENTS: u32 = 6;

/// Field of `ModelStreamInferResponse` that holds a `ModelInferResponse`.
const INFER_RESPONSE: u32 = 2;

/// Pieces of this size or more are sent from where they are; smaller ones are put together.
const SHARE_BYTES_MIN: usize = 16 << 10;

/// A message ready to be sent, its prefix included: pieces in order.
#[derive(Debug, Default)]
pub(super) struct Outgoing(SmallVec<[Bytes; 4]>);

impl Outgoing {
    /// Encodes a message, `raw` being its `raw_output_contents`, which are not copied if they are
    /// large.
    ///
    /// # Errors
    ///
    /// The message is larger than `bytes_max` or the protocol allows.
    pub(super) fn new(
        message: &impl Message,
        raw: &[Bytes],
        encoding: Option<Encoding>,
        bytes_max: usize,
    ) -> Result<Self, Status> {
        Self::encode(None, message, raw, encoding, bytes_max)
    }

    /// The same as the `infer_response` of a `ModelStreamInferResponse`.
    ///
    /// # Errors
    ///
    /// See [`new`](Self::new).
    pub(super) fn nested(
        message: &impl Message,
        raw: &[Bytes],
        encoding: Option<Encoding>,
        bytes_max: usize,
    ) -> Result<Self, Status> {
        Self::encode(Some(INFER_RESPONSE), message, raw, encoding, bytes_max)
    }

    fn encode(
        nested_in: Option<u32>,
        message: &impl Message,
        raw: &[Bytes],
        encoding: Option<Encoding>,
        bytes_max: usize,
    ) -> Result<Self, Status> {
        let head_len = message.encoded_len();
        let raw_len: usize =
            raw.iter().map(|bytes| field_len(RAW_OUTPUT_CONTENTS, bytes.len())).sum();
        let body_len = head_len + raw_len;
        let len = nested_in.map_or(body_len, |field| field_len(field, body_len));
        check_size(len, bytes_max)?;
        let small_len: usize =
            raw.iter().map(Bytes::len).filter(|len| *len < SHARE_BYTES_MIN).sum();
        let frames_len = len - body_len + raw_len - raw.iter().map(Bytes::len).sum::<usize>();
        let mut writer = Writer::new(PREFIX_LEN + head_len + small_len + frames_len);
        writer.open.put_u8(0);
        writer.open.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
        if let Some(field) = nested_in {
            put_key(field, body_len, &mut writer.open);
        }
        message.encode_raw(&mut writer.open);
        for bytes in raw {
            writer.put_raw(bytes);
        }
        let plain = writer.finish();
        match encoding {
            Some(encoding) => plain.compressed(encoding, bytes_max),
            None => Ok(plain),
        }
    }

    /// Bytes to be sent.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    fn compressed(self, encoding: Encoding, bytes_max: usize) -> Result<Self, Status> {
        let mut out = vec![0; PREFIX_LEN];
        let mut skipped = PREFIX_LEN;
        let pieces = self.0.iter().map(|piece| &piece[std::mem::take(&mut skipped)..]);
        encoding.compress(pieces, &mut out);
        let len = out.len() - PREFIX_LEN;
        check_size(len, bytes_max)?;
        out[0] = 1;
        out[1..PREFIX_LEN].copy_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
        Ok(Self([Bytes::from(out)].into_iter().collect()))
    }
}

fn check_size(len: usize, bytes_max: usize) -> Result<(), Status> {
    if len <= bytes_max && u32::try_from(len).is_ok() {
        return Ok(());
    }
    Err(Status::resource_exhausted(format!(
        "answer of {len} bytes is larger than the limit of {bytes_max} bytes"
    )))
}

/// Size of a field of `len` bytes with its key and length.
fn field_len(field: u32, len: usize) -> usize {
    key_len(field) + encoded_len_varint(len as u64) + len
}

fn put_key(field: u32, len: usize, out: &mut BytesMut) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}

/// Puts small pieces together and keeps large ones as they are.
struct Writer {
    done: SmallVec<[Bytes; 4]>,
    open: BytesMut,
}

impl Writer {
    fn new(capacity: usize) -> Self {
        Self { done: SmallVec::new(), open: BytesMut::with_capacity(capacity) }
    }

    fn put_raw(&mut self, bytes: &Bytes) {
        put_key(RAW_OUTPUT_CONTENTS, bytes.len(), &mut self.open);
        if bytes.len() < SHARE_BYTES_MIN {
            self.open.put_slice(bytes);
        } else {
            self.done.push(self.open.split().freeze());
            self.done.push(bytes.clone());
        }
    }

    fn finish(mut self) -> Outgoing {
        if !self.open.is_empty() {
            self.done.push(self.open.freeze());
        }
        Outgoing(self.done)
    }
}

/// Messages of a streaming answer, each encoded; an error ends the call with its status.
pub(super) type Outgoings = Pin<Box<dyn Stream<Item = Result<Outgoing, Status>> + Send>>;

/// Body of an answer.
pub(super) enum ReplyBody {
    /// The headers say all.
    Empty,
    /// One message, then that all went well.
    Unary(Outgoing, usize),
    /// Messages as they come, then the status.
    Streaming { messages: Outgoings, current: Outgoing, sent: usize },
    /// What another service made.
    Foreign(tonic::body::Body),
}

impl ReplyBody {
    /// A streaming answer.
    pub(super) fn streaming(messages: Outgoings) -> Self {
        Self::Streaming { messages, current: Outgoing::default(), sent: 0 }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Unary(message, sent) => {
                let frame = next_piece(message, sent).map(Frame::data);
                Poll::Ready(Some(Ok(frame.unwrap_or_else(|| this.end(&Status::ok(""))))))
            }
            Self::Streaming { messages, current, sent } => loop {
                if let Some(piece) = next_piece(current, sent) {
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                match ready!(messages.as_mut().poll_next(context)) {
                    Some(Ok(message)) => (*current, *sent) = (message, 0),
                    Some(Err(status)) => return Poll::Ready(Some(Ok(this.end(&status)))),
                    None => return Poll::Ready(Some(Ok(this.end(&Status::ok(""))))),
                }
            },
            Self::Foreign(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Unary(..) | Self::Streaming { .. } => false,
            Self::Foreign(body) => body.is_end_stream(),
        }
    }
}

impl ReplyBody {
    /// The trailers of `status`; nothing comes after them.
    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        *self = Self::Empty;
        let mut trailers = HeaderMap::with_capacity(4);
        add_status(status, &mut trailers);
        Frame::trailers(trailers)
    }
}

fn next_piece(message: &mut Outgoing, sent: &mut usize) -> Option<Bytes> {
    let piece = message.0.get_mut(*sent)?;
    *sent += 1;
    Some(std::mem::take(piece))
}

fn add_status(status: &Status, headers: &mut HeaderMap) {
    if status.code() == Code::Ok {
        headers.insert(STATUS, STATUS_OK);
    } else if status.add_header(headers).is_err() {
        // Only a message that cannot be a header even when it is escaped.
        headers.insert(STATUS, HeaderValue::from(Code::Internal as i32));
    }
}

/// An answer of one message.
pub(super) fn unary(message: Outgoing, encoding: Option<Encoding>) -> Response<ReplyBody> {
    with_headers(ReplyBody::Unary(message, 0), encoding)
}

/// An answer of many messages.
pub(super) fn streaming(messages: Outgoings, encoding: Option<Encoding>) -> Response<ReplyBody> {
    with_headers(ReplyBody::streaming(messages), encoding)
}

fn with_headers(body: ReplyBody, encoding: Option<Encoding>) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    if let Some(encoding) = encoding {
        response.headers_mut().insert(ENCODING, encoding.header_value());
    }
    response
}

/// An answer that is an error and nothing else.
pub(super) fn error(status: &Status) -> Response<ReplyBody> {
    let mut response = with_headers(ReplyBody::Empty, None);
    add_status(status, response.headers_mut());
    response
}

#[cfg(test)]
mod tests;
