use protocol::grpc::{
    LogSettingsRequest, RepositoryIndexRequest, RepositoryModelLoadRequest,
    RepositoryModelUnloadRequest,
    log_settings_request::{SettingValue, setting_value::ParameterChoice},
};
use server::{ControlToken, LogControl as _};
use serving::ControlMode;
use tonic::{Code, Request};

use crate::{
    fixture::{ECHO, Fixture, Setup},
    grpc_client::client,
    http_client::{Answer, Client},
};

const BEARER: &str = "Bearer correct-horse";

fn start(token: Option<&str>) -> Fixture {
    let mut setup = Setup { control: ControlMode::Explicit(vec![]), ..Setup::default() };
    setup.options.control_token = token.map(|token| ControlToken::new(token).unwrap());
    setup.start()
}

async fn post(fixture: &Fixture, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let head = format!("POST {path}");
    Client::connect(fixture.http()).await.call(&head, headers, body.as_bytes()).await
}

const LOAD: &str = "/v2/repository/models/echo/load";
const UNLOAD: &str = "/v2/repository/models/echo/unload";

#[tokio::test]
async fn rest_changes_need_the_token_and_reads_do_not() {
    let fixture = start(Some("correct-horse"));
    for path in [LOAD, UNLOAD, "/v2/logging"] {
        let answer = post(&fixture, path, &[], "{}").await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"), "{path}");
        assert!(answer.error().contains("`Authorization: Bearer TOKEN`"), "{answer:?}");
        let answer = post(&fixture, path, &[("authorization", "Bearer wrong-horse")], "{}").await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.error().contains("wrong"), "{answer:?}");
    }
    assert!(fixture.repository.models().is_empty());
    let answer = post(&fixture, LOAD, &[("authorization", BEARER)], "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let change = r#"{"log_verbose_level":1}"#;
    let answer = post(&fixture, "/v2/logging", &[("authorization", BEARER)], change).await;
    assert_eq!((answer.status, fixture.log.settings().log_verbose_level), (200, 1));
    let mut reader = Client::connect(fixture.http()).await;
    assert_eq!(reader.call("GET /v2/logging", &[], b"").await.status, 200);
    assert_eq!(post(&fixture, "/v2/repository/index", &[], "").await.status, 200);
}

#[tokio::test]
async fn grpc_changes_need_the_token_and_reads_do_not() {
    let fixture = start(Some("correct-horse"));
    let mut client = client(fixture.grpc()).await;
    let load = RepositoryModelLoadRequest { model_name: ECHO.into(), ..Default::default() };
    let unload = RepositoryModelUnloadRequest { model_name: ECHO.into(), ..Default::default() };
    let value = SettingValue { parameter_choice: Some(ParameterChoice::Uint32Param(2)) };
    let settings = [("log_verbose_level".to_owned(), value)].into();
    let change = LogSettingsRequest { settings };
    let refused = client.repository_model_load(load.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().contains("`Authorization: Bearer TOKEN`"), "{refused}");
    let refused = client.repository_model_unload(unload).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = client.log_settings(change.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    client.log_settings(LogSettingsRequest::default()).await.unwrap();
    client.repository_index(RepositoryIndexRequest::default()).await.unwrap();

    let mut load = Request::new(load);
    load.metadata_mut().insert("authorization", BEARER.parse().unwrap());
    client.repository_model_load(load).await.unwrap();
    let mut change = Request::new(change);
    change.metadata_mut().insert("authorization", BEARER.parse().unwrap());
    client.log_settings(change).await.unwrap();
    assert_eq!(fixture.log.settings().log_verbose_level, 2);
}

#[tokio::test]
async fn without_a_token_pages_of_other_sites_are_kept_out() {
    let fixture = start(None);
    for foreign in [("sec-fetch-site", "cross-site"), ("origin", "http://example.com")] {
        let answer = post(&fixture, LOAD, &[foreign], "").await;
        assert_eq!(answer.status, 403);
        assert!(answer.error().contains("--control-token"), "{answer:?}");
    }
    let answer = post(&fixture, LOAD, &[("sec-fetch-site", "same-origin")], "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(post(&fixture, UNLOAD, &[], "").await.status, 200);
}
