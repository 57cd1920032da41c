use http::{HeaderMap, HeaderValue};
use tonic::Code;

use super::{ACCEPT_ENCODING, ENCODING, Encoding};

const BOTH: [Encoding; 2] = [Encoding::Gzip, Encoding::Deflate];

#[test]
fn messages_survive_both_compressions() {
    let message = b"hone ".repeat(100);
    for encoding in BOTH {
        let mut compressed = Vec::new();
        encoding.compress(&*message, &mut compressed).unwrap();
        assert!(compressed.len() < message.len());
        assert_eq!(encoding.decompress(&compressed, message.len()).unwrap(), message);
    }
}

#[test]
fn bombs_stop_at_the_limit() {
    for encoding in BOTH {
        let mut compressed = Vec::new();
        encoding.compress(&*vec![0; 1 << 20], &mut compressed).unwrap();
        let status = encoding.decompress(&compressed, 1000).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains("1000 bytes"), "{status}");
    }
}

#[test]
fn broken_data_is_an_error() {
    for encoding in BOTH {
        let status = encoding.decompress(b"nonsense", 1000).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
}

/// Checks the compression of a request and of its response under two headers.
#[track_caller]
fn check(encoding: &'static str, accepted: &'static str, response: Option<Encoding>) {
    let mut headers = HeaderMap::new();
    headers.insert(ENCODING, HeaderValue::from_static(encoding));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
    let request = Encoding::of_request(&headers).unwrap();
    assert_eq!(Encoding::of_response(request, &headers), response);
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
    let status = Encoding::of_request(&headers).unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("'snappy'"), "{status}");
    assert_eq!(status.metadata().get("grpc-accept-encoding").unwrap(), "identity,deflate,gzip");
}
