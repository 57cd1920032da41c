use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use tokio::time::Instant;

use crate::{
    fixture::{Behaviour, Fixture, Setup, eventually, pause},
    http_client::{Answer, Client, echo_binary, echo_json},
};

const INFER: &str = "POST /v2/models/echo/infer";
const CHUNKED: &str =
    "POST /v2/models/echo/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";

async fn call(fixture: &Fixture, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    Client::connect(fixture.http()).await.call(INFER, headers, body).await
}

/// The server still answers.
async fn check_lives(fixture: &Fixture) {
    let answer = call(fixture, &[], echo_json(&[1.0]).as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn small_bodies() -> Fixture {
    let mut setup = Setup::default();
    setup.options.http.body_bytes_max = 100_000;
    setup.start()
}

fn short_waits() -> Setup {
    let mut setup = Setup::default();
    setup.options.http.header_timeout = Duration::from_millis(300);
    setup.options.http.body_idle_timeout = Duration::from_millis(300);
    setup.options.http.keep_alive = Duration::from_millis(600);
    setup
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_at_once() {
    let fixture = small_bodies();
    let mut client = Client::connect(fixture.http()).await;
    client
        .send(format!("{INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: 100001\r\n\r\n"))
        .await
        .unwrap();
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert_eq!(
        answer.error(),
        "the body has 100001 bytes, the limit is 100000; the server's limit is raised with --http-max-input-size"
    );
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn a_client_that_sends_too_much_gets_to_read_its_answer() {
    let fixture = small_bodies();
    // More than the buffers of both sides hold: the answer comes while the client still sends.
    let body = vec![b'x'; 20 << 20];
    let answer = call(&fixture, &[], &body).await;
    assert_eq!(answer.status, 413);
    let mut client = Client::connect(fixture.http()).await;
    client.send(CHUNKED).await.unwrap();
    let chunk = [format!("{:x}\r\n", 1 << 20).as_bytes(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    for _ in 0..20 {
        client.send(&chunk).await.unwrap();
    }
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert!(answer.error().contains("--http-max-input-size"), "{answer:?}");
    check_lives(&fixture).await;
}

#[tokio::test]
async fn the_limit_itself_is_allowed() {
    let fixture = small_bodies();
    let json = echo_json(&[1.0]);
    let padding = " ".repeat(100_000 - json.len());
    let answer = call(&fixture, &[], (json.clone() + &padding).as_bytes()).await;
    assert_eq!(answer.status, 200);
    let answer = call(&fixture, &[], (json + &padding + " ").as_bytes()).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn a_tensor_that_grows_over_the_limit_is_refused() {
    let fixture = small_bodies();
    let body = format!(
        r#"{{"inputs":[{{"name":"INPUT","shape":[1,30000],"datatype":"FP32","data":[{}0]}}]}}"#,
        "0,".repeat(29_999)
    );
    assert!(body.len() < 100_000);
    let answer = call(&fixture, &[], body.as_bytes()).await;
    assert_eq!(answer.status, 413);
    assert_eq!(
        answer.error(),
        "inputs[0] `INPUT`: as FP32, `data` takes more than the 100000 bytes that are allowed; the server's limit is raised with --http-max-input-size"
    );
}

#[tokio::test]
async fn bombs_do_not_go_off() {
    let fixture = Fixture::start();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..512 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let before = resident_bytes();
    let answer = call(&fixture, &[("content-encoding", "gzip")], &bomb).await;
    assert_eq!(answer.status, 413);
    assert!(answer.error().contains("after decompression"), "{answer:?}");
    assert!(resident_bytes().saturating_sub(before) < 400 << 20);
    check_lives(&fixture).await;
}

/// Memory of this process, server and client together; 0 where it cannot be known.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// The body in chunks of one byte.
fn one_byte_chunks(body: &str) -> Vec<u8> {
    let mut chunks = Vec::new();
    for byte in body.bytes() {
        chunks.extend_from_slice(b"1\r\n");
        chunks.push(byte);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks
}

#[tokio::test]
async fn chunks_are_counted() {
    let fixture = Fixture::start();
    let json = echo_json(&[1.0]);
    let exactly = json.clone() + &" ".repeat(65_536 - json.len());
    let mut client = Client::connect(fixture.http()).await;
    client.send(CHUNKED).await.unwrap();
    client.send(one_byte_chunks(&exactly)).await.unwrap();
    client.send("0\r\n\r\n").await.unwrap();
    assert_eq!(client.answer().await.status, 200);

    let mut client = Client::connect(fixture.http()).await;
    client.send(CHUNKED).await.unwrap();
    // The answer comes long before the million is sent.
    client.send(one_byte_chunks(&" ".repeat(1_000_000))).await.unwrap();
    let answer = client.answer().await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.error(),
        "the body comes in more than 65536 chunks; send larger ones, or a Content-Length"
    );
    assert_eq!(answer.header("connection"), "close");
    check_lives(&fixture).await;
}

#[tokio::test]
async fn header_lengths_that_are_none() {
    let fixture = Fixture::start();
    let (good, body) = echo_binary(&[1.0], "");
    for bad in ["-1", "x", "1.0", "+5", "", "99999999999999999999999999"] {
        let answer = call(&fixture, &[("inference-header-content-length", bad)], &body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.error().starts_with("Inference-Header-Content-Length is `"), "{answer:?}");
    }
    let over = (body.len() + 1).to_string();
    let answer = call(&fixture, &[("inference-header-content-length", &over)], &body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.error().contains("the body has only"), "{answer:?}");
    assert_eq!(
        call(&fixture, &[("inference-header-content-length", &good)], &body).await.status,
        200
    );
}

#[tokio::test]
async fn malformed_requests() {
    let fixture = Fixture::start();
    for body in [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "{\"inputs\":[{}]}",
        "{\"inputs\":[]}x",
        "\u{0}",
        "\u{feff}{}",
        r#"{"inputs":[{"name":"INPUT","shape":[1,17],"datatype":"FP32","data":[1]}]}"#,
        r#"{"inputs":[{"name":"INPUT","shape":[9223372036854775807,9223372036854775807],"datatype":"FP32","data":[1]}]}"#,
        r#"{"inputs":[{"name":"INPUT","shape":[1,-1],"datatype":"FP32","data":[1]}]}"#,
        r#"{"inputs":[{"name":"INPUT","shape":[1,4611686018427387904],"datatype":"FP32","parameters":{"binary_data_size":18446744073709551615}}]}"#,
        r#"{"inputs":[{"name":"INPUT","shape":[1,1],"datatype":"FP32","data":[1]},{"name":"INPUT","shape":[1,1],"datatype":"FP32","data":[1]}]}"#,
        r#"{"inputs":[],"outputs":[{"name":"OUTPUT"},{"name":"OUTPUT"}]}"#,
        r#"{"inputs":[],"parameters":{"triton_x":1}}"#,
    ] {
        let answer = call(&fixture, &[], body.as_bytes()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.error().is_empty());
    }
    let deep = format!(r#"{{"inputs":{}"#, "[".repeat(1_000_000));
    assert_eq!(call(&fixture, &[], deep.as_bytes()).await.status, 400);
    let deep = format!(r#"{{"parameters":{}"#, r#"{"a":"#.repeat(1_000_000));
    assert_eq!(call(&fixture, &[], deep.as_bytes()).await.status, 400);
    check_lives(&fixture).await;
}

#[tokio::test]
async fn what_is_no_http() {
    let fixture = Fixture::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\nbad header\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = Client::connect(fixture.http()).await;
        client.send(bytes).await.unwrap();
        if let Some(answer) = client.next_answer().await {
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
        assert!(client.is_closed().await);
    }
    let mut client = Client::connect(fixture.http()).await;
    let many: String = (0..200).map(|index| format!("x-{index}: y\r\n")).collect();
    client.send(format!("GET /v2 HTTP/1.1\r\n{many}\r\n")).await.unwrap();
    assert_eq!(client.answer().await.status, 431);
    let mut client = Client::connect(fixture.http()).await;
    client.send(format!("GET /v2 HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000))).await.unwrap();
    assert_eq!(client.answer().await.status, 431);
    let mut client = Client::connect(fixture.http()).await;
    client.send(format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(65_000))).await.unwrap();
    assert!(matches!(client.answer().await.status, 404 | 414 | 431));
    check_lives(&fixture).await;
}

#[tokio::test]
async fn headers_that_never_end() {
    let fixture = short_waits().start();
    let start = Instant::now();
    let mut silent = Client::connect(fixture.http()).await;
    let mut slow = Client::connect(fixture.http()).await;
    slow.send("GET /v2 HTTP/1.1\r\nx").await.unwrap();
    // One byte now and then is no headers.
    while start.elapsed() < Duration::from_secs(5) && slow.send("y").await.is_ok() {
        pause(Duration::from_millis(20)).await;
    }
    assert!(slow.is_closed().await);
    assert!(silent.is_closed().await);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn idle_connections_are_kept_for_a_while() {
    let fixture = short_waits().start();
    let mut client = Client::connect(fixture.http()).await;
    for _ in 0..3 {
        assert_eq!(client.call("GET /v2", &[], b"").await.status, 200);
        // Longer than headers may take, shorter than a connection may be idle.
        pause(Duration::from_millis(400)).await;
    }
    assert!(client.is_closed().await);
    // Half a request is under the limit for headers again.
    let mut client = Client::connect(fixture.http()).await;
    assert_eq!(client.call("GET /v2", &[], b"").await.status, 200);
    let start = Instant::now();
    client.send("GET /v2 HT").await.unwrap();
    assert!(client.is_closed().await);
    assert!(start.elapsed() < Duration::from_millis(600), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_body_that_stops_is_answered() {
    let fixture = short_waits().start();
    let mut client = Client::connect(fixture.http()).await;
    client
        .send(format!("{INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{"))
        .await
        .unwrap();
    let answer = client.answer().await;
    assert_eq!((answer.status, &*answer.error()), (408, "nothing of the body arrived for 0.3 s"));
    assert_eq!(answer.header("connection"), "close");
    // A body that goes on, slowly, is fine.
    let mut client = Client::connect(fixture.http()).await;
    let body = echo_json(&[1.0]);
    client
        .send(format!("{INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len()))
        .await
        .unwrap();
    for piece in body.as_bytes().chunks(20) {
        pause(Duration::from_millis(100)).await;
        client.send(piece).await.unwrap();
    }
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn slow_models_are_waited_for() {
    let fixture = short_waits().start();
    fixture.controls.set(Behaviour::Delay(Duration::from_millis(1500)));
    check_lives(&fixture).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let fixture = short_waits().start();
    let mut client = Client::connect(fixture.http()).await;
    let (header_length, body) = echo_binary(&vec![1.0; 2_000_000], r#""binary_data_output":true"#);
    let head = format!(
        "{INFER} HTTP/1.1\r\nhost: x\r\ninference-header-content-length: {header_length}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..4 {
        // The server stops reading when it cannot write.
        let sent = client.send([head.as_bytes(), &body].concat());
        if !matches!(tokio::time::timeout(Duration::from_secs(1), sent).await, Ok(Ok(()))) {
            break;
        }
    }
    let start = Instant::now();
    while client.send("x").await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(5), "it is still connected");
        pause(Duration::from_millis(50)).await;
    }
    check_lives(&fixture).await;
}

#[tokio::test]
async fn broken_off_bodies_leave_nothing() {
    let fixture = Fixture::start();
    for _ in 0..50 {
        let mut client = Client::connect(fixture.http()).await;
        client
            .send(format!("{INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc"))
            .await
            .unwrap();
        drop(client);
    }
    let repository = fixture.repository.clone();
    eventually(move || repository.in_flight() == 0).await;
    check_lives(&fixture).await;
}

#[tokio::test]
async fn connections_are_counted() {
    let mut setup = Setup::default();
    setup.options.http.connections_max = 2;
    let fixture = setup.start();
    let mut first = Client::connect(fixture.http()).await;
    let mut second = Client::connect(fixture.http()).await;
    assert_eq!(first.call("GET /v2", &[], b"").await.status, 200);
    assert_eq!(second.call("GET /v2", &[], b"").await.status, 200);
    let mut third = Client::connect(fixture.http()).await;
    assert_eq!(third.answer().await.status, 503);
    assert!(third.is_closed().await);
    drop(first);
    let status = async || {
        let mut client = Client::connect(fixture.http()).await;
        // The refusal may come before the request is sent.
        let _ = client.send("GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n").await;
        client.next_answer().await.map(|answer| answer.status)
    };
    let mut tries = 0;
    while status().await != Some(200) {
        tries += 1;
        assert!(tries < 100, "the place is not given back");
        pause(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn expectations_are_met_only_if_the_body_is_wanted() {
    let fixture = small_bodies();
    let mut client = Client::connect(fixture.http()).await;
    let body = echo_json(&[1.0]);
    let head = |path: &str, len: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {len}\r\n\r\n"
        )
    };
    client.send(head("/v2/models/echo/infer", body.len())).await.unwrap();
    assert_eq!(client.answer().await.status, 100);
    client.send(&body).await.unwrap();
    assert_eq!(client.answer().await.status, 200);
    client.send(head("/v2/models/echo/infer", 100_001)).await.unwrap();
    assert_eq!(client.answer().await.status, 413);
    let mut client = Client::connect(fixture.http()).await;
    client.send(head("/v2/models/none/infer", 10)).await.unwrap();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (404, "close"));
}
