use std::{io::Write, net::TcpListener, thread, time::Duration};

use tokio::task::LocalSet;

use super::HttpConnection;
use crate::{
    FailureKind,
    answer::Answer,
    client::{CallError, Called},
    clock::pause,
};

/// A server that answers each request on one connection with the next of `answers`, in pieces of
/// `piece` bytes, and closes behind the last.
fn call(answers: &[&str], piece: usize) -> Vec<Result<(Called, String), CallError>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let texts: Vec<String> = answers.iter().map(ToString::to_string).collect();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for text in texts {
            let mut request = [0; 8];
            std::io::Read::read_exact(&mut stream, &mut request).unwrap();
            assert_eq!(&request, b"headbody");
            for bytes in text.as_bytes().chunks(piece) {
                stream.write_all(bytes).unwrap();
                stream.flush().unwrap();
                if piece < 64 {
                    pause(Duration::from_micros(200));
                }
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let calls = LocalSet::new().block_on(&runtime, async {
        let mut connection = HttpConnection::new(address);
        let mut calls = Vec::new();
        for _ in answers {
            let called = connection.call(b"head", b"body").await;
            let Answer::Http(_, body) = connection.answer() else { unreachable!() };
            calls.push(called.map(|called| (called, String::from_utf8_lossy(body).into_owned())));
        }
        calls
    });
    server.join().unwrap();
    calls
}

#[track_caller]
fn check_body(answer: &str, expected: &str) {
    for piece in [1, 7, 4096] {
        let calls = call(&[answer, answer], piece);
        for called in calls {
            assert_eq!(called.unwrap().1, expected, "in pieces of {piece}");
        }
    }
}

#[test]
fn bodies_are_read_whole_however_they_come() {
    check_body("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "hello");
    check_body("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "");
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                   3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nt: 1\r\n\r\n";
    check_body(chunked, "hello");
    check_body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok");
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    let called = call(&["HTTP/1.0 200 OK\r\n\r\nhello"], 3).remove(0).unwrap();
    assert_eq!(called.1, "hello");
}

#[track_caller]
fn check_failure(answer: &str, kind: FailureKind, message: &str) {
    let error = call(&[answer], 4096).remove(0).unwrap_err();
    assert_eq!(error.kind, kind);
    assert!(error.message.contains(message), "{}", error.message);
}

#[test]
fn failures_are_told_apart() {
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 6\r\n\r\nwrong!";
    check_failure(refusal, FailureKind::Refused, "status 400: wrong!");
    let full = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nfull";
    check_failure(full, FailureKind::Overloaded, "status 503: full");
    let broken = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
    check_failure(broken, FailureKind::Server, "status 500");
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello";
    check_failure(short, FailureKind::Transport, "closed the connection");
    check_failure("hello\r\n\r\n", FailureKind::Transport, "no HTTP answer");
    let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    check_failure(chunk, FailureKind::Transport, "a chunk's size is \"zz\"");
}

#[test]
fn the_servers_timing_is_read() {
    let answer = "HTTP/1.1 200 OK\r\nserver-timing: queue;dur=1.5\r\ncontent-length: 0\r\n\r\n";
    let (called, _) = call(&[answer], 4096).remove(0).unwrap();
    assert_eq!(called.timing.unwrap().total, Duration::from_micros(1500));
}
