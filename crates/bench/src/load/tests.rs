use std::{net::SocketAddr, time::Duration};

use loadgen::Random;
use tokio::net::TcpListener;

use super::{Load, OpenLoad, Target, closed_loop, open_loop};
use crate::{
    floor,
    payload::{Payload, Protocol},
};

/// A floor server on a thread that ends with the test's process.
fn start_floor(protocol: Protocol) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            match protocol {
                Protocol::Grpc => floor::serve_grpc(listener).await.unwrap(),
                _ => floor::serve_http(listener, None).await.unwrap(),
            }
        });
    });
    address
}

const LOAD: Load = Load {
    connections: 3,
    warm_up: Duration::ZERO,
    window: Duration::from_millis(100),
    answers_min: 1,
};

fn target(payload: &Payload, protocol: Protocol) -> Target<'_> {
    Target { address: start_floor(protocol), process: std::process::id(), payload, protocol }
}

#[track_caller]
fn check_closed_loop(protocol: Protocol, shape: &[usize]) {
    let payload = Payload::identity("m", shape, &mut Random::new(1));
    let sample = closed_loop(&target(&payload, protocol), &LOAD).unwrap();
    assert!(sample.requests > 0 && sample.p50_ms > 0.0, "{sample:?}");
}

#[test]
fn the_floor_echoes_over_every_protocol() {
    for protocol in Protocol::ALL {
        check_closed_loop(protocol, &[1, 16]);
        check_closed_loop(protocol, &[1, 3, 64, 64]);
    }
}

#[test]
fn a_wrong_answer_fails_the_measurement() {
    for protocol in Protocol::ALL {
        let mut payload = Payload::identity("m", &[1, 16], &mut Random::new(1));
        payload.expected.values[7] += 0.5;
        let error = format!("{:#}", closed_loop(&target(&payload, protocol), &LOAD).unwrap_err());
        assert!(error.contains("element 7"), "{error}");
    }
}

#[test]
fn an_open_loop_answers_what_was_due() {
    let payload = Payload::identity("m", &[1, 16], &mut Random::new(1));
    let load = OpenLoad {
        rate: 500.0,
        connections: 4,
        warm_up: Duration::ZERO,
        window: Duration::from_millis(200),
        seed: 5,
    };
    let sample = open_loop(&target(&payload, Protocol::Binary), &load).unwrap();
    // 100 are due on average.
    assert!((60..140).contains(&sample.requests), "{sample:?}");
}
