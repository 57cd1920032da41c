//! Calls that list, load and unload models.

use std::sync::Arc;

use http::{Response, StatusCode};
use protocol::rest::{self, IndexDocument, LoadDocument};
use serving::LoadOverrides;

use super::{
    answer::Exchange,
    refusal::Refusal,
    reply::{self, ReplyBody},
};
use crate::load::check_repository_name;

type Answer = Result<Response<ReplyBody>, Refusal>;

pub(super) async fn index(exchange: &mut Exchange, repository: &str) -> Answer {
    check_repository_name(repository)?;
    let body = exchange.read_body().await?;
    let entries = exchange.context().state.repository.index(rest::read_index(&body)?);
    let documents: Vec<_> = entries
        .iter()
        .map(|entry| IndexDocument {
            name: &entry.name,
            version: entry.version.map(|version| version.to_string()),
            state: entry.state.name(),
            reason: &entry.reason,
        })
        .collect();
    Ok(reply::json_document(&documents))
}

pub(super) async fn load(exchange: &mut Exchange, repository: &str, name: &str) -> Answer {
    check_repository_name(repository)?;
    let body = exchange.read_body().await?;
    let context = exchange.context();
    let read = move || LoadDocument::read(&body);
    let LoadDocument { config, files } =
        context.offload.run(exchange.body.bytes_read(), read).await?;
    let repository = Arc::clone(&context.state.repository);
    repository.load(name, LoadOverrides { config, files }).await?;
    Ok(reply::empty(StatusCode::OK))
}

pub(super) async fn unload(exchange: &mut Exchange, repository: &str, name: &str) -> Answer {
    check_repository_name(repository)?;
    let body = exchange.read_body().await?;
    let dependents = rest::read_unload(&body)?;
    let repository = Arc::clone(&exchange.context().state.repository);
    repository.unload(name, dependents).await?;
    Ok(reply::empty(StatusCode::OK))
}
