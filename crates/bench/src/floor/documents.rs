//! What the floor says about itself, so that load generators that ask first can load it.

use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The only model.
const MODEL: &str = "small";

/// Its tensors' shape.
const SHAPE: [i64; 2] = [1, 16];

/// Body of what is no inference; `None` where there is nothing. Health is an empty 200.
pub(super) fn document(method: &Method, path: &str) -> Option<String> {
    let document = match (method, path.strip_prefix("/v2")?) {
        (&Method::GET, "") => json!({
            "name": "floor", "version": "1", "extensions": ["binary_tensor_data"]
        }),
        (&Method::POST, "/repository/index") => json!([{"name": MODEL, "state": "READY"}]),
        (&Method::GET, rest) if rest.starts_with("/health/") => return Some(String::new()),
        (&Method::GET, rest) => of_model(rest.strip_prefix("/models/small")?)?,
        _ => return None,
    };
    Some(document.to_string())
}

fn of_model(rest: &str) -> Option<Value> {
    let tensor = |name: &str| json!({"name": name, "datatype": "FP32", "shape": SHAPE});
    let port = |name: &str| json!({"name": name, "data_type": "TYPE_FP32", "dims": SHAPE});
    Some(match rest {
        "" => json!({
            "name": MODEL, "versions": ["1"], "platform": "floor",
            "inputs": [tensor("INPUT0")], "outputs": [tensor("OUTPUT0")]
        }),
        "/config" => json!({
            "name": MODEL, "platform": "floor", "max_batch_size": 0,
            "input": [port("INPUT0")], "output": [port("OUTPUT0")]
        }),
        "/ready" => return Some(Value::Null),
        _ => return None,
    })
}

/// An answer with a document, or without one a 404.
pub(super) fn answer(document: Option<String>) -> (StatusCode, String) {
    match document {
        Some(document) => (StatusCode::OK, document),
        None => (StatusCode::NOT_FOUND, r#"{"error":"the floor has no such thing"}"#.to_owned()),
    }
}
