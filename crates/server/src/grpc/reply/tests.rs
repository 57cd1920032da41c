use bytes::Bytes;
use prost::Message as _;
use protocol::grpc::{ModelInferResponse, ModelStreamInferResponse};
use tonic::Code;

use super::{Outgoing, PREFIX_LEN, SHARE_BYTES_MIN};
use crate::compression::Encoding;

fn response() -> ModelInferResponse {
    ModelInferResponse {
        model_name: "m".into(),
        model_version: "1".into(),
        id: "7".into(),
        ..ModelInferResponse::default()
    }
}

/// Raw outputs of these sizes.
fn raw(sizes: &[usize]) -> Vec<Bytes> {
    sizes.iter().map(|size| Bytes::from(vec![9; *size])).collect()
}

/// The message that a client would take out of the body.
fn received(outgoing: &Outgoing, encoding: Option<Encoding>) -> Bytes {
    let body = outgoing.0.concat();
    let (prefix, payload) = body.split_at(PREFIX_LEN);
    let len = u32::from_be_bytes(prefix[1..].try_into().unwrap());
    assert_eq!((payload.len(), outgoing.len()), (len as usize, body.len()));
    assert_eq!(prefix[0], u8::from(encoding.is_some()));
    match encoding {
        None => Bytes::copy_from_slice(payload),
        Some(encoding) => encoding.decompress(payload, usize::MAX).unwrap(),
    }
}

/// Encodes outputs of these sizes, plain and nested, and checks that clients read the same.
#[track_caller]
fn check(sizes: &[usize], encoding: Option<Encoding>) {
    let raw = raw(sizes);
    let expected = ModelInferResponse { raw_output_contents: raw.clone(), ..response() };
    let plain = Outgoing::new(&response(), &raw, encoding, usize::MAX).unwrap();
    let message = ModelInferResponse::decode(received(&plain, encoding)).unwrap();
    assert_eq!(message, expected);
    let nested = Outgoing::nested(&response(), &raw, encoding, usize::MAX).unwrap();
    let message = ModelStreamInferResponse::decode(received(&nested, encoding)).unwrap();
    let expected = ModelStreamInferResponse {
        infer_response: Some(expected),
        ..ModelStreamInferResponse::default()
    };
    assert_eq!(message, expected);
}

#[test]
fn messages_are_what_a_generated_encoder_would_write() {
    for encoding in [None, Some(Encoding::Gzip), Some(Encoding::Deflate)] {
        check(&[], encoding);
        check(&[0], encoding);
        check(&[3, 200, 0], encoding);
        check(&[5, SHARE_BYTES_MIN, SHARE_BYTES_MIN - 1, SHARE_BYTES_MIN + 1], encoding);
    }
}

#[test]
fn large_outputs_are_not_copied_and_small_ones_are_one_piece() {
    let large = raw(&[SHARE_BYTES_MIN]);
    let outgoing = Outgoing::new(&response(), &large, None, usize::MAX).unwrap();
    assert_eq!(outgoing.0[1].as_ptr(), large[0].as_ptr());
    let outgoing = Outgoing::new(&response(), &raw(&[64, 64]), None, usize::MAX).unwrap();
    assert_eq!(outgoing.0.len(), 1);
}

#[test]
fn answers_over_the_limit_are_refused() {
    let status = Outgoing::new(&response(), &raw(&[100]), None, 100).unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().ends_with("is larger than the limit of 100 bytes"), "{status}");
}
