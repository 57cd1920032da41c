//! Trace settings over both protocols, and the files that they lead to.

use std::{collections::BTreeMap, fs, path::PathBuf};

use protocol::grpc::{TraceSettingRequest, trace_setting_request::SettingValue};
use serde_json::{Value, json};
use server::{ControlToken, TraceLevel, TraceOptions};
use tonic::{Code, Status};

use crate::{
    fixture::{Fixture, Setup},
    grpc_client::{Client as GrpcClient, client, echo_request},
    http_client::{Answer, Client, echo_json},
};

const ALL: &str = "/v2/trace/setting";
const ECHO: &str = "/v2/models/echo/trace/setting";

struct Server {
    fixture: Fixture,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(level: TraceLevel) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut setup = Setup::default();
        setup.options.trace = TraceOptions {
            file: Some(folder.path().join("trace.json")),
            level,
            rate: 1,
            ..TraceOptions::default()
        };
        Self { fixture: setup.start(), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("trace.json")
    }

    async fn get(&self, path: &str) -> Answer {
        let mut client = Client::connect(self.fixture.http()).await;
        client.call(&format!("GET {path}"), &[], b"").await
    }

    async fn post(&self, path: &str, settings: Value) -> Answer {
        let mut client = Client::connect(self.fixture.http()).await;
        let body = settings.to_string();
        client.call(&format!("POST {path}"), &[], body.as_bytes()).await
    }

    async fn infer(&self, model: &str, requests: usize) {
        let body = echo_json(&[1.0]);
        let head = format!("POST /v2/models/{model}/infer");
        let mut client = Client::connect(self.fixture.http()).await;
        for _ in 0..requests {
            client.call(&head, &[], body.as_bytes()).await;
        }
    }

    /// Ends the server and returns the fragments of a file in its folder.
    async fn fragments(self, name: &str) -> Vec<Value> {
        self.fixture.shutdown().await;
        serde_json::from_slice(&fs::read(self.folder.path().join(name)).unwrap()).unwrap()
    }
}

/// Models of the traces in a file.
fn models(fragments: &[Value]) -> Vec<&str> {
    fragments.iter().filter_map(|fragment| fragment["model_name"].as_str()).collect()
}

#[tokio::test]
async fn settings_are_shown_as_the_reference_shows_them() {
    let server = Server::start(TraceLevel::OFF);
    let expected = json!({
        "trace_level": ["OFF"],
        "trace_rate": "1",
        "trace_count": "-1",
        "log_frequency": "0",
        "trace_file": server.file(),
        "trace_mode": "triton",
    });
    assert_eq!(server.get(ALL).await.json(), expected);
    assert_eq!(server.get(ECHO).await.json(), expected);
    let extensions = server.get("/v2").await.json()["extensions"].clone();
    assert!(extensions.as_array().unwrap().contains(&json!("trace")));
}

#[tokio::test]
async fn a_model_may_have_its_own_and_give_them_back() {
    let server = Server::start(TraceLevel::OFF);
    let own = json!({"trace_level": ["TIMESTAMPS"], "trace_rate": 2, "trace_count": "5"});
    let shown = server.post(ECHO, own).await.json();
    assert_eq!(shown["trace_level"], json!(["TIMESTAMPS"]));
    assert_eq!((&shown["trace_rate"], &shown["trace_count"]), (&json!("2"), &json!("5")));
    let all = server.post(ALL, json!({"log_frequency": "3"})).await.json();
    assert_eq!((&all["trace_level"], &all["trace_rate"]), (&json!(["OFF"]), &json!("1")));
    let followed = server.get(ECHO).await.json();
    assert_eq!((&followed["log_frequency"], &followed["trace_rate"]), (&json!("3"), &json!("2")));
    server.infer("echo", 5).await;
    server.infer("types", 5).await;
    assert_eq!(server.get(ECHO).await.json()["trace_count"], "3");
    let given_back = json!({"trace_level": null, "trace_rate": null, "trace_count": null});
    let shown = server.post(ECHO, given_back).await.json();
    assert_eq!(shown, server.get(ALL).await.json());
    server.infer("echo", 5).await;
    let fragments = server.fragments("trace.json.0").await;
    assert_eq!(models(&fragments), ["echo", "echo"]);
}

#[tokio::test]
async fn the_count_ends_tracing() {
    let server = Server::start(TraceLevel::TIMESTAMPS);
    server.post(ALL, json!({"trace_count": "3"})).await;
    server.infer("echo", 10).await;
    assert_eq!(server.get(ALL).await.json()["trace_count"], "0");
    let file = server.file();
    let fragments = server.fragments("trace.json").await;
    assert_eq!(models(&fragments).len(), 3);
    assert!(!file.with_extension("json.0").exists());
}

