use super::{CompletionRequest, Prompt};

#[track_caller]
fn check(fields: &str, expected: Vec<Prompt>) {
    let request = CompletionRequest::read(format!("{{{fields}}}").as_bytes()).unwrap();
    assert_eq!(request.prompts, expected);
}

#[test]
fn prompts_are_texts_or_tokens() {
    let text = |text: &str| Prompt::Text(text.to_owned());
    check(r#""prompt":"a""#, vec![text("a")]);
    check(r#""prompt":["a","b"]"#, vec![text("a"), text("b")]);
    check(r#""prompt":[1,2]"#, vec![Prompt::Tokens(vec![1, 2])]);
    check(r#""prompt":[[1],[2,3]]"#, vec![Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2, 3])]);
}

#[test]
fn answers_are_short_unless_told() {
    let read = |fields: &str| {
        CompletionRequest::read(fields.as_bytes()).unwrap().generation.stop.max_tokens
    };
    assert_eq!(read(r#"{"prompt":"a"}"#), Some(16));
    assert_eq!(read(r#"{"prompt":"a","min_tokens":20}"#), Some(20));
    assert_eq!(read(r#"{"prompt":"a","echo":true,"max_tokens":0}"#), Some(0));
}

#[test]
fn an_echo_with_probabilities_has_those_of_the_prompt() {
    let body = br#"{"prompt":"a","echo":true,"logprobs":2,"stream":true}"#;
    assert_eq!(CompletionRequest::read(body).unwrap().generation.prompt_logprobs, Some(2));
}
