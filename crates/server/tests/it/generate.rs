//! The generate extension of the V2 protocol.

use serde_json::{Value, json};

use crate::{
    fixture::Fixture,
    http_client::{Answer, Client},
    storyteller::Story,
};

async fn ask(fixture: &Fixture, path: &str, body: Value) -> Answer {
    Client::connect(fixture.http()).await.post(&format!("/v2/models/{path}"), &body).await
}

#[tokio::test]
async fn text_for_text() {
    let fixture = Fixture::with_story(Story::default());
    let request = json!({"text_input": "Say", "parameters": {"max_tokens": 3}});
    let answer = ask(&fixture, "storyteller/generate", request.clone()).await.json();
    let expected = json!({"model_name": "storyteller", "model_version": "1", "text_output": "Hel"});
    assert_eq!(answer, expected);
    let events = ask(&fixture, "storyteller/versions/1/generate_stream", request).await.events();
    let texts = events.iter().map(|event| event["text_output"].as_str().unwrap());
    assert_eq!(texts.collect::<String>(), "Hel");
    let wrong = ask(&fixture, "storyteller/generate", json!({"text_input": "a", "top_p": 7})).await;
    assert_eq!(
        (wrong.status, &*wrong.error()),
        (400, "`top_p` must be a number from 0 to 1, not 7")
    );
    assert_eq!(ask(&fixture, "ghost/generate", json!({})).await.status, 404);
}

#[tokio::test]
async fn fields_for_fields() {
    let fixture = Fixture::start();
    let answer = ask(&fixture, "echo/generate", json!({"INPUT": [1.5, 2], "id": "7"})).await;
    let expected =
        json!({"id": "7", "model_name": "echo", "model_version": "1", "OUTPUT": [1.5, 2.0]});
    assert_eq!(answer.json(), expected, "{}", answer.text());
    let events = ask(&fixture, "echo/generate_stream", json!({"INPUT": 3})).await.events();
    assert_eq!(events[0]["OUTPUT"], 3.0);
    let wrong = ask(&fixture, "echo/generate", json!({"INPUT": ["a"]})).await;
    assert_eq!(wrong.status, 400);
}
