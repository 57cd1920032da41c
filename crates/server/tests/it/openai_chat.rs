//! `/v1/chat/completions` in front of a model that says what a test told it to.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use serving::{Grammar, ServeError, ToolFormat};

use crate::{
    fixture::{Fixture, eventually, pause},
    http_client::{Answer, Client},
    storyteller::{Script, Story},
};

const PATH: &str = "/v1/chat/completions";

fn chat(extra: &Value) -> Value {
    let mut request =
        json!({"model": "storyteller", "messages": [{"role": "user", "content": "Hi"}]});
    request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    request
}

async fn ask(fixture: &Fixture, extra: Value) -> Answer {
    Client::connect(fixture.http()).await.post(PATH, &chat(&extra)).await
}

fn story(answers: &[&str]) -> Story {
    let story = Story::default();
    story.tell(answers);
    story
}

#[tokio::test]
async fn an_answer_has_openais_form() {
    let fixture = Fixture::with_story(Story::default());
    let answer = ask(&fixture, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let document = answer.json();
    assert_eq!(document["object"], "chat.completion");
    assert!(document["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(document["created"].as_u64().unwrap() > 1_700_000_000);
    let choice = &document["choices"][0];
    assert_eq!(
        choice["message"],
        json!({"role": "assistant", "content": "Hello.", "refusal": null})
    );
    assert_eq!((&choice["finish_reason"], &choice["logprobs"]), (&json!("stop"), &Value::Null));
    let usage = json!({
        "prompt_tokens": 18, "completion_tokens": 6, "total_tokens": 24,
        "prompt_tokens_details": {"cached_tokens": 1}
    });
    assert_eq!(document["usage"], usage);
    assert_eq!(fixture.story.prompt(), "user:Hi|assistant:");
}

#[tokio::test]
async fn a_stream_has_the_same_in_pieces() {
    let fixture = Fixture::with_story(story(&["Gr\u{fc}\u{df} \"dich\"\n"]));
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let answer = ask(&fixture, options).await;
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    let events = answer.events();
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let (usage, chunks) = events.split_last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["prompt_tokens"], 18);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["usage"].is_null() && chunk["object"] == "chat.completion.chunk")
    );
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert!(chunks.iter().all(|chunk| chunk["id"] == usage["id"]));
}

#[tokio::test]
async fn several_choices_are_told_apart() {
    let fixture = Fixture::with_story(story(&["one", "zwei", "3"]));
    let whole = ask(&fixture, json!({"n": 3, "max_completion_tokens": 3})).await.json();
    let texts: Vec<_> =
        (0..3).map(|index| whole["choices"][index]["message"]["content"].clone()).collect();
    assert_eq!(texts, ["one", "zwe", "3"]);
    assert_eq!(whole["choices"][1]["finish_reason"], "length");
    assert_eq!(whole["usage"]["completion_tokens"], 7);
    let mut streamed = vec![String::new(); 3];
    for event in ask(&fixture, json!({"n": 3, "stream": true})).await.events() {
        let choice = &event["choices"][0];
        let text = choice["delta"]["content"].as_str().unwrap_or_default();
        streamed[usize::try_from(choice["index"].as_u64().unwrap()).unwrap()] += text;
    }
    assert_eq!(streamed, ["one", "zwei", "3"]);
}

#[tokio::test]
async fn probabilities_of_tokens() {
    let fixture = Fixture::with_story(story(&["ab"]));
    let answer = ask(&fixture, json!({"logprobs": true, "top_logprobs": 2})).await.json();
    let content = &answer["choices"][0]["logprobs"]["content"];
    assert_eq!(content.as_array().unwrap().len(), 2);
    let expected = json!({
        "token": "a", "logprob": -0.5, "bytes": [97],
        "top_logprobs": [
            {"token": "a", "logprob": -0.5, "bytes": [97]},
            {"token": "b", "logprob": -9999.0, "bytes": [98]},
        ],
    });
    assert_eq!(content[0], expected);
}

