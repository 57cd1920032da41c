//! `/v1/completions`.

use serde_json::{Value, json};

use crate::{
    fixture::Fixture,
    http_client::{Answer, Client},
    storyteller::Story,
};

async fn ask(fixture: &Fixture, request: Value) -> Answer {
    Client::connect(fixture.http()).await.post("/v1/completions", &request).await
}

#[tokio::test]
async fn prompts_of_every_kind() {
    let fixture = Fixture::with_story(Story::default());
    // The only language model needs no name.
    let one = ask(&fixture, json!({"prompt": "Say"})).await.json();
    assert_eq!(one["object"], "text_completion");
    assert_eq!(one["model"], "storyteller");
    assert_eq!(one["choices"][0]["text"], "Hello.");
    assert_eq!(one["usage"]["prompt_tokens"], 4);
    let cases =
        [(json!(["a", "bc"]), 2, 5), (json!([97, 98]), 1, 2), (json!([[97], [98, 99]]), 2, 3)];
    for (prompt, choices, tokens) in cases {
        let answer = ask(&fixture, json!({"prompt": prompt, "max_tokens": 2})).await.json();
        assert_eq!(answer["choices"].as_array().unwrap().len(), choices);
        assert_eq!(answer["choices"][choices - 1]["index"], choices - 1);
        assert_eq!(answer["usage"]["prompt_tokens"], tokens);
        assert_eq!(answer["usage"]["completion_tokens"], 2 * choices);
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
    }
}

#[tokio::test]
async fn wrong_prompts_are_named() {
    let fixture = Fixture::with_story(Story::default());
    let cases = [
        (json!({}), "prompt"),
        (json!({"prompt": ""}), "prompt"),
        (json!({"prompt": []}), "prompt"),
        (json!({"prompt": [97, "a"]}), "prompt[1]"),
        (json!({"prompt": [[97], "a"]}), "prompt[1]"),
        (json!({"prompt": [97, -1]}), "prompt[1]"),
        (json!({"prompt": [1000]}), "prompt"),
        (json!({"prompt": "a", "suffix": "b"}), "suffix"),
        (json!({"prompt": "a", "max_tokens": 0}), "max_tokens"),
        (json!({"prompt": "a", "logprobs": 6}), "logprobs"),
        (json!({"prompt": "a", "n": 2, "best_of": 3}), "best_of"),
    ];
    for (request, param) in cases {
        let answer = ask(&fixture, request).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, error["param"].as_str().unwrap()), (400, param), "{error}");
    }
}

#[tokio::test]
async fn prompts_are_repeated_with_their_probabilities() {
    let fixture = Fixture::with_story(Story::default());
    let request = json!({"prompt": "ab", "echo": true, "max_tokens": 2, "logprobs": 1});
    let choice = &ask(&fixture, request.clone()).await.json()["choices"][0];
    assert_eq!(choice["text"], "abHe");
    let logprobs = &choice["logprobs"];
    assert_eq!(logprobs["tokens"], json!(["^", "a", "b", "H", "e"]));
    assert_eq!(logprobs["token_logprobs"], json!([null, -0.5, -0.5, -0.5, -0.5]));
    assert_eq!(logprobs["text_offset"], json!([0, 1, 2, 3, 4]));
    assert_eq!(logprobs["top_logprobs"][3], json!({"H": -0.5, "I": -9999.0}));

    // The same in a stream, and with nothing but the prompt.
    let mut streamed = request.clone();
    streamed["stream"] = json!(true);
    let events = ask(&fixture, streamed).await.events();
    let texts = events.iter().map(|event| event["choices"][0]["text"].as_str().unwrap());
    assert_eq!(texts.collect::<String>(), "abHe");
    let mut alone = request;
    alone["max_tokens"] = json!(0);
    let answer = ask(&fixture, alone).await.json();
    assert_eq!(answer["choices"][0]["text"], "ab");
    assert_eq!(answer["choices"][0]["logprobs"]["tokens"], json!(["^", "a", "b"]));
    assert_eq!(answer["usage"]["completion_tokens"], 0);
}

#[tokio::test]
async fn vllms_additions() {
    let fixture = Fixture::with_story(Story::default());
    let request = json!({"prompt": "ab", "prompt_logprobs": 1, "return_token_ids": true, "truncate_prompt_tokens": 2});
    let answer = ask(&fixture, request).await.json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["token_ids"], json!([72, 101, 108, 108, 111, 46]));
    assert_eq!(choice["prompt_logprobs"][0], Value::Null);
    assert_eq!(choice["prompt_logprobs"][1]["98"]["decoded_token"], "b");
    let streamed = json!({"prompt": "ab", "stream": true, "stream_options": {"include_usage": true, "continuous_usage_stats": true}});
    let events = ask(&fixture, streamed).await.events();
    assert_eq!(events[0]["usage"]["prompt_tokens"], 3);
}
