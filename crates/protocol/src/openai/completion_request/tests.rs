use super::{CompletionRequest, Prompt};

#[track_caller]
fn check(fields: &str, expected: &[Prompt]) {
    let request = CompletionRequest::read(format!("{{{fields}}}").as_bytes()).unwrap();
    assert_eq!(request.prompts, *expected);
}

#[test]
fn prompts_are_texts_or_tokens() {
    let text = |text: &str| Prompt::Text(text.to_owned());
    check(r#""prompt":"a""#, &[text("a")]);
    check(r#""prompt":["a","b"]"#, &[text("a"), text("b")]);
    check(r#""prompt":[1,2]"#, &[Prompt::Tokens(vec![1, 2])]);
    check(r#""prompt":[[1],[2,3]]"#, &[Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2, 3])]);
}

#[track_caller]
fn check_limit(body: &str, expected: (Option<usize>, Option<usize>)) {
    let generation = CompletionRequest::read(body.as_bytes()).unwrap().generation;
    assert_eq!((generation.stop.max_tokens, generation.max_tokens_default), expected);
}

#[test]
fn answers_are_short_unless_told() {
    check_limit(r#"{"prompt":"a"}"#, (None, Some(16)));
    check_limit(r#"{"prompt":"a","min_tokens":20}"#, (None, Some(20)));
    check_limit(r#"{"prompt":"a","echo":true,"max_tokens":0}"#, (Some(0), Some(16)));
}

#[test]
fn an_echo_with_probabilities_has_those_of_the_prompt() {
    let body = br#"{"prompt":"a","echo":true,"logprobs":2,"stream":true}"#;
    assert_eq!(CompletionRequest::read(body).unwrap().generation.prompt_logprobs, Some(2));
}
