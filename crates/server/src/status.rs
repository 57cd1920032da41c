//! One table from the core's errors to each protocol's codes.

use http::StatusCode;
use serving::{ErrorKind, ServeError};
use tonic::{Code, Status, metadata::MetadataValue};

use crate::{control_guard::Forbidden, record::Protocol};

/// HTTP status of an error.
pub(crate) const fn http_status(kind: ErrorKind) -> StatusCode {
    match kind {
        // The reference has no code of its own for a caller that went away.
        ErrorKind::InvalidArgument | ErrorKind::AlreadyExists | ErrorKind::Cancelled => {
            StatusCode::BAD_REQUEST
        }
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Exhausted => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// gRPC code of an error.
pub(crate) const fn grpc_code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidArgument => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Exhausted => Code::ResourceExhausted,
        ErrorKind::Unsupported => Code::Unimplemented,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::Cancelled => Code::Cancelled,
        ErrorKind::Internal => Code::Internal,
    }
}

/// The status of a request whose caller has gone: gRPC's, and the one that proxies log.
pub(crate) const fn cancelled(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Http => 499,
        Protocol::Grpc => 1,
    }
}

/// What went wrong, in gRPC's words for both protocols; `None` if nothing did. For logs and traces.
pub(crate) const fn error_name(protocol: Protocol, status: u16) -> Option<&'static str> {
    match protocol {
        Protocol::Http => http_error_name(status),
        Protocol::Grpc => grpc_error_name(status),
    }
}

const fn http_error_name(status: u16) -> Option<&'static str> {
    Some(match status {
        ..400 => return None,
        401 => "unauthenticated",
        403 => "permission_denied",
        404 => "not_found",
        408 => "deadline_exceeded",
        413 | 429 => "resource_exhausted",
        405 | 415 | 501 => "unimplemented",
        499 => "cancelled",
        400..=498 => "invalid_argument",
        503 => "unavailable",
        500.. => "internal",
    })
}

const fn grpc_error_name(code: u16) -> Option<&'static str> {
    const NAMES: [&str; 16] = [
        "cancelled",
        "unknown",
        "invalid_argument",
        "deadline_exceeded",
        "not_found",
        "already_exists",
        "permission_denied",
        "resource_exhausted",
        "failed_precondition",
        "aborted",
        "out_of_range",
        "unimplemented",
        "internal",
        "unavailable",
        "data_loss",
        "unauthenticated",
    ];
    match code {
        0 => None,
        1..=16 => Some(NAMES[code as usize - 1]),
        _ => Some("unknown"),
    }
}

/// gRPC status of an error; when to try again goes into the metadata that gRPC clients look at.
pub(crate) fn grpc_status(error: &ServeError) -> Status {
    let mut status = Status::new(grpc_code(error.kind()), error.to_string());
    if let Some(retry_after) = error.retry_after() {
        let millis = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
        status.metadata_mut().insert("grpc-retry-pushback-ms", MetadataValue::from(millis));
    }
    status
}

/// gRPC status of a change that is refused.
pub(crate) fn control_status(forbidden: &Forbidden) -> Status {
    let code = match forbidden {
        Forbidden::CrossSite => Code::PermissionDenied,
        Forbidden::TokenMissing | Forbidden::TokenWrong => Code::Unauthenticated,
    };
    Status::new(code, forbidden.to_string())
}

#[cfg(test)]
mod tests;
