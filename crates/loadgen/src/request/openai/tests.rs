use serde_json::{Value, json};

use super::{ChatMessage, OpenAiRequest, PromptLengths, Vocabulary};
use crate::{Endpoint, Protocol};

fn body(request: &OpenAiRequest, protocol: Protocol) -> (String, Value) {
    let endpoint = Endpoint { host: "h".to_owned(), prefix: String::new(), headers: Vec::new() };
    let built = request.build(protocol, &endpoint).unwrap();
    let head = String::from_utf8(built.head.to_vec()).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    (path, serde_json::from_slice(&built.body).unwrap())
}

fn request() -> OpenAiRequest {
    let message = ChatMessage { role: "user".to_owned(), content: "hi \"you\"".to_owned() };
    OpenAiRequest {
        model: "m".to_owned(),
        messages: vec![message],
        output_tokens: Some(8),
        stream: true,
        extra: serde_json::Map::from_iter([("ignore_eos".to_owned(), true.into())]),
    }
}

#[test]
fn bodies_are_those_of_the_api() {
    let (path, chat) = body(&request(), Protocol::OpenAiChat);
    assert_eq!(path, "/v1/chat/completions");
    assert_eq!(
        chat,
        json!({
            "model": "m", "messages": [{"role": "user", "content": "hi \"you\""}], "max_tokens": 8,
            "stream": true, "stream_options": {"include_usage": true}, "ignore_eos": true
        })
    );
    let (path, completion) = body(&request(), Protocol::OpenAiCompletions);
    assert_eq!((path.as_str(), &completion["prompt"]), ("/v1/completions", &json!("hi \"you\"")));
    let (path, embedding) = body(&request(), Protocol::OpenAiEmbeddings);
    assert_eq!((path.as_str(), &embedding["input"]), ("/v1/embeddings", &json!("hi \"you\"")));
    assert_eq!(embedding.get("stream"), None);
}

#[test]
fn prompts_have_their_words_and_share_their_start() {
    let mut vocabulary = Vocabulary::new(1);
    let lengths = PromptLengths { words: 20, shared_words: 12 };
    let prompts = [vocabulary.prompt(lengths), vocabulary.prompt(lengths)];
    let words = prompts.each_ref().map(|prompt| prompt.split(' ').collect::<Vec<_>>());
    assert_eq!((words[0].len(), words[1].len()), (20, 20));
    assert_eq!(words[0][..12], words[1][..12]);
    assert_ne!(words[0][12..], words[1][12..]);
    assert_eq!(vocabulary.prompt(PromptLengths { words: 0, shared_words: 3 }), "");
}
