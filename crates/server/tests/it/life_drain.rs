use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::grpc::ServerLiveRequest;
use server::{Options, Server, StartError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    fixture::{Behaviour, ECHO, Fixture, LogRecorder, Setup, eventually, http_get, pause},
    grpc_client::{client, echo_request},
};

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_flag() {
    let fixture = Fixture::start();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = Options::new(Arc::new(LogRecorder::default()));
    (options.http_port, options.metrics_port) = (None, None);
    options.grpc_port = Some(taken.local_addr().unwrap().port());
    let error = Server::start(Arc::clone(&fixture.repository), options).unwrap_err();
    assert!(matches!(error, StartError::Bind { .. }));
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:") && text.contains("--grpc-port"), "{text}");
}

#[tokio::test]
async fn fronts_that_are_off_do_not_listen() {
    let mut setup = Setup::default();
    (setup.options.http_port, setup.options.metrics_port) = (None, None);
    let fixture = setup.start();
    client(fixture.grpc()).await.server_live(ServerLiveRequest {}).await.unwrap();
    fixture.shutdown().await;
}

#[tokio::test]
async fn in_the_grace_time_the_server_is_not_ready_but_accepts() {
    let mut setup = Setup::default();
    setup.options.grace = Duration::from_millis(400);
    let fixture = setup.start();
    let (grpc, metrics) = (fixture.grpc(), fixture.metrics());
    let repository = fixture.repository.clone();
    assert_eq!(http_get(metrics, "/v2/health/ready").await.status, 200);
    let shutdown = tokio::spawn(fixture.shutdown());
    eventually(move || repository.readiness().is_err()).await;
    assert_eq!(http_get(metrics, "/v2/health/ready").await.status, 400);
    let mut late = client(grpc).await;
    late.model_infer(echo_request("", 1, &[1.0])).await.unwrap();
    assert!(!shutdown.is_finished());
    shutdown.await.unwrap();
    assert!(TcpStream::connect(grpc).await.is_err());
    assert!(TcpStream::connect(metrics).await.is_err());
}

#[tokio::test]
async fn what_is_in_flight_is_answered() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let controls = fixture.controls.clone();
    let mut client = client(fixture.grpc()).await;
    let infer = tokio::spawn(async move { client.model_infer(echo_request("x", 1, &[1.0])).await });
    fixture.until_in_flight(1).await;
    let shutdown = tokio::spawn(fixture.shutdown());
    pause(Duration::from_millis(100)).await;
    assert!(!shutdown.is_finished());
    controls.set(Behaviour::Echo);
    assert_eq!(infer.await.unwrap().unwrap().into_inner().id, "x");
    assert_eq!(shutdown.await.unwrap().dropped_requests, 0);
}

#[tokio::test]
async fn what_does_not_end_is_dropped_when_the_time_is_over() {
    let mut setup = Setup::default();
    setup.options.exit_timeout = Duration::from_millis(100);
    let fixture = setup.start();
    fixture.controls.set(Behaviour::Hold);
    let controls = fixture.controls.clone();
    let mut client = client(fixture.grpc()).await;
    let infer = tokio::spawn(async move { client.model_infer(echo_request("", 1, &[1.0])).await });
    fixture.until_in_flight(1).await;
    assert_eq!(fixture.shutdown().await.dropped_requests, 1);
    infer.await.unwrap().unwrap_err();
    controls.set(Behaviour::Echo);
}

/// Sends one request after another until the server is gone; returns how many were answered.
async fn load(address: std::net::SocketAddr, stop: Arc<AtomicBool>) -> u64 {
    let mut client = client(address).await;
    let mut answered = 0;
    while !stop.load(Ordering::Acquire) {
        match client.model_infer(echo_request("", 1, &[1.0; 16])).await {
            Ok(_) => answered += 1,
            // After the end; whether a request was lost shows in the count.
            Err(_) => pause(Duration::from_millis(1)).await,
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_under_load_loses_nothing() {
    let mut setup = Setup::default();
    setup.options.grace = Duration::from_millis(100);
    let fixture = setup.start();
    fixture.controls.set(Behaviour::Delay(Duration::from_millis(1)));
    let repository = fixture.repository.clone();
    let model = repository.model(ECHO, "").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..32).map(|_| tokio::spawn(load(fixture.grpc(), stop.clone()))).collect();
    let busy = model.clone();
    eventually(move || busy.statistics().success.count > 200).await;
    let report = fixture.shutdown().await;
    stop.store(true, Ordering::Release);
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    let statistics = model.statistics();
    assert_eq!(report.dropped_requests, 0);
    assert_eq!(answered, statistics.success.count, "each request that was run was answered");
    assert_eq!(statistics.fail.count, 0, "each request that was taken was run");
}

/// Asks on one connection after another until the server takes no more; an error if a connection
/// that was made got no answer.
async fn connect_and_ask(address: std::net::SocketAddr) -> std::io::Result<u64> {
    let mut answered = 0;
    while let Ok(mut stream) = TcpStream::connect(address).await {
        stream.write_all(b"GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
        answered += 1;
    }
    Ok(answered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_a_client_has_is_served() {
    for _ in 0..2 {
        let fixture = Fixture::start();
        let http = fixture.http();
        let clients: Vec<_> = (0..16).map(|_| tokio::spawn(connect_and_ask(http))).collect();
        pause(Duration::from_millis(50)).await;
        assert_eq!(fixture.shutdown().await.dropped_requests, 0);
        for client in clients {
            assert!(client.await.unwrap().unwrap() > 0);
        }
    }
}
