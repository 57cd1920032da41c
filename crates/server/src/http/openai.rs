//! OpenAI's API over the language models of the repository, with vLLM's additions; Anthropic's
//! Messages; and the V2 protocol's generate extension.
//!
//! Every endpoint goes the same way: a request of `protocol::openai` becomes a [`plan::Plan`] (tokens
//! and parameters), the plan a [`turn::Turn`] (what comes back, step by step), and a dialect tells
//! the steps: at once, or as [`Events`].

mod calls;
mod chat;
mod completions;
mod embeddings;
mod events;
mod generate;
mod head;
mod lookup;
mod messages;
mod models;
mod plan;
mod prompt;
mod responses;
mod tokens;
mod turn;

use http::{Method, Response, StatusCode};

use super::{
    answer::Exchange,
    refusal::Refusal,
    reply::{self, ReplyBody},
    route::{GET, POST, percent_decoded},
};

pub(super) use events::Events;

type Answer = Result<Response<ReplyBody>, Refusal>;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    ChatCompletions,
    Completions,
    Responses,
    Messages,
    CountTokens,
    Embeddings,
    Models,
    Model { name: String },
    Tokenize,
    Detokenize,
    ResetPrefixCache,
}

impl Endpoint {
    /// Finds what `path` stands for; `None` if it is none of these APIs'.
    ///
    /// # Errors
    ///
    /// 404 for a path that begins as these APIs' do and is none of them.
    pub(super) fn find(path: &str) -> Result<Option<Self>, Refusal> {
        Ok(Some(match path {
            "/v1/chat/completions" => Self::ChatCompletions,
            "/v1/completions" => Self::Completions,
            "/v1/responses" => Self::Responses,
            "/v1/messages" => Self::Messages,
            "/v1/messages/count_tokens" => Self::CountTokens,
            "/v1/embeddings" => Self::Embeddings,
            "/v1/models" => Self::Models,
            "/tokenize" => Self::Tokenize,
            "/detokenize" => Self::Detokenize,
            "/reset_prefix_cache" => Self::ResetPrefixCache,
            _ => match path.strip_prefix("/v1/models/") {
                Some(name) => Self::Model { name: percent_decoded(name)?.into_owned() },
                None if path.starts_with("/v1/") => return Err(Refusal::not_found()),
                None => return Ok(None),
            },
        }))
    }

    pub(super) fn methods(&self) -> &'static [Method] {
        match self {
            Self::Models | Self::Model { .. } => GET,
            _ => POST,
        }
    }

    /// Whether it changes the server.
    pub(super) fn is_control(&self) -> bool {
        *self == Self::ResetPrefixCache
    }
}

/// Answers a request of whoever may ask.
pub(super) async fn answer(exchange: &mut Exchange, endpoint: &Endpoint, path: &str) -> Answer {
    if endpoint.is_control() {
        exchange.context().state.control.check(&exchange.headers)?;
        return Ok(reset_prefix_cache(exchange));
    }
    exchange.tenant = exchange.context().state.api_keys.check(&exchange.headers)?;
    match endpoint {
        Endpoint::ChatCompletions => chat::answer(exchange, path).await,
        Endpoint::Completions => completions::answer(exchange, path).await,
        Endpoint::Responses => responses::answer(exchange, path).await,
        Endpoint::Messages => messages::answer(exchange, path).await,
        Endpoint::CountTokens => messages::count_tokens(exchange).await,
        Endpoint::Embeddings => embeddings::answer(exchange, path).await,
        Endpoint::Models => Ok(models::list(exchange)),
        Endpoint::Model { name } => models::show(exchange, name),
        Endpoint::Tokenize => tokens::tokenize(exchange).await,
        Endpoint::Detokenize => tokens::detokenize(exchange).await,
        Endpoint::ResetPrefixCache => unreachable!("answered above"),
    }
}

/// Answers a request of the generate extension, of whoever may ask.
pub(super) async fn generate(
    exchange: &mut Exchange,
    path: &str,
    model: (&str, &str),
    is_streamed: bool,
) -> Answer {
    exchange.tenant = exchange.context().state.api_keys.check(&exchange.headers)?;
    generate::answer(exchange, path, model, is_streamed).await
}

/// Makes every language model forget what it keeps of prompts.
fn reset_prefix_cache(exchange: &Exchange) -> Response<ReplyBody> {
    for model in lookup::language_models(&exchange.context().state.repository) {
        lookup::face(&model).reset_prefix_cache();
    }
    reply::empty(StatusCode::OK)
}

impl Exchange {
    /// Reads a body into a request; a long one off the network's threads.
    async fn read_request<T: Send + 'static>(
        &mut self,
        read: fn(&[u8]) -> Result<T, protocol::openai::RequestFault>,
    ) -> Result<T, Refusal> {
        let body = self.read_body().await?;
        let effort = body.len();
        Ok(self.context().offload.run(effort, move || read(&body)).await?)
    }
}
