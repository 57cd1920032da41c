//! `GET /v1/models` and `GET /v1/models/{id}`.

use http::Response;
use serde_json::{Value, json};
use serving::{Model, Timestamp};

use super::{
    Answer,
    head::seconds,
    lookup::{face, language_model, language_models},
};
use crate::{
    http::{
        answer::Exchange,
        reply::{self, ReplyBody},
    },
    state::SERVER_NAME,
};

pub(super) fn list(exchange: &Exchange) -> Response<ReplyBody> {
    // The newest version of each answers.
    let mut models = language_models(&exchange.context().state.repository);
    models.reverse();
    models.dedup_by(|later, earlier| later.name() == earlier.name());
    models.reverse();
    let models: Vec<Value> = models.iter().map(|model| document(model)).collect();
    reply::json_document(&json!({"object": "list", "data": models}))
}

pub(super) fn show(exchange: &Exchange, name: &str) -> Answer {
    let model = language_model(&exchange.context().state.repository, name)?;
    Ok(reply::json_document(&document(&model)))
}

fn document(model: &Model) -> Value {
    let card = face(model).card();
    json!({
        "id": model.name(),
        "object": "model",
        // The server's clock starts with the process.
        "created": seconds(Timestamp::default()),
        "owned_by": SERVER_NAME,
        "root": model.name(),
        "parent": null,
        "max_model_len": card.context_length,
    })
}
