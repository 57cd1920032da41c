use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    fixture::{Behaviour, ECHO, Fixture, Setup, eventually, pause},
    http_client::{Client, echo_json},
};

const INFER: &str = "POST /v2/models/echo/infer";

#[tokio::test]
async fn what_is_in_flight_is_answered_and_the_connection_ends() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let (controls, repository) = (fixture.controls.clone(), fixture.repository.clone());
    let mut idle = Client::connect(fixture.http()).await;
    assert_eq!(idle.call("GET /v2", &[], b"").await.status, 200);
    let address = fixture.http();
    let infer = tokio::spawn(async move {
        let mut client = Client::connect(address).await;
        let answer = client.call(INFER, &[], echo_json(&[1.0]).as_bytes()).await;
        (answer, client.is_closed().await)
    });
    eventually(move || repository.in_flight() == 1).await;
    let shutdown = tokio::spawn(fixture.shutdown());
    assert!(idle.is_closed().await);
    assert!(!shutdown.is_finished());
    controls.set(Behaviour::Echo);
    let (answer, is_closed) = infer.await.unwrap();
    assert_eq!((answer.status, answer.header("connection"), is_closed), (200, "close", true));
    assert_eq!(shutdown.await.unwrap().dropped_requests, 0);
}

#[tokio::test]
async fn connections_that_come_late_are_served_once() {
    let mut setup = Setup::default();
    setup.options.grace = Duration::from_millis(300);
    let fixture = setup.start();
    let repository = fixture.repository.clone();
    let mut early = Client::connect(fixture.http()).await;
    let address = fixture.http();
    let shutdown = tokio::spawn(fixture.shutdown());
    eventually(move || repository.readiness().is_err()).await;
    let answer = early.call(INFER, &[], echo_json(&[1.0]).as_bytes()).await;
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    // Connected in the grace time, asked after it.
    let mut late = Client::connect(address).await;
    pause(Duration::from_millis(400)).await;
    let answer = late.call(INFER, &[], echo_json(&[1.0]).as_bytes()).await;
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    assert_eq!(shutdown.await.unwrap().dropped_requests, 0);
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_hold_up_the_end() {
    let fixture = Fixture::start();
    let mut silent = Client::connect(fixture.http()).await;
    let end = tokio::time::timeout(Duration::from_secs(5), fixture.shutdown());
    assert_eq!(end.await.expect("it ends").dropped_requests, 0);
    assert!(silent.is_closed().await);
}

/// Sends one request after another, on a connection as long as it lasts, until the server is gone.
/// Returns how many were answered, and how many were sent and not answered.
async fn load(address: SocketAddr, stop: Arc<AtomicBool>) -> (u64, u64) {
    let (mut answered, mut lost) = (0, 0);
    let body = echo_json(&[1.0; 16]);
    let request =
        format!("{INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    while !stop.load(Ordering::Acquire) {
        let Ok(mut client) = Client::try_connect(address).await else {
            pause(Duration::from_millis(1)).await;
            continue;
        };
        loop {
            if client.send(&request).await.is_err() {
                break;
            }
            let Some(answer) = client.next_answer().await else {
                lost += 1;
                break;
            };
            assert_eq!(answer.status, 200);
            answered += 1;
            if answer.header("connection") == "close" {
                break;
            }
        }
    }
    (answered, lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_under_load_loses_nothing() {
    let mut setup = Setup::default();
    setup.options.grace = Duration::from_millis(200);
    let fixture = setup.start();
    fixture.controls.set(Behaviour::Delay(Duration::from_millis(1)));
    let model = fixture.repository.model(ECHO, "").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..32).map(|_| tokio::spawn(load(fixture.http(), stop.clone()))).collect();
    let busy = model.clone();
    eventually(move || busy.statistics().success.count > 200).await;
    let report = fixture.shutdown().await;
    stop.store(true, Ordering::Release);
    let (mut answered, mut lost) = (0, 0);
    for client in clients {
        let (client_answered, client_lost) = client.await.unwrap();
        (answered, lost) = (answered + client_answered, lost + client_lost);
    }
    assert_eq!(report.dropped_requests, 0);
    assert_eq!(lost, 0, "each request that was sent was answered");
    assert_eq!(answered, model.statistics().success.count, "and nothing else was run");
}
