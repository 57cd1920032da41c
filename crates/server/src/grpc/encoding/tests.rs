use http::{HeaderMap, HeaderValue};
use tonic::Code;

use super::{ACCEPT_ENCODING, ENCODING, decompress, of_request, of_response};
use crate::compression::Encoding;

#[test]
fn bombs_and_nonsense_are_refused() {
    let mut bomb = Vec::new();
    Encoding::Gzip.compress([&[0; 1 << 20][..]].into_iter(), &mut bomb);
    let status = decompress(Encoding::Gzip, &bomb, 1000).unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("1000 bytes"), "{status}");
    let status = decompress(Encoding::Deflate, b"nonsense", 1000).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

/// Checks the compression of a request and of its response under two headers.
#[track_caller]
fn check(encoding: &'static str, accepted: &'static str, response: Option<Encoding>) {
    let mut headers = HeaderMap::new();
    headers.insert(ENCODING, HeaderValue::from_static(encoding));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
    let request = of_request(&headers).unwrap();
    assert_eq!(of_response(request, &headers), response);
}

#[test]
fn an_answer_is_compressed_like_its_request() {
    check("gzip", "identity, deflate, gzip", Some(Encoding::Gzip));
    check("deflate", "deflate", Some(Encoding::Deflate));
    check("gzip", "identity", None);
    check("identity", "identity, deflate, gzip", None);
}

#[test]
fn other_compressions_are_named() {
    let mut headers = HeaderMap::new();
    headers.insert(ENCODING, HeaderValue::from_static("snappy"));
    let status = of_request(&headers).unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("'snappy'"), "{status}");
    assert_eq!(status.metadata().get("grpc-accept-encoding").unwrap(), "identity,deflate,gzip");
}
