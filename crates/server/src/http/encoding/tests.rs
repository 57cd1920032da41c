use http::HeaderValue;

use super::*;

#[track_caller]
fn check(accepted: &str, expected: Option<Encoding>) {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(accepted).unwrap());
    assert_eq!(of_response(&headers), expected);
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
    assert_eq!(of_response(&HeaderMap::new()), None);
}

#[test]
fn bombs_and_nonsense_are_refused() {
    let mut bomb = Vec::new();
    Encoding::Deflate.compress([&[0; 1 << 20][..]].into_iter(), &mut bomb);
    assert!(decompress(Encoding::Deflate, &bomb, 1000).is_err());
    assert!(decompress(Encoding::Gzip, b"abc", 3).is_err());
}
