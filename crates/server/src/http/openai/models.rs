//! `GET /v1/models` and `GET /v1/models/{id}`.

use http::Response;
use serde_json::{Value, json};
use serving::{Model, Timestamp};

use super::{Answer, head::seconds, lookup::embedding_model};
use crate::{
    http::{
        answer::Exchange,
        reply::{self, ReplyBody},
    },
    state::SERVER_NAME,
};

pub(super) fn list(exchange: &Exchange) -> Response<ReplyBody> {
    // The newest version of each answers.
    let mut models = exchange.context().state.repository.models();
    models.retain(|model| context_length(model).is_some());
    models.reverse();
    models.dedup_by(|later, earlier| later.name() == earlier.name());
    models.reverse();
    let models: Vec<Value> = models.iter().map(|model| document(model)).collect();
    reply::json_document(&json!({"object": "list", "data": models}))
}

pub(super) fn show(exchange: &Exchange, name: &str) -> Answer {
    let model = embedding_model(&exchange.context().state.repository, name)?;
    Ok(reply::json_document(&document(&model)))
}

fn document(model: &Model) -> Value {
    json!({
        "id": model.name(),
        "object": "model",
        // The server's clock starts with the process.
        "created": seconds(Timestamp::default()),
        "owned_by": SERVER_NAME,
        "root": model.name(),
        "parent": null,
        "max_model_len": context_length(model),
    })
}

/// Tokens that a model of this API takes.
fn context_length(model: &Model) -> Option<usize> {
    let generates = model.language_model().map(|model| model.card().context_length);
    generates.or_else(|| Some(model.text_encoder()?.tokens_max()))
}
