use super::*;

#[track_caller]
fn check(accepted: &str, expected: Option<Encoding>) {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(accepted).unwrap());
    assert_eq!(Encoding::of_response(&headers), expected);
}

#[test]
fn the_clients_weights_decide() {
    check("gzip", Some(Encoding::Gzip));
    check("deflate", Some(Encoding::Deflate));
    check("GZIP", Some(Encoding::Gzip));
    check("gzip, deflate", Some(Encoding::Gzip));
    check("deflate, gzip", Some(Encoding::Deflate));
    check("gzip;q=0.5, deflate;q=0.8", Some(Encoding::Deflate));
    check("gzip;q=0.5, identity;q=0.8", None);
    check("gzip ; q=0.8 , identity;q=0.5", Some(Encoding::Gzip));
    check("identity, gzip", None);
    check("br", None);
    check("br, gzip;q=0.1", Some(Encoding::Gzip));
    check("gzip;q=0", None);
    check("gzip;q=x", None);
    check("", None);
    check("*", None);
    assert_eq!(Encoding::of_response(&HeaderMap::new()), None);
}

#[test]
fn what_is_compressed_is_read_back() {
    for encoding in [Encoding::Gzip, Encoding::Deflate] {
        let compressed = encoding.compress([&b"ab"[..], b"", b"c"].into_iter());
        assert_eq!(encoding.decompress(&compressed, 3).unwrap(), "abc");
        assert!(encoding.decompress(&compressed, 2).is_err());
        assert!(encoding.decompress(&compressed[..compressed.len() - 1], 3).is_err());
        assert!(encoding.decompress(b"abc", 3).is_err());
    }
}
