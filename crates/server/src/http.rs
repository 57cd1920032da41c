//! The REST front end: the V2 protocol and OpenAI's API over HTTP/1.1.
//!
//! A request comes from hyper's connection, is matched against the paths by hand and answered
//! without a framework in between. A body that arrives in one piece becomes tensors without a copy,
//! and large output tensors leave as they are.

mod answer;
mod body;
mod connection;
mod control;
mod dashboard;
mod encoding;
mod infer;
mod live;
mod offload;
mod openai;
mod refusal;
mod reply;
mod repository;
mod route;
mod trace;
mod watch;

use std::sync::Arc;

use self::offload::Offload;
use crate::{HttpLimits, dashboard::Feed, state::State};

pub(crate) use connection::serve;

/// What every request of the front end is answered from.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) state: Arc<State>,
    pub(crate) limits: HttpLimits,
    offload: Offload,
    /// What open dashboards are told.
    feed: Arc<Feed>,
}

impl Context {
    pub(crate) fn new(state: Arc<State>, limits: HttpLimits) -> Self {
        Self { state, limits, offload: Offload::new(), feed: Arc::default() }
    }
}
