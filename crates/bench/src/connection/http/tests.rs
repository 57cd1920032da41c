use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{Answer, Head, HttpConnection, parse_head};

#[track_caller]
fn check_head(head: &str, expected: Option<Head>) {
    assert_eq!(parse_head(head.as_bytes()).ok(), expected);
}

#[test]
fn heads_are_read_whatever_their_letters() {
    let head =
        "HTTP/1.1 200 OK\r\nContent-LENGTH: 12 \r\nInference-Header-Content-Length:7\r\n\r\n";
    let expected = Head {
        bytes: head.len(),
        status: 200,
        body_bytes: Some(12),
        inference_header_bytes: Some(7),
    };
    check_head(head, Some(expected));
}

#[test]
fn a_head_without_a_length_is_refused() {
    check_head("HTTP/1.1 200 OK\r\nserver: x\r\n\r\n", None);
    check_head("HTTP/1.1 2\r\n\r\n", None);
    check_head("SSH-2.0\r\n\r\n", None);
}

/// Answers one request with `answer`, a few bytes at a time, and returns the body that was read.
async fn body_of(answer: &'static [u8]) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        for part in answer.chunks(3) {
            stream.write_all(part).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream
    });
    let mut connection = HttpConnection::open(address).await.unwrap();
    connection.call(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    drop(server.await.unwrap());
    match connection.answer() {
        Answer::Http(None, body) => body.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bodies_with_a_length_are_read() {
    assert_eq!(body_of(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await, b"hello");
}

#[tokio::test]
async fn chunked_bodies_are_put_together() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                   3\r\nabc\r\nB;x=y\r\ndefghijklmn\r\n0\r\n\r\n";
    assert_eq!(body_of(answer).await, b"abcdefghijklmn");
}
