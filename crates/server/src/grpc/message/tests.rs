use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use tonic::{Code, Status};

use super::MessageReader;
use crate::compression::Encoding;

/// A body that is there already, in given pieces.
#[derive(Debug)]
struct Pieces(VecDeque<Bytes>);

impl Pieces {
    fn cut(bytes: &[u8], piece: usize) -> Self {
        Self(bytes.chunks(piece).map(Bytes::copy_from_slice).collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

fn framed(messages: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.push(0);
        bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(message);
    }
    bytes
}

fn read_all<B>(reader: &mut MessageReader<B>) -> Result<Vec<Bytes>, Status>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut messages = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(message)) = reader.poll_next(&mut context) {
        messages.push(message?);
    }
    Ok(messages)
}

#[test]
fn messages_come_out_however_the_body_is_cut() {
    let messages: [&[u8]; 4] = [b"", b"one", b"a longer message", b""];
    let bytes = framed(&messages);
    for piece in 1..=bytes.len() {
        let mut reader = MessageReader::new(Pieces::cut(&bytes, piece), None, 16);
        assert_eq!(read_all(&mut reader).unwrap(), messages, "in pieces of {piece}");
        assert_eq!(reader.bytes_read(), bytes.len());
    }
}

#[test]
fn a_message_inside_a_frame_is_not_copied() {
    let frame = Bytes::from(framed(&[b"message"]));
    let mut reader = MessageReader::new(Pieces([frame.clone()].into()), None, 16);
    let message = read_all(&mut reader).unwrap().remove(0);
    assert_eq!(message.as_ptr(), frame[super::PREFIX_LEN..].as_ptr());
}

#[test]
fn compressed_messages_are_limited_before_and_after() {
    let mut compressed = Vec::new();
    Encoding::Gzip.compress([&[7; 100][..]].into_iter(), &mut compressed);
    let mut bytes = framed(&[&compressed]);
    bytes[0] = 1;
    let reader = |max| MessageReader::new(Pieces::cut(&bytes, 9), Some(Encoding::Gzip), max);
    assert_eq!(read_all(&mut reader(100)).unwrap(), [vec![7; 100]]);
    let status = read_all(&mut reader(99)).unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
}

/// Reads a body that ends or lies, and checks the error.
#[track_caller]
fn check_error(bytes: &[u8], code: Code, message: &str) {
    let mut reader = MessageReader::new(Pieces::cut(bytes, 4), None, 16);
    let status = read_all(&mut reader).unwrap_err();
    assert_eq!((status.code(), status.message()), (code, message));
}

#[test]
fn broken_bodies_are_errors() {
    check_error(&[0, 0], Code::Internal, "call ended inside of a message's prefix");
    check_error(&[0, 0, 0, 0, 3, 1], Code::Internal, "call ended after 1 of a message's 3 bytes");
    check_error(&[2, 0, 0, 0, 0], Code::Internal, "message flags 0x02 are unknown");
    check_error(
        &[1, 0, 0, 0, 0],
        Code::Internal,
        "a message is flagged as compressed, but the call has no grpc-encoding",
    );
    check_error(
        &[0, 0, 0, 0, 17],
        Code::ResourceExhausted,
        "message of 17 bytes is larger than the limit of 16 bytes",
    );
}

#[tokio::test]
async fn a_unary_call_has_exactly_one_message() {
    let idle = Duration::from_secs(1);
    for piece in [1, 8, 100] {
        let mut one = MessageReader::new(Pieces::cut(&framed(&[b"one"]), piece), None, 16);
        assert_eq!(one.only(idle).await.unwrap(), "one");
        let mut two = MessageReader::new(Pieces::cut(&framed(&[b"one", b"2"]), piece), None, 16);
        assert_eq!(two.only(idle).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let mut none = MessageReader::new(Pieces::cut(&[], 1), None, 16);
    assert_eq!(none.only(idle).await.unwrap_err().message(), "call ended without a message");
}