#[track_caller]
fn check_refused(answer: &Answer, status: u16, param: &str, message: &str) {
    let error = &answer.json()["error"];
    assert_eq!(answer.status, status, "{error}");
    assert_eq!(error["param"].as_str().unwrap_or_default(), param, "{error}");
    assert!(error["message"].as_str().unwrap().contains(message), "{error}");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let fixture = Fixture::with_story(Story::default());
    let cases = [
        (json!({"temperature": -1}), 400, "temperature", "from 0 to 2"),
        (json!({"n": 0}), 400, "n", "from 1 to 128"),
        (json!({"messages": []}), 400, "messages", "at least one"),
        (json!({"messages": [{"role": "bear", "content": ""}]}), 400, "messages[0].role", "user"),
        (
            json!({"messages": [{"role": "user", "content": "forbidden"}]}),
            400,
            "messages",
            "refuses",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            400,
            "messages[0].content[0].type",
            "image_url",
        ),
        (json!({"top_logprobs": 3}), 400, "top_logprobs", "logprobs"),
        (json!({"logprobs": true, "top_logprobs": 9}), 400, "top_logprobs", "at most 5"),
        (json!({"max_tokens": 200_000}), 400, "max_tokens", "200000 tokens"),
        (json!({"max_completion_tokens": 200_000}), 400, "max_completion_tokens", "200000 tokens"),
        (json!({"guided_regex": "("}), 400, "guided_regex", "not closed"),
        (
            json!({"response_format": {"type": "json_schema"}}),
            400,
            "response_format.json_schema",
            "missing",
        ),
        (json!({"tool_choice": "required"}), 400, "tool_choice", "no `tools`"),
        (json!({"functions": []}), 400, "functions", "tools"),
        (json!({"magic": 1}), 400, "magic", "leave it out"),
        (json!({"model": "ghost"}), 404, "model", "does not exist"),
        (json!({"model": "echo"}), 400, "model", "does not generate"),
    ];
    for (extra, status, param, message) in cases {
        check_refused(&ask(&fixture, extra).await, status, param, message);
    }
    let mut client = Client::connect(fixture.http()).await;
    let broken =
        client.call(&format!("POST {PATH}"), &[], br#"{"model":"storyteller","top_p":NaN}"#).await;
    check_refused(&broken, 400, "top_p", "JSON");
    check_refused(&client.call("GET /v1/nothing", &[], b"").await, 404, "", "Not Found");
    check_refused(&client.call(&format!("GET {PATH}"), &[], b"").await, 405, "", "Method");
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again() {
    let fixture = Fixture::with_story(Story::default());
    let refusal = ServeError::new(serving::ErrorKind::Exhausted, "too many wait");
    fixture.story.script.lock().refusal =
        Some(refusal.with_retry_after(Duration::from_millis(1500)));
    let answer = ask(&fixture, json!({})).await;
    check_refused(&answer, 429, "", "too many wait");
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
}

#[tokio::test]
async fn a_failure_is_told_also_in_the_middle() {
    let fixture = Fixture::with_story(Story::default());
    fixture.story.script.lock().failure = Some(ServeError::internal("the engine broke"));
    check_refused(&ask(&fixture, json!({})).await, 500, "", "the engine broke");
    let streamed = ask(&fixture, json!({"stream": true})).await;
    assert_eq!(streamed.status, 200);
    assert_eq!(streamed.events().last().unwrap()["error"]["message"], "the engine broke");
}

#[tokio::test]
async fn whoever_leaves_cancels() {
    let fixture = Fixture::with_story(story(&["x".repeat(1000).as_str()]));
    fixture.story.script.lock().pace = Duration::from_millis(5);
    for stream in [true, false] {
        let mut client = Client::connect(fixture.http()).await;
        let body = serde_json::to_vec(&chat(&json!({"stream": stream}))).unwrap();
        let head =
            format!("POST {PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len());
        client.send([head.as_bytes(), &body].concat()).await.unwrap();
        fixture.until_in_flight(1).await;
        if stream {
            client.head().await;
            client.chunk().await.unwrap();
        }
        drop(client);
        fixture.until_in_flight(0).await;
    }
    let story = fixture.story.clone();
    eventually(move || story.cancelled.load(Ordering::Relaxed) == 2).await;
}

#[tokio::test]
async fn a_slow_reader_gets_all_of_it_in_fewer_pieces() {
    let text = "abcdefghi ".repeat(19_000);
    let fixture = Fixture::with_story(story(&[&text]));
    let mut client = Client::connect(fixture.http()).await;
    let body = serde_json::to_vec(&chat(&json!({"stream": true}))).unwrap();
    let head =
        format!("POST {PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len());
    client.send([head.as_bytes(), &body].concat()).await.unwrap();
    client.head().await;
    pause(Duration::from_millis(300)).await;
    let (mut received, mut events) = (String::new(), 0);
    let mut left = String::new();
    while let Some(chunk) = client.chunk().await {
        left.push_str(str::from_utf8(&chunk).unwrap());
        while let Some((event, rest)) = left.split_once("\n\n") {
            if let Ok(event) = serde_json::from_str::<Value>(&event["data: ".len()..]) {
                received += event["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
                events += 1;
            }
            left = rest.to_owned();
        }
    }
    assert!(received == text, "{} of {} bytes", received.len(), text.len());
    assert!(events < text.len() / 2, "{events} events");
}

fn tools() -> Value {
    let schema = json!({"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}}});
    json!([{"type": "function", "function": {"name": "add", "description": "adds", "parameters": schema}}])
}

#[tokio::test]
async fn functions_that_the_model_calls() {
    let answer = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>";
    let fixture = Fixture::with_story(story(&[answer]));
    let whole = ask(&fixture, json!({"tools": tools()})).await.json();
    let choice = &whole["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "add", "arguments": "{\"a\": 1}"}));
    assert!(call["id"].as_str().unwrap().starts_with("call_"));
    // The model's template knows no functions, so the prompt tells of them.
    assert!(fixture.story.prompt().contains(r#""properties":{"b":{"type":"integer"},"a""#));

    let (mut name, mut arguments) = (String::new(), String::new());
    for event in ask(&fixture, json!({"tools": tools(), "stream": true})).await.events() {
        for call in event["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            name += call["function"]["name"].as_str().unwrap_or_default();
            arguments += call["function"]["arguments"].as_str().unwrap_or_default();
        }
    }
    assert_eq!((&*name, &*arguments), ("add", "{\"a\": 1}"));
}

#[tokio::test]
async fn functions_that_have_to_be_called_hold_the_answer() {
    let story = story(&[r#"{"a":1}"#]);
    story.script.lock().tool_format = ToolFormat::Hermes;
    let fixture = Fixture::with_story(story);
    let choice = json!({"type": "function", "function": {"name": "add"}});
    let named = ask(&fixture, json!({"tools": tools(), "tool_choice": choice})).await.json();
    let call = &named["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(*call, json!({"name": "add", "arguments": "{\"a\":1}"}));
    fixture.story.tell(&[r#"[{"name":"add","arguments":{"a":2}}]"#]);
    let required = ask(&fixture, json!({"tools": tools(), "tool_choice": "required"})).await.json();
    let call = &required["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(*call, json!({"name": "add", "arguments": "{\"a\":2}"}));
    let grammars = fixture.story.grammars.lock();
    let [Grammar::JsonSchema(named), Grammar::JsonSchema(required)] = &grammars[..] else {
        panic!("{grammars:?}")
    };
    assert_eq!(named["properties"]["a"]["type"], "integer");
    assert_eq!(required["items"]["anyOf"][0]["properties"]["name"]["const"], "add");
    // The template shows them itself.
    assert!(fixture.story.chats.lock()[0].tools.is_some());
}

#[tokio::test]
async fn parameters_reach_the_model() {
    let fixture = Fixture::with_story(Script::default().into());
    let extra = json!({
        "temperature": 0.5, "top_p": 0, "top_k": -1, "min_p": 0.1, "seed": -1, "stop": "END",
        "presence_penalty": 1, "logit_bias": {"5": -3}, "bad_words": ["no"], "ignore_eos": true,
        "min_tokens": 2, "max_tokens": 9, "stop_token_ids": [7], "cache_salt": "s", "priority": -3,
        "user": "u", "metadata": {"a": "b"}, "store": true, "response_format": {"type": "json_object"},
        "skip_special_tokens": false,
    });
    let answer = ask(&fixture, extra).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let requests = fixture.story.requests.lock();
    let request = requests.last().unwrap();
    let sampling = &request.sampling;
    assert_eq!((sampling.temperature, sampling.min_p, sampling.top_k), (0.5, 0.1, 0));
    assert!(sampling.top_p > 0.0 && sampling.top_p < 1e-6);
    assert_eq!((sampling.seed, &*sampling.logit_bias), (Some(u64::MAX), &[(5, -3.0)][..]));
    assert_eq!(sampling.bad_words, [vec![110, 111], vec![32, 110, 111]]);
    let stop = &request.stop;
    assert_eq!((stop.max_tokens, stop.min_tokens, stop.ignore_end), (Some(9), 2, true));
    assert_eq!((&stop.strings[..], &stop.tokens[..]), (&["END".to_owned()][..], &[7][..]));
    assert_eq!((&*request.tenancy.cache_salt, request.tenancy.priority), ("s", -3));
    assert!(request.grammar.is_some() && !request.skip_special_tokens);
}