#[tokio::test]
async fn a_trace_has_its_stations_in_order_and_the_count_of_what_ran() {
    let server = Server::start(TraceLevel { timestamps: true, tensors: true });
    let mut grpc = client(server.fixture.grpc()).await;
    grpc.model_infer(echo_request("id 1", 2, &[0.5, 1.5])).await.unwrap();
    let fragments = server.fragments("trace.json").await;
    let [head, times, input, output] = &*fragments else { panic!("{fragments:#?}") };
    assert_eq!((&head["request_id"], &head["model_version"]), (&json!("id 1"), &json!(1)));
    assert_eq!((&head["protocol"], &head["batch"]["rows"]), (&json!("grpc"), &json!(2)));
    let times: Vec<(&str, u64)> = times["timestamps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|time| (time["name"].as_str().unwrap(), time["ns"].as_u64().unwrap()))
        .collect();
    let names: Vec<_> = times.iter().map(|(name, _)| *name).collect();
    let expected = [
        "GRPC_WAITREAD_START",
        "GRPC_WAITREAD_END",
        "REQUEST_START",
        "QUEUE_START",
        "COMPUTE_START",
        "COMPUTE_INPUT_END",
        "COMPUTE_OUTPUT_START",
        "COMPUTE_END",
        "REQUEST_END",
        "GRPC_SEND_START",
        "GRPC_SEND_END",
    ];
    assert_eq!(names, expected);
    assert!(times.is_sorted_by_key(|(_, ns)| *ns), "{times:?}");
    let tensor = json!({"name": "INPUT", "data": "0.5,1.5", "shape": "2,1", "dtype": "FP32"});
    assert_eq!((&input["activity"], &input["tensor"]), (&json!("TENSOR_QUEUE_INPUT"), &tensor));
    assert_eq!(output["activity"], "TENSOR_BACKEND_OUTPUT");
    assert_eq!((&output["tensor"]["name"], &output["id"]), (&json!("OUTPUT"), &head["id"]));
}

#[tokio::test]
async fn changes_that_cannot_be_made_change_nothing() {
    let server = Server::start(TraceLevel::OFF);
    let before = server.get(ALL).await.json();
    let refused = [
        (json!({"trace_file": "x"}), 501, "trace file location can not be updated"),
        (json!({"trace_rate": "7", "trace_count": "-2"}), 400, "Expecting value >= -1"),
        (json!({"trace_level": ["OFF", "TENSORS"]}), 400, "Expect only one trace level 'OFF'"),
        (
            json!({"trace_mode": "opentelemetry", "trace_level": ["TIMESTAMPS"]}),
            400,
            "--trace-endpoint",
        ),
        (json!({"trace_level": ["TIMESTAMPS"], "trace_rate": "0"}), 400, "must be non-zero"),
        (json!({"trace_rate": true}), 400, "takes a string"),
        (json!([1]), 400, "no JSON object"),
    ];
    for (settings, status, expected) in refused {
        let answer = server.post(ALL, settings.clone()).await;
        assert_eq!(answer.status, status, "{settings}");
        assert!(answer.error().contains(expected), "{settings}: {}", answer.error());
    }
    assert_eq!(server.get(ALL).await.json(), before);
    let unknown = server.get("/v2/models/missing/trace/setting").await;
    assert_eq!((unknown.status, &*unknown.error()), (400, "Request for unknown model : missing"));
}

async fn change(
    client: &mut GrpcClient,
    model_name: &str,
    settings: &[(&str, &[&str])],
) -> Result<BTreeMap<String, String>, Status> {
    let owned = |(name, values): &(&str, &[&str])| {
        let value = values.iter().map(|value| (*value).to_owned()).collect();
        ((*name).to_owned(), SettingValue { value })
    };
    let settings = settings.iter().map(owned).collect();
    let request = TraceSettingRequest { settings, model_name: model_name.to_owned() };
    let settings = client.trace_setting(request).await?.into_inner().settings;
    Ok(settings.into_iter().map(|(name, setting)| (name, setting.value.join("+"))).collect())
}

#[tokio::test]
async fn grpc_shows_and_changes_the_same_settings() {
    let server = Server::start(TraceLevel::OFF);
    let mut client = client(server.fixture.grpc()).await;
    let settings: [(&str, &[&str]); 2] =
        [("trace_level", &["TIMESTAMPS", "TENSORS"]), ("trace_rate", &["9"])];
    let shown = change(&mut client, "echo", &settings).await.unwrap();
    assert_eq!((&*shown["trace_level"], &*shown["trace_rate"]), ("TIMESTAMPS+TENSORS", "9"));
    assert_eq!(server.get(ECHO).await.json()["trace_rate"], "9");
    let shown = change(&mut client, "", &[]).await.unwrap();
    assert_eq!((&*shown["trace_level"], &*shown["trace_mode"]), ("OFF", "triton"));
    let cleared: [(&str, &[&str]); 2] = [("trace_level", &[]), ("trace_rate", &[])];
    let shown = change(&mut client, "echo", &cleared).await.unwrap();
    assert_eq!((&*shown["trace_level"], &*shown["trace_rate"]), ("OFF", "1"));
    let refused = change(&mut client, "", &[("trace_rate", &["1", "2"])]).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "expect only 1 value for 'trace_rate'");
    let unknown = change(&mut client, "missing", &[]).await.unwrap_err();
    assert_eq!(unknown.message(), "Request for unknown model : missing");
}

#[tokio::test]
async fn changes_need_the_control_token() {
    let mut setup = Setup::default();
    setup.options.control_token = Some(ControlToken::new("correct-horse").unwrap());
    let fixture = setup.start();
    let mut http = Client::connect(fixture.http()).await;
    let body = br#"{"trace_rate":"3"}"#;
    for path in [ALL, ECHO] {
        let head = format!("POST {path}");
        assert_eq!(http.call(&head, &[], body).await.status, 401);
        let token = [("authorization", "Bearer correct-horse")];
        assert_eq!(http.call(&head, &token, body).await.json()["trace_rate"], "3");
        assert_eq!(http.call(&format!("GET {path}"), &[], b"").await.status, 200);
    }
    let mut grpc = client(fixture.grpc()).await;
    assert!(change(&mut grpc, "", &[]).await.is_ok());
    let refused = change(&mut grpc, "", &[("trace_rate", &["3"])]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}
