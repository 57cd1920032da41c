use std::time::Duration;

use serving::{ErrorKind, ServeError};
use tonic::Code;

use super::{cancelled, error_name, grpc_code, grpc_status, http_status};
use crate::record::Protocol;

#[track_caller]
fn check(kind: ErrorKind, http: u16, grpc: Code) {
    assert_eq!((http_status(kind).as_u16(), grpc_code(kind)), (http, grpc));
}

#[test]
fn every_kind_has_the_reference_codes() {
    check(ErrorKind::InvalidArgument, 400, Code::InvalidArgument);
    check(ErrorKind::NotFound, 404, Code::NotFound);
    check(ErrorKind::Unavailable, 503, Code::Unavailable);
    check(ErrorKind::Unsupported, 501, Code::Unimplemented);
    check(ErrorKind::AlreadyExists, 400, Code::AlreadyExists);
    check(ErrorKind::Cancelled, 400, Code::Cancelled);
    check(ErrorKind::Internal, 500, Code::Internal);
}

#[test]
fn the_time_to_retry_is_told() {
    let error = ServeError::unavailable("full").with_retry_after(Duration::from_millis(1500));
    let status = grpc_status(&error);
    assert_eq!(status.message(), "full");
    assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1500");
}

#[test]
fn errors_have_the_same_names_in_both_protocols() {
    let kinds = [
        ErrorKind::InvalidArgument,
        ErrorKind::NotFound,
        ErrorKind::Unavailable,
        ErrorKind::Unsupported,
        ErrorKind::Internal,
    ];
    for kind in kinds {
        let http = error_name(Protocol::Http, http_status(kind).as_u16());
        let grpc = error_name(Protocol::Grpc, grpc_code(kind) as u16);
        assert!(http.is_some() && http == grpc, "{kind:?}: {http:?} {grpc:?}");
    }
    for protocol in [Protocol::Http, Protocol::Grpc] {
        assert_eq!(error_name(protocol, cancelled(protocol)), Some("cancelled"));
    }
    assert_eq!(error_name(Protocol::Http, 200), None);
    assert_eq!(error_name(Protocol::Grpc, 0), None);
}
