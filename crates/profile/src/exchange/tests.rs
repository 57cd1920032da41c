use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use super::{BareExchanges, Connection, mean};
use crate::clock::pause;

/// Answers so many requests of one connection with `reply`.
fn server(reply: &'static [u8], requests: usize) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        for _ in 0..requests {
            if stream.read(&mut request).unwrap_or(0) == 0 {
                return;
            }
            stream.write_all(reply).unwrap();
        }
    });
    address
}

#[test]
fn exchanges_go_on_until_they_are_ended() {
    let address = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", usize::MAX);
    let exchanges = BareExchanges::start(address).unwrap();
    pause(Duration::from_millis(50));
    let mean = exchanges.end().unwrap();
    assert!(mean > Duration::ZERO && mean < Duration::from_secs(1), "{mean:?}");
}

#[test]
fn a_server_that_refuses_or_leaves_is_an_error() {
    let refused = Connection::new(server(b"HTTP/1.1 503 Busy\r\n\r\n", 1)).map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "the server said HTTP/1.1 503 Busy");
    let exchanges = BareExchanges::start(server(b"HTTP/1.1 200 OK\r\n\r\n", 1)).unwrap();
    pause(Duration::from_millis(20));
    exchanges.end().unwrap_err();
}

#[test]
fn nothing_took_no_time() {
    assert_eq!(mean(&[]), Duration::ZERO);
    assert_eq!(
        mean(&[Duration::from_micros(1), Duration::from_micros(3)]),
        Duration::from_micros(2)
    );
}
