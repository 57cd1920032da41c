//! OpenAI's API over the language models of the repository, with vLLM's additions.
//!
//! Every endpoint goes the same way: a request of `protocol::openai` becomes a [`Plan`] (tokens and
//! parameters), the plan a [`Turn`] (what comes back, step by step), and a dialect tells the steps.

mod calls;
mod chat;
mod completions;
mod events;
mod head;
mod lookup;
mod plan;
mod prompt;
mod turn;

use http::{Method, Response};

use super::{answer::Exchange, refusal::Refusal, reply::ReplyBody, route::POST};

pub(super) use events::Events;

type Answer = Result<Response<ReplyBody>, Refusal>;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    ChatCompletions,
    Completions,
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
            _ if path.starts_with("/v1/") => return Err(Refusal::not_found()),
            _ => return Ok(None),
        }))
    }

    pub(super) fn methods(self) -> &'static [Method] {
        match self {
            Self::ChatCompletions | Self::Completions => POST,
        }
    }

    /// The path, for logs.
    const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
        }
    }
}

/// Answers a request.
pub(super) async fn answer(exchange: &mut Exchange, endpoint: &Endpoint) -> Answer {
    match endpoint {
        Endpoint::ChatCompletions => chat::answer(exchange).await,
        Endpoint::Completions => completions::answer(exchange).await,
    }
}
