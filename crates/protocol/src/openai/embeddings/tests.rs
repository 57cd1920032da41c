use super::{EmbeddingsRequest, embeddings_json};

#[test]
fn vectors_as_numbers_or_base64() {
    let vectors = [vec![1.0, -0.5], vec![0.25, f32::MIN_POSITIVE]];
    let text = String::from_utf8(embeddings_json("m", &vectors[..1], false, 3)).unwrap();
    assert_eq!(
        text,
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,-0.5]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#
    );
    let document: serde_json::Value =
        serde_json::from_slice(&embeddings_json("m", &vectors, true, 3)).unwrap();
    assert_eq!(document["data"][0]["embedding"], "AACAPwAAAL8=");
    assert_eq!(document["data"][1]["index"], 1);
}

#[track_caller]
fn check_fault(body: &str, param: &str) {
    assert_eq!(EmbeddingsRequest::read(body.as_bytes()).unwrap_err().param, param);
}

#[test]
fn wrong_fields_are_named() {
    check_fault("{}", "input");
    check_fault(r#"{"input":[""]}"#, "input");
    check_fault(r#"{"input":"a","encoding_format":"int8"}"#, "encoding_format");
    check_fault(r#"{"input":"a","dimensions":0}"#, "dimensions");
}
