//! From a request to its answer, whatever it is about.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use serving::{Clock, Timestamp};

use super::{
    Context,
    body::RequestBody,
    connection::Connection,
    control, encoding, infer,
    refusal::Refusal,
    reply::ReplyBody,
    route::{ModelCall, Route},
};
use crate::{
    access::{self, Access},
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
    /// The client's name for the request, once it is known; only for the access log.
    pub(super) request_id: String,
}

impl Exchange {
    pub(super) fn context(&self) -> &Context {
        &self.connection.context
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
    let (head, incoming) = request.into_parts();
    let body = RequestBody::new(incoming);
    let mut exchange = Exchange {
        connection,
        headers: head.headers,
        body,
        received,
        stopwatch: Stopwatch::default(),
        request_id: String::new(),
    };
    let route = Route::of(&head.method, head.uri.path());
    let mut model = "";
    let answered = match &route {
        Ok(Route::Model { name, version, call: ModelCall::Infer }) => {
            model = name;
            infer::infer(&mut exchange, name, version).await
        }
        // The other calls are rare and boxed, so that the common one's future stays small.
        Ok(route) => Box::pin(control::answer(&mut exchange, route)).await,
        Err(refusal) => Err(refusal.clone()),
    };
    let mut response = answered.unwrap_or_else(Refusal::into_response);
    close_if_needed(&mut exchange, &mut response).await;
    if exchange.context().state.access_log {
        log(&exchange, &head.method, head.uri.path(), model, &response);
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

fn log(
    exchange: &Exchange,
    method: &Method,
    path: &str,
    model: &str,
    response: &Response<ReplyBody>,
) {
    access::log(&Access {
        protocol: "http",
        call: &format!("{method} {path}"),
        model,
        request_id: &exchange.request_id,
        status: response.status().as_u16(),
        bytes_in: exchange.body.bytes_read(),
        bytes_out: response.body().byte_len(),
        duration: Clock::now().since(exchange.received),
        peer: exchange.connection.peer,
    });
}
