use super::{DetokenizeRequest, TokenSource, TokenizeRequest};

#[test]
fn a_text_or_a_conversation() {
    let text = TokenizeRequest::read(br#"{"prompt":"a","add_special_tokens":false}"#).unwrap();
    assert_eq!(text.source, TokenSource::Text { text: "a".to_owned(), add_special_tokens: false });
    let chat = TokenizeRequest::read(br#"{"messages":[{"role":"user","content":"a"}]}"#).unwrap();
    assert!(matches!(chat.source, TokenSource::Chat(_)));
    assert_eq!(TokenizeRequest::read(b"{}").unwrap_err().param, "prompt");
    assert_eq!(DetokenizeRequest::read(br#"{"tokens":[1,"a"]}"#).unwrap_err().param, "tokens[1]");
    assert_eq!(DetokenizeRequest::read(br#"{"tokens":[1]}"#).unwrap().tokens, [1]);
}
