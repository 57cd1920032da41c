use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::{
    exposition::Page,
    fixture::{Behaviour, ECHO, Fixture, Setup, eventually, http_get},
    generator::GENERATOR,
    grpc_client::{client, echo_request, raw_request},
};

const LABELS: [(&str, &str); 3] = [("model", ECHO), ("version", "1"), ("team", "test")];

fn with<'a>(label: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    LABELS.into_iter().chain([label]).collect()
}

async fn page(fixture: &Fixture) -> Page {
    let answer = http_get(fixture.metrics(), "/metrics").await;
    assert_eq!(answer.status, 200);
    let head = answer.head.to_ascii_lowercase();
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    Page::parse(&answer.body)
}

#[tokio::test]
async fn metrics_say_what_statistics_say() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    for rows in [1, 2, 2, 8] {
        client.model_infer(echo_request("", rows, &vec![1.0; rows])).await.unwrap();
    }
    client.model_infer(echo_request("", 9, &[1.0; 9])).await.unwrap_err();
    fixture.controls.set(Behaviour::Fail);
    client.model_infer(echo_request("", 1, &[1.0])).await.unwrap_err();

    let statistics = fixture.repository.model(ECHO, "").unwrap().statistics();
    let page = page(&fixture).await;
    let value = |name: &str| page.value(name, &LABELS);
    let micros = |stat: serving::DurationStat| (stat.ns / 1000) as f64;
    assert_eq!(value("nv_inference_request_success"), 4.0);
    assert_eq!(value("nv_inference_count"), statistics.inference_count as f64);
    assert_eq!(value("nv_inference_exec_count"), statistics.execution_count as f64);
    assert_eq!(value("nv_inference_request_duration_us"), micros(statistics.success));
    assert_eq!(value("nv_inference_queue_duration_us"), micros(statistics.queue));
    assert_eq!(value("nv_inference_compute_infer_duration_us"), micros(statistics.compute_infer));
    assert_eq!(value("nv_inference_pending_request_count"), 0.0);
    assert_eq!(value("hone_request_duration_seconds_count"), 4.0);
    assert_eq!(value("hone_batch_size_sum"), statistics.batch_rows.sum);
    assert_eq!(page.value("nv_inference_request_failure", &with(("reason", "OTHER"))), 1.0);
    assert_eq!(page.value("nv_inference_request_failure", &with(("reason", "BACKEND"))), 1.0);
    assert_eq!(page.value("hone_requests_rejected_total", &with(("reason", "invalid"))), 1.0);
    assert_eq!(page.value("hone_instances", &with(("state", "idle"))), 2.0);
    let reasons = &page.families["hone_batches_total"].samples;
    let batches: f64 = reasons
        .iter()
        .filter(|sample| sample.labels["model"] == ECHO)
        .map(|sample| sample.value)
        .sum();
    assert_eq!(batches, statistics.batch_reasons.iter().sum::<u64>() as f64);
}

#[tokio::test]
async fn queued_and_busy_can_be_seen() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let client = client(fixture.grpc()).await;
    let requests: Vec<_> = (0..5)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.model_infer(echo_request("", 8, &[1.0; 8])).await })
        })
        .collect();
    let repository = fixture.repository.clone();
    eventually(move || {
        let statistics = repository.model(ECHO, "").unwrap().statistics();
        statistics.pending == 3 && statistics.instances.busy == 2
    })
    .await;
    let page = page(&fixture).await;
    assert_eq!(page.value("nv_inference_pending_request_count", &LABELS), 3.0);
    assert_eq!(page.value("hone_instances", &with(("state", "busy"))), 2.0);
    assert_eq!(page.value("hone_requests_in_flight", &[]), 5.0);
    assert_eq!(page.value("hone_ready", &[]), 1.0);
    fixture.controls.set(Behaviour::Echo);
    for request in requests {
        request.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_process_and_the_machine_are_measured() {
    let fixture = Fixture::start();
    let page = page(&fixture).await;
    if cfg!(target_os = "linux") {
        assert!(page.value("process_resident_memory_bytes", &[]) > 1e6);
        assert!(page.value("nv_cpu_memory_total_bytes", &[]) > 1e8);
        assert!((0.0..=1.0).contains(&page.value("nv_cpu_utilization", &[])));
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(page.value("hone_build_info", &[("version", version)]), 1.0);
}

#[tokio::test]
async fn models_that_generate_have_families_of_their_own() {
    let setup = Setup { generates: true, ..Setup::default() };
    let fixture = setup.start();
    let labels =
        [("model", GENERATOR), ("version", "1"), ("model_name", GENERATOR), ("engine", "0")];
    let before = page(&fixture).await;
    assert_eq!(before.value("vllm:num_requests_waiting", &labels), 1.0);
    assert_eq!(before.value("vllm:kv_cache_usage_perc", &labels), 0.25);
    let asked = raw_request(GENERATOR, "", "PROMPT", "INT32", &[3], [0; 12].to_vec().into());
    client(fixture.grpc()).await.model_infer(asked).await.unwrap();
    let after = page(&fixture).await;
    let gained = |name| after.value(name, &labels) - before.value(name, &labels);
    assert_eq!(gained("vllm:prompt_tokens_total"), 3.0);
    assert_eq!(gained("vllm:generation_tokens_total"), 1.0);
    assert_eq!(gained("vllm:prefix_cache_queries_total"), 3.0);
    assert_eq!(after.families["vllm:num_requests_running"].samples.len(), 1);
}

#[tokio::test]
async fn without_such_a_model_they_are_not_there() {
    let page = page(&Fixture::start()).await;
    assert!(page.families.keys().all(|name| !name.starts_with("vllm:")));
}

#[tokio::test]
async fn scrapes_leave_nothing_behind() {
    let fixture = Fixture::start();
    let first = http_get(fixture.metrics(), "/metrics").await.body.lines().count();
    for _ in 0..20 {
        http_get(fixture.metrics(), "/metrics/").await;
    }
    let last = http_get(fixture.metrics(), "/metrics").await.body.lines().count();
    assert_eq!(first, last);
}

#[tokio::test]
async fn health_is_there_too_and_nothing_else() {
    let fixture = Fixture::start();
    let status = async |path| http_get(fixture.metrics(), path).await.status;
    assert_eq!(status("/v2/health/live").await, 200);
    assert_eq!(status("/v2/health/ready").await, 200);
    fixture.repository.begin_drain();
    assert_eq!(status("/v2/health/live").await, 200);
    assert_eq!(status("/v2/health/ready").await, 400);
    assert_eq!(status("/v2").await, 404);
}

#[test]
fn metrics_answer_while_the_runtime_is_stuck() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let fixture = Fixture::start();
        // This blocks the only thread of the front ends' runtime.
        let mut stream = TcpStream::connect(fixture.metrics()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    });
}
