//! Which model a request is for.

use std::sync::Arc;

use serving::{ErrorKind, LanguageModel, Model, Repository};

use crate::http::refusal::Refusal;

/// The language model of a name; the only one if the name is empty.
///
/// # Errors
///
/// 404 if there is no such model, 400 if it does not generate text, 503 if it is being loaded.
pub(super) fn language_model(repository: &Repository, name: &str) -> Result<Arc<Model>, Refusal> {
    if name.is_empty() {
        return only_model(repository);
    }
    let model = repository.model(name, "").map_err(|error| {
        if error.kind() != ErrorKind::NotFound {
            return Refusal::from(error);
        }
        not_found(format!("the model `{name}` does not exist, or is not loaded"))
    })?;
    if model.language_model().is_none() {
        return Err(Refusal::bad_request(format!(
            "the model `{name}` does not generate text; send it tensors at /v2/models/{name}/infer"
        ))
        .with_param("model"));
    }
    Ok(model)
}

/// The model of a name that makes vectors of texts: a language model, or one that takes tokens as a
/// tensor and has its tokenizer beside it. The only one that is no language model if the name is
/// empty, or else the only language model.
///
/// # Errors
///
/// As [`language_model`].
pub(super) fn embedding_model(repository: &Repository, name: &str) -> Result<Arc<Model>, Refusal> {
    if name.is_empty() {
        let mut encoders = repository.models();
        encoders.retain(|model| model.text_encoder().is_some());
        return match (encoders.pop(), encoders.len()) {
            (Some(model), 0) => Ok(model),
            _ => only_model(repository),
        };
    }
    match repository.model(name, "") {
        Ok(model) if model.text_encoder().is_some() => Ok(model),
        Ok(model) if model.language_model().is_none() => Err(Refusal::bad_request(format!(
            "the model `{name}` makes no vectors of texts: it takes no tokens, or no \
             `tokenizer.json` lies beside it; send it tensors at /v2/models/{name}/infer"
        ))
        .with_param("model")),
        _ => language_model(repository, name),
    }
}

fn only_model(repository: &Repository) -> Result<Arc<Model>, Refusal> {
    let mut models = language_models(repository);
    let found = models.pop();
    match found {
        Some(model) if models.iter().all(|other| other.name() == model.name()) => Ok(model),
        Some(_) => Err(not_found("`model` is missing, and there are several to choose from")),
        None => Err(not_found("no model that generates text is loaded")),
    }
}

fn not_found(message: impl Into<String>) -> Refusal {
    let status = http::StatusCode::NOT_FOUND;
    Refusal::new(status, message).with_param("model").with_code("model_not_found")
}

/// Every language model that is ready, by name and version.
pub(super) fn language_models(repository: &Repository) -> Vec<Arc<Model>> {
    let mut models = repository.models();
    models.retain(|model| model.language_model().is_some());
    models
}

/// What a model that was found by [`language_model`] is.
pub(super) fn face(model: &Model) -> &dyn LanguageModel {
    model.language_model().expect("only language models are found")
}
