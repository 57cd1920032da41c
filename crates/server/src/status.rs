//! One table from the core's errors to each protocol's codes.

use http::StatusCode;
use serving::{ErrorKind, ServeError};
use tonic::{Code, Status, metadata::MetadataValue};

use crate::control_guard::Forbidden;

/// HTTP status of an error.
pub(crate) const fn http_status(kind: ErrorKind) -> StatusCode {
    match kind {
        // The reference has no code of its own for a caller that went away.
        ErrorKind::InvalidArgument | ErrorKind::AlreadyExists | ErrorKind::Cancelled => {
            StatusCode::BAD_REQUEST
        }
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
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
        ErrorKind::Unsupported => Code::Unimplemented,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::Cancelled => Code::Cancelled,
        ErrorKind::Internal => Code::Internal,
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
