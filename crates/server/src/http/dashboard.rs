//! The dashboard's files and its events.

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
        IF_NONE_MATCH, LOCATION, REFERRER_POLICY, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};

use super::{answer::Exchange, encoding, refusal::Refusal, reply::ReplyBody};
use crate::{
    compression::Encoding,
    control_guard::{Forbidden, is_cross_site},
    dashboard::{Asset, JoinError, ModelKey, asset},
    shutdown::Phase,
};

type Answer = Result<Response<ReplyBody>, Refusal>;

/// Everything comes from this server; nothing is written into the page as text of another kind.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
pub(super) fn file(exchange: &Exchange, name: &str) -> Answer {
    let asset = asset(name).ok_or_else(Refusal::not_found)?;
    let mut response = if is_known(&exchange.headers, asset) {
        with_status(StatusCode::NOT_MODIFIED, ReplyBody::default())
    } else {
        content(&exchange.headers, asset)
    };
    for (name, value) in [
        // Asked for each time, sent only if it has changed: pages fit the server after an update.
        (CACHE_CONTROL, "no-cache"),
        (VARY, "accept-encoding"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(ETAG, asset.etag.clone());
    Ok(response)
}

/// Sends who asks for the dashboard by its name to where it is.
pub(super) fn redirect(location: &'static str) -> Response<ReplyBody> {
    let mut response = with_status(StatusCode::TEMPORARY_REDIRECT, ReplyBody::default());
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(location));
    response
}

/// The stream of events, for a page that looks at `model` if it is one.
pub(super) fn events(exchange: &Exchange, model: Option<ModelKey>) -> Answer {
    if is_cross_site(&exchange.headers) {
        // It could not read them, but would take a place.
        return Err(Forbidden::CrossSite.into());
    }
    let context = exchange.context();
    if context.state.shutdown.has_reached(Phase::Closing) {
        // A page that comes back at once would take this for a server that goes on.
        let message = "the server is shutting down";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message));
    }
    let viewer = context.feed.join(&context.state, model).map_err(|error| {
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
        match error {
            JoinError::Full => refusal.with_header(RETRY_AFTER, "5"),
            JoinError::Thread(_) => refusal,
        }
    })?;
    exchange.connection.watch.streaming();
    let mut response = Response::new(ReplyBody::live(viewer));
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // Proxies that gather answers would hold events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (CONNECTION, "close"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn is_known(headers: &HeaderMap, asset: &Asset) -> bool {
    let Some(known) = headers.get(IF_NONE_MATCH) else { return false };
    let etag = asset.etag.as_bytes();
    known.as_bytes().split(|byte| *byte == b',').any(|tag| tag.trim_ascii() == etag)
}

fn content(headers: &HeaderMap, asset: &Asset) -> Response<ReplyBody> {
    let takes_gzip = encoding::of_response(headers) == Some(Encoding::Gzip);
    let body = if takes_gzip { &asset.gzip } else { &asset.plain };
    let mut response = with_status(StatusCode::OK, ReplyBody::from(body.clone()));
    response.headers_mut().insert(CONTENT_TYPE, asset.content_type.clone());
    if takes_gzip {
        response.headers_mut().insert(CONTENT_ENCODING, Encoding::Gzip.header_value());
    }
    response
}

fn with_status(status: StatusCode, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
