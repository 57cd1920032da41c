//! The endpoints around the completions: models, tokens, embeddings, Messages, Responses.

use serde_json::{Value, json};
use serving::{Pooling, Timestamp};

use crate::{
    fixture::Fixture,
    http_client::{Answer, Client},
    storyteller::Story,
};

async fn post(fixture: &Fixture, path: &str, body: Value) -> Answer {
    Client::connect(fixture.http()).await.post(path, &body).await
}

async fn get(fixture: &Fixture, path: &str) -> Answer {
    Client::connect(fixture.http()).await.call(&format!("GET {path}"), &[], b"").await
}

#[tokio::test]
async fn models_that_generate_are_listed() {
    let fixture = Fixture::with_story(Story::default());
    let list = get(&fixture, "/v1/models").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let model = get(&fixture, "/v1/models/storyteller").await.json();
    assert_eq!(list["data"][0], model);
    assert_eq!((&model["object"], &model["max_model_len"]), (&json!("model"), &json!(200_000)));
    let missing = get(&fixture, "/v1/models/ghost").await;
    assert_eq!(
        (missing.status, &missing.json()["error"]["code"]),
        (404, &json!("model_not_found"))
    );
}

#[tokio::test]
async fn texts_and_conversations_become_tokens() {
    let fixture = Fixture::with_story(Story::default());
    let text =
        post(&fixture, "/tokenize", json!({"prompt": "ab", "return_token_strs": true})).await;
    assert_eq!(
        text.json(),
        json!({"count": 3, "max_model_len": 200_000, "tokens": [94, 97, 98], "token_strs": ["^", "a", "b"]})
    );
    let messages = json!({"messages": [{"role": "user", "content": "a"}]});
    let chat = post(&fixture, "/tokenize", messages).await.json();
    assert_eq!(chat["count"], "user:a|assistant:".len());
    let back = post(&fixture, "/detokenize", json!({"tokens": [97, 98]})).await.json();
    assert_eq!(back, json!({"prompt": "ab"}));
    let wrong = post(&fixture, "/detokenize", json!({"tokens": [999]})).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["param"]), (400, &json!("tokens")));
}

#[tokio::test]
async fn texts_become_vectors() {
    let fixture = Fixture::with_story(Story::default());
    let inputs: Vec<String> = (0..40).map(|number| format!("text {number}")).collect();
    let request = json!({"model": "storyteller", "input": inputs, "add_special_tokens": false});
    let answer = post(&fixture, "/v1/embeddings", request).await.json();
    assert_eq!(answer["data"].as_array().unwrap().len(), 40);
    assert_eq!(answer["data"][39]["embedding"], json!([116.0, 0.5, -1.0, 0.25]));
    assert_eq!(answer["usage"]["prompt_tokens"], inputs.iter().map(String::len).sum::<usize>());
    let embedded = fixture.story.embedded.lock()[0].clone();
    assert!(embedded.normalise && embedded.pooling == Pooling::Mean);
    assert_ne!(embedded.received, Timestamp::default());
    for (request, param) in [
        (json!({"input": "a", "dimensions": 3}), "dimensions"),
        (json!({"input": [[]]}), "input"),
        (json!({"input": [300]}), "input"),
        (json!({"input": "a".repeat(200_000)}), "input"),
    ] {
        let refused = post(&fixture, "/v1/embeddings", request).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!(param)));
    }
}

fn message(extra: &Value) -> Value {
    let mut request = json!({"model": "storyteller", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]});
    request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    request
}

#[tokio::test]
async fn anthropics_messages() {
    let fixture = Fixture::with_story(Story::default());
    let answer =
        post(&fixture, "/v1/messages", message(&json!({"system": "Be kind."}))).await.json();
    assert_eq!(answer["content"], json!([{"type": "text", "text": "Hello."}]));
    assert_eq!((&answer["type"], &answer["stop_reason"]), (&json!("message"), &json!("end_turn")));
    assert_eq!(fixture.story.prompt(), "system:Be kind.|user:Hi|assistant:");

    let events = post(&fixture, "/v1/messages", message(&json!({"stream": true}))).await.events();
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 18);
    let text = events.iter().filter_map(|event| event["delta"]["text"].as_str());
    assert_eq!(text.collect::<String>(), "Hello.");
    assert_eq!(events.last().unwrap()["type"], "message_stop");

    let mut count = message(&json!({}));
    count.as_object_mut().unwrap().remove("max_tokens");
    assert_eq!(
        post(&fixture, "/v1/messages/count_tokens", count).await.json(),
        json!({"input_tokens": 18})
    );

    let wrong = post(&fixture, "/v1/messages", message(&json!({"temperature": 9}))).await;
    let error = wrong.json();
    assert_eq!((wrong.status, &error["type"]), (400, &json!("error")));
    assert_eq!(error["error"]["type"], "invalid_request_error");
    let ghost = post(&fixture, "/v1/messages", message(&json!({"model": "ghost"}))).await;
    assert_eq!((ghost.status, &ghost.json()["error"]["type"]), (404, &json!("not_found_error")));
}

#[tokio::test]
async fn responses() {
    let fixture = Fixture::with_story(Story::default());
    let request = json!({"model": "storyteller", "input": "Hi", "instructions": "Be kind."});
    let answer = post(&fixture, "/v1/responses", request.clone()).await.json();
    assert_eq!(answer["output"][0]["content"][0]["text"], "Hello.");
    assert_eq!(
        (&answer["status"], &answer["instructions"]),
        (&json!("completed"), &json!("Be kind."))
    );
    assert_eq!(answer["usage"]["output_tokens"], 6);

    let mut streamed = request.clone();
    streamed["stream"] = json!(true);
    let events = post(&fixture, "/v1/responses", streamed).await.events();
    assert_eq!(events[0]["type"], "response.created");
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["output"][0]["content"], answer["output"][0]["content"]);

    for (extra, param) in [
        (json!({"max_output_tokens": 200_000}), "max_output_tokens"),
        (json!({"input": "forbidden"}), "input"),
        (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
    ] {
        let mut request = request.clone();
        request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let refused = post(&fixture, "/v1/responses", request).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!(param)));
    }
}
