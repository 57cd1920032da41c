//! API keys: who may ask, and as whom.

use serde_json::json;
use server::{ApiKey, Options};
use std::sync::Arc;

use crate::{
    fixture::{Fixture, Setup},
    http_client::{Answer, Client},
    storyteller::Story,
};

fn start() -> Fixture {
    let setup = Setup::default();
    let keys = vec![
        ApiKey::new("key-of-anna", "anna", 3, -2).unwrap(),
        ApiKey::new("key-of-bert", "bert", 1, 0).unwrap(),
    ];
    let options = Options { api_keys: keys, ..setup.options };
    Setup { options, story: Some(Arc::new(Story::default())), ..Setup::default() }.start()
}

async fn ask(fixture: &Fixture, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    Client::connect(fixture.http()).await.call(path, headers, body).await
}

const CHAT: &[u8] =
    br#"{"messages":[{"role":"user","content":"a"}],"priority":-9,"cache_salt":"s"}"#;

#[tokio::test]
async fn nobody_asks_without_a_key() {
    let fixture = start();
    for path in [
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/embeddings",
        "/tokenize",
        "/v2/models/storyteller/generate",
    ] {
        for headers in [&[][..], &[("authorization", "Bearer key-of-carl")]] {
            let answer = ask(&fixture, &format!("POST {path}"), headers, CHAT).await;
            assert_eq!(answer.status, 401, "{path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    let answer = ask(&fixture, "GET /v1/models", &[], b"").await;
    assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
    let with_key = ask(&fixture, "GET /v1/models", &[("x-api-key", "key-of-bert")], b"").await;
    assert_eq!(with_key.status, 200);
    // Inferences and health are as open as before.
    assert_eq!(ask(&fixture, "GET /v2/health/ready", &[], b"").await.status, 200);
}

#[tokio::test]
async fn a_key_says_who_shares() {
    let fixture = start();
    let headers = [("authorization", "Bearer key-of-anna")];
    let answer = ask(&fixture, "POST /v1/chat/completions", &headers, CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tenancy = fixture.story.requests.lock()[0].tenancy.clone();
    assert_eq!((&*tenancy.tenant, tenancy.weight, tenancy.priority), ("anna", 3, -2));
    assert_eq!(tenancy.cache_salt, "anna\0s");
    let lower = json!({"messages": [{"role": "user", "content": "a"}], "priority": 5});
    ask(&fixture, "POST /v1/chat/completions", &headers, &serde_json::to_vec(&lower).unwrap())
        .await;
    assert_eq!(fixture.story.requests.lock()[1].tenancy.priority, 3);
}
