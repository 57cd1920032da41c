use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use protocol::rest::{DecodeError, EncodeError, ErrorDocument};
use serving::ServeError;

use super::reply::{self, ReplyBody};
use crate::{control_guard::Forbidden, status::http_status};

/// An answer that is an error: a status and a message that says what to change.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    retry_after: Option<Duration>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None, header: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, message)
    }

    pub(super) fn wrong_method(allowed: &[Method]) -> Self {
        let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        let value = HeaderValue::try_from(names.join(", ")).ok();
        let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        Self { header: value.map(|value| (header::ALLOW, value)), ..refusal }
    }

    /// What is too large, and the flag that changes it.
    pub(super) fn too_large(message: &str) -> Self {
        let message = format!("{message}; the server's limit is raised with --http-max-input-size");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    pub(super) fn with_header(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, HeaderValue::from_static(value))), ..self }
    }

    pub(super) fn into_response(self) -> Response<ReplyBody> {
        let document = ErrorDocument { error: &self.message };
        let mut response = reply::json_document(&document);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(retry_after) = self.retry_after {
            // Whole seconds; none would mean at once.
            let seconds = retry_after.as_secs_f64().ceil().max(1.0);
            if let Ok(value) = HeaderValue::try_from(seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}

impl From<ServeError> for Refusal {
    fn from(error: ServeError) -> Self {
        let refusal = Self::new(http_status(error.kind()), error.to_string());
        Self { retry_after: error.retry_after(), ..refusal }
    }
}

impl From<Forbidden> for Refusal {
    fn from(forbidden: Forbidden) -> Self {
        let message = forbidden.to_string();
        match forbidden {
            Forbidden::CrossSite => Self::new(StatusCode::FORBIDDEN, message),
            Forbidden::TokenMissing | Forbidden::TokenWrong => {
                Self::new(StatusCode::UNAUTHORIZED, message)
                    .with_header(header::WWW_AUTHENTICATE, "Bearer")
            }
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Malformed(message) => Self::bad_request(message),
            DecodeError::TooLarge(message) => Self::too_large(&message),
            DecodeError::Unsupported(message) => Self::unsupported(message),
        }
    }
}

impl From<EncodeError> for Refusal {
    fn from(error: EncodeError) -> Self {
        Self::bad_request(error.to_string())
    }
}
