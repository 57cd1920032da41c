use serde_json::{Value, json};
use serving::ControlMode;

use crate::{
    fixture::{Fixture, Setup},
    http_client::{Answer, Client, echo_json},
};

async fn call(fixture: &Fixture, head: &str, body: &str) -> Answer {
    Client::connect(fixture.http()).await.call(head, &[], body.as_bytes()).await
}

async fn get(fixture: &Fixture, path: &str) -> Value {
    let answer = call(fixture, &format!("GET {path}"), "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

#[tokio::test]
async fn health() {
    let fixture = Fixture::start();
    let status = async |path: &str| {
        let answer = call(&fixture, &format!("GET {path}"), "").await;
        (answer.status, answer.body.len())
    };
    assert_eq!(status("/v2/health/live").await, (200, 0));
    assert_eq!(status("/v2/health/ready").await, (200, 0));
    assert_eq!(status("/v2/models/echo/ready").await, (200, 0));
    assert_eq!(status("/v2/models/echo/versions/1/ready").await, (200, 0));
    let none = call(&fixture, "GET /v2/models/none/ready", "").await;
    assert_eq!((none.status, &*none.error()), (400, "Model version not ready"));
    fixture.repository.begin_drain();
    assert_eq!(status("/v2/health/live").await, (200, 0));
    assert_eq!(status("/v2/health/ready").await, (400, 0));
}

#[tokio::test]
async fn metadata() {
    let fixture = Fixture::start();
    let server = get(&fixture, "/v2").await;
    assert_eq!(
        (&server["name"], &server["version"]),
        (&json!("hone"), &json!(env!("CARGO_PKG_VERSION")))
    );
    assert!(server["extensions"].as_array().unwrap().contains(&json!("binary_tensor_data")));
    let expected = json!({
        "name": "echo", "versions": ["1"], "platform": "fake_platform",
        "inputs": [{"name": "INPUT", "datatype": "FP32", "shape": [-1, -1]}],
        "outputs": [{"name": "OUTPUT", "datatype": "FP32", "shape": [-1, -1]}],
    });
    let model = get(&fixture, "/v2/models/echo").await;
    assert_eq!(model["inputs"], expected["inputs"]);
    assert_eq!(model["outputs"], expected["outputs"]);
    assert_eq!((&model["name"], &model["versions"]), (&expected["name"], &expected["versions"]));
    assert_eq!(get(&fixture, "/v2/models/echo/versions/1").await, model);
}

#[tokio::test]
async fn configuration() {
    let fixture = Fixture::start();
    let config = get(&fixture, "/v2/models/echo/config").await;
    assert_eq!(config["max_batch_size"], 8);
    assert_eq!(config["input"][0]["data_type"], "TYPE_FP32");
    assert_eq!(config["dynamic_batching"]["preserve_ordering"], false);
}

#[tokio::test]
async fn statistics() {
    let fixture = Fixture::start();
    for _ in 0..3 {
        call(&fixture, "POST /v2/models/echo/infer", &echo_json(&[1.0])).await;
    }
    let stats = get(&fixture, "/v2/models/echo/stats").await;
    let model = &stats["model_stats"][0];
    assert_eq!((&model["name"], &model["version"]), (&json!("echo"), &json!("1")));
    assert_eq!(model["inference_stats"]["success"]["count"], 3);
    assert_eq!(model["inference_count"], 3);
    assert_eq!(
        get(&fixture, "/v2/models/echo/versions/1/stats").await["model_stats"][0]["inference_count"],
        3
    );
    let all = get(&fixture, "/v2/models/stats").await;
    assert_eq!(all["model_stats"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn index() {
    let fixture = Fixture::start();
    let expected = json!([
        {"name": "echo", "version": "1", "state": "READY", "reason": ""},
        {"name": "types", "version": "1", "state": "READY", "reason": ""},
    ]);
    for body in ["", "{}", r#"{"ready":true}"#, r#"{"ready":false}"#] {
        let answer = call(&fixture, "POST /v2/repository/index", body).await;
        assert_eq!(answer.json(), expected, "{body}");
    }
    let answer = call(&fixture, "POST /v2/repository/index", &"[".repeat(100_000)).await;
    assert_eq!(answer.status, 400);
    let answer = call(&fixture, "POST /v2/repository/other/index", "").await;
    assert_eq!(
        (answer.status, &*answer.error()),
        (501, "'repository_name' specification is not supported")
    );
}

#[tokio::test]
async fn load_and_unload() {
    let control = ControlMode::Explicit(vec![]);
    let fixture = Setup { control, ..Setup::default() }.start();
    let infer = "POST /v2/models/echo/infer";
    assert_eq!(call(&fixture, infer, &echo_json(&[1.0])).await.status, 404);
    let answer = call(&fixture, "POST /v2/repository/models/echo/load", "").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{answer:?}");
    assert_eq!(call(&fixture, infer, &echo_json(&[1.0])).await.status, 200);

    let config = r#"{"parameters":{"config":"{\"backend\":\"fake\",\"max_batch_size\":4,\"input\":[{\"name\":\"INPUT\",\"data_type\":\"TYPE_FP32\",\"dims\":[-1]}],\"output\":[{\"name\":\"OUTPUT\",\"data_type\":\"TYPE_FP32\",\"dims\":[-1]}]}"}}"#;
    let answer = call(&fixture, "POST /v2/repository/models/echo/load", config).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(get(&fixture, "/v2/models/echo/config").await["max_batch_size"], 4);

    let bad = r#"{"parameters":{"config":"{\"max_batchsize\":4}"}}"#;
    let answer = call(&fixture, "POST /v2/repository/models/echo/load", bad).await;
    assert_eq!(answer.status, 400);
    assert!(answer.error().contains("did you mean `max_batch_size`?"), "{answer:?}");

    let answer = call(
        &fixture,
        "POST /v2/repository/models/echo/unload",
        r#"{"parameters":{"unload_dependents":true}}"#,
    )
    .await;
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{answer:?}");
    assert_ne!(call(&fixture, infer, &echo_json(&[1.0])).await.status, 200);
}

#[tokio::test]
async fn loading_is_for_explicit_control() {
    let fixture = Fixture::start();
    for path in ["load", "unload"] {
        let answer = call(&fixture, &format!("POST /v2/repository/models/echo/{path}"), "").await;
        assert_eq!(answer.status, 503, "{answer:?}");
    }
}

#[tokio::test]
async fn logging() {
    let fixture = Fixture::start();
    let before = get(&fixture, "/v2/logging").await;
    let expected = json!({"log_file": "", "log_info": true, "log_warning": true, "log_error": true,
        "log_verbose_level": 0, "log_format": "default"});
    assert_eq!(before, expected);
    let answer =
        call(&fixture, "POST /v2/logging", r#"{"log_info":false,"log_verbose_level":1}"#).await;
    assert_eq!(answer.json()["log_info"], false);
    assert_eq!(get(&fixture, "/v2/logging").await["log_verbose_level"], 1);
    for (body, error) in [
        (r#"{"log_info":1}"#, "expect log setting 'log_info' to be a boolean"),
        (
            r#"{"log_verbose_level":-1}"#,
            "log setting 'log_verbose_level' takes true, false, a string or a whole number of 0 or more",
        ),
        (
            r#"{"log_file":"x"}"#,
            "log_file can not be updated: the log location is fixed when the server starts",
        ),
        (r#"{"x":true}"#, "Unknown log setting: 'x'"),
    ] {
        let answer = call(&fixture, "POST /v2/logging", body).await;
        assert_eq!((answer.status, &*answer.error()), (400, error));
    }
}

#[tokio::test]
async fn paths_that_are_not_there() {
    let fixture = Fixture::start();
    for path in [
        "/x",
        "/v2/",
        "/v3",
        "/v2/health",
        "/v2/models",
        "/v2/models/",
        "/v2/models/echo/",
        "/v2/models/echo/x",
        "/v2/models/echo/versions",
        "/v2/models/echo/versions/",
        "/v2/models/echo/versions/a",
        "/v2/models/echo/versions/1/x",
        "/v2/repository",
        "/metrics",
    ] {
        let answer = call(&fixture, &format!("GET {path}"), "").await;
        assert_eq!((answer.status, &*answer.error()), (404, "Not Found"), "{path}");
    }
    for (call_head, allow) in [
        ("POST /v2/health/live", "GET"),
        ("GET /v2/models/echo/infer", "POST"),
        ("DELETE /v2/models/echo", "GET"),
        ("GET /v2/repository/index", "POST"),
        ("PUT /v2/logging", "GET, POST"),
    ] {
        let answer = call(&fixture, call_head, "").await;
        assert_eq!((answer.status, &*answer.error()), (405, "Method Not Allowed"), "{call_head}");
        assert_eq!(answer.header("allow"), allow);
    }
    for path in ["GET /v2/systemsharedmemory/status", "POST /v2/cudasharedmemory/region/r/register"]
    {
        let answer = call(&fixture, path, "").await;
        assert_eq!(answer.status, 501, "{path}");
        assert!(answer.error().contains("not supported"), "{answer:?}");
    }
}
