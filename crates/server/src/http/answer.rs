//! From a request to its answer, whatever it is about.

use std::{convert::Infallible, mem, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header, request::Parts};
use hyper::body::Incoming;
use serving::{Clock, Timestamp, Timing};

use super::{
    Context,
    body::RequestBody,
    connection::Connection,
    control, encoding, infer, openai,
    refusal::{Refusal, RefusalForm},
    reply::ReplyBody,
    route::{ModelCall, Route},
};
use crate::{
    access::{self, Access},
    api_keys::Tenant,
    record::{Beginning, Observed, Outcome, Protocol},
    shutdown::Phase,
    timing::Stopwatch,
};

/// One request: its headers are there, its body is still to be read.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) connection: Arc<Connection>,
    pub(super) headers: HeaderMap,
    pub(super) body: RequestBody,
    pub(super) received: Timestamp,
    pub(super) stopwatch: Stopwatch,
    /// What is written down of an inference, if anybody wants to know.
    pub(super) observed: Option<Observed>,
    /// Who asks for a generation, if that needs a key.
    pub(super) tenant: Option<Tenant>,
}

impl Exchange {
    pub(super) fn context(&self) -> &Context {
        &self.connection.context
    }

    /// Starts a record of an inference, if anybody wants to know.
    pub(super) fn observe(&mut self, path: &str, model: &str) {
        self.observed = Observed::begin(
            &self.connection.context.state,
            Beginning {
                protocol: Protocol::Http,
                method: "POST ",
                path,
                model,
                headers: &self.headers,
                peer: self.connection.peer,
                received: self.received,
            },
        );
    }

    /// Reads the body and undoes its compression.
    ///
    /// # Errors
    ///
    /// See [`RequestBody::read`] and [`encoding::decompress`].
    pub(super) async fn read_body(&mut self) -> Result<Bytes, Refusal> {
        let compression = encoding::of_request(&self.headers)?;
        let limits = self.connection.context.limits;
        let body = self.body.read(&limits).await?;
        let Some(compression) = compression else { return Ok(body) };
        // What comes out is what takes the time.
        let effort = body.len().saturating_mul(8);
        let decompress = move || encoding::decompress(compression, &body, limits.body_bytes_max);
        self.context().offload.run(effort, decompress).await
    }
}

/// Answers one request.
pub(super) async fn answer(
    request: Request<Incoming>,
    connection: Arc<Connection>,
) -> Result<Response<ReplyBody>, Infallible> {
    let received = Clock::now();
    connection.watch.serving();
    let (mut head, incoming) = request.into_parts();
    let body = RequestBody::new(incoming);
    let mut exchange = Exchange {
        connection,
        headers: mem::take(&mut head.headers),
        body,
        received,
        stopwatch: Stopwatch::default(),
        observed: None,
        tenant: None,
    };
    let route = Route::of(&head.method, head.uri.path());
    let answered = match &route {
        Ok(Route::Model { name, version, call: ModelCall::Infer }) => {
            exchange.observe(head.uri.path(), name);
            infer::infer(&mut exchange, name, version).await
        }
        Ok(Route::Generate { name, version, is_streamed }) => {
            let path = head.uri.path();
            Box::pin(openai::generate(&mut exchange, path, (name, version), *is_streamed)).await
        }
        Ok(Route::OpenAi(endpoint)) => {
            Box::pin(openai::answer(&mut exchange, endpoint, head.uri.path())).await
        }
        // The other calls are rare and boxed, so that the common one's future stays small.
        Ok(route) => Box::pin(control::answer(&mut exchange, route)).await,
        Err(refusal) => Err(refusal.clone()),
    };
    let mut response =
        answered.unwrap_or_else(|refusal| refusal.into_response(RefusalForm::of(head.uri.path())));
    close_if_needed(&mut exchange, &mut response).await;
    if let Some(observed) = exchange.observed.take() {
        observed.finish(exchange.stopwatch, outcome(&exchange, &response));
    } else if exchange.context().state.access_log {
        log(&exchange, &head, &response);
    }
    response.body_mut().watched(Arc::clone(&exchange.connection.watch));
    Ok(response)
}

/// Says that the answer is the connection's last one if there is more of the request than anybody
/// wants to read, or if the server is about to end.
async fn close_if_needed(exchange: &mut Exchange, response: &mut Response<ReplyBody>) {
    let Exchange { connection, headers, body, .. } = exchange;
    let context = &connection.context;
    let is_read = body.finish(headers, &context.limits).await;
    if !is_read {
        connection.watch.set_lingers();
    }
    if !is_read || context.state.shutdown.has_reached(Phase::Draining) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
}

fn outcome(exchange: &Exchange, response: &Response<ReplyBody>) -> Outcome {
    Outcome {
        status: response.status().as_u16(),
        bytes_in: exchange.body.bytes_read(),
        bytes_out: response.body().byte_len(),
        ended: Clock::now(),
    }
}

/// Writes a line about a call that is no inference.
fn log(exchange: &Exchange, head: &Parts, response: &Response<ReplyBody>) {
    let Outcome { status, bytes_in, bytes_out, ended } = outcome(exchange, response);
    access::log(&Access {
        protocol: Protocol::Http,
        call: &format!("{} {}", head.method, head.uri.path()),
        model: "",
        version: None,
        request_id: "",
        status,
        bytes_in,
        bytes_out,
        duration: ended.since(exchange.received),
        timing: Timing::default(),
        trace_id: None,
        peer: exchange.connection.peer,
    });
}
