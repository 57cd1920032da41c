use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use protocol::{
    openai::{ErrorBody, ErrorForm, RequestFault},
    rest::{DecodeError, EncodeError, ErrorDocument},
};
use serving::{ErrorKind, ServeError};

use super::reply::{self, ReplyBody};
use crate::{api_keys::KeyFault, control_guard::Forbidden, status::http_status};

/// An answer that is an error: a status and a message that says what to change.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    retry_after: Option<Duration>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
    /// What only some APIs tell.
    fault: Option<Box<Fault>>,
}

/// Where a request is wrong, for programs.
#[derive(Clone, Debug, Default)]
struct Fault {
    param: Option<String>,
    code: Option<&'static str>,
}

/// How an error is written: the protocol's form, or another API's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalForm {
    /// `{"error": "..."}`.
    V2,
    /// As OpenAI or Anthropic do.
    Other(ErrorForm),
}

impl RefusalForm {
    /// The form of what is under a path.
    pub(super) fn of(path: &str) -> Self {
        match path {
            _ if path.starts_with("/v1/messages") => Self::Other(ErrorForm::Anthropic),
            "/tokenize" | "/detokenize" | "/reset_prefix_cache" => Self::Other(ErrorForm::OpenAi),
            _ if path == "/v1" || path.starts_with("/v1/") => Self::Other(ErrorForm::OpenAi),
            _ => Self::V2,
        }
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None, header: None, fault: None }
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
        Self { header: value.map(|value| Box::new((header::ALLOW, value))), ..refusal }
    }

    /// What is too large, and the flag that changes it.
    pub(super) fn too_large(message: &str) -> Self {
        let message = format!("{message}; the server's limit is raised with --http-max-input-size");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    pub(super) fn with_header(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some(Box::new((name, HeaderValue::from_static(value)))), ..self }
    }

    /// Names the field that is wrong, unless it is known.
    pub(super) fn with_param(mut self, param: &str) -> Self {
        let fault = self.fault.get_or_insert_default();
        fault.param.get_or_insert_with(|| param.to_owned());
        self
    }

    /// Gives the field that is wrong another name.
    pub(super) fn instead_of(mut self, old: &str, new: &str) -> Self {
        if let Some(fault) = &mut self.fault
            && fault.param.as_deref() == Some(old)
        {
            fault.param = Some(new.to_owned());
        }
        self
    }

    /// Adds a word for programs.
    pub(super) fn with_code(mut self, code: &'static str) -> Self {
        self.fault.get_or_insert_default().code = Some(code);
        self
    }

    /// What is told where an answer has begun already.
    pub(super) fn body(&self) -> ErrorBody<'_> {
        let fault = self.fault.as_deref();
        ErrorBody {
            status: self.status.as_u16(),
            message: &self.message,
            param: fault.and_then(|fault| fault.param.as_deref()),
            code: fault.and_then(|fault| fault.code),
        }
    }

    pub(super) fn into_response(self, form: RefusalForm) -> Response<ReplyBody> {
        let mut response = match form {
            RefusalForm::V2 => reply::json_document(&ErrorDocument { error: &self.message }),
            RefusalForm::Other(form) => reply::json(self.body().to_json(form)),
        };
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(retry_after) = self.retry_after {
            // Whole seconds; none would mean at once.
            let seconds = retry_after.as_secs_f64().ceil().max(1.0);
            if let Ok(value) = HeaderValue::try_from(seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        if let Some(header) = self.header {
            headers.insert(header.0, header.1);
        }
        response
    }
}

impl From<ServeError> for Refusal {
    fn from(error: ServeError) -> Self {
        let refusal = Self::new(http_status(error.kind()), error.to_string());
        let refusal = Self { retry_after: error.retry_after(), ..refusal };
        let refusal = match error.parameter() {
            Some(param) => refusal.with_param(param),
            None => refusal,
        };
        match error.kind() {
            ErrorKind::Exhausted => refusal.with_code("rate_limit_exceeded"),
            _ => refusal,
        }
    }
}

impl From<RequestFault> for Refusal {
    fn from(fault: RequestFault) -> Self {
        let RequestFault { param, message, code } = fault;
        let param = Some(param).filter(|param| !param.is_empty());
        let fault = Some(Box::new(Fault { param, code }));
        Self { fault, ..Self::bad_request(message) }
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

impl From<KeyFault> for Refusal {
    fn from(fault: KeyFault) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, fault.to_string())
            .with_header(header::WWW_AUTHENTICATE, "Bearer")
            .with_code("invalid_api_key")
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
