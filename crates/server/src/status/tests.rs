use std::time::Duration;

use serving::{ErrorKind, ServeError};
use tonic::Code;

use super::{grpc_code, grpc_status, http_status};

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
