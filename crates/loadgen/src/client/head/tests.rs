use super::{Framing, Head};

#[track_caller]
fn check(text: &str, expected: Head) {
    assert_eq!(Head::parse(text.as_bytes()).unwrap(), Some(expected));
}

#[test]
fn heads_say_where_the_body_ends() {
    let head = Head { status: 200, ..Head::default() };
    assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap(), None);
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
    check(text, Head { bytes: text.len(), framing: Framing::Length(12), ..head.clone() });
    let text = "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: gzip, Chunked\r\ncontent-length: 3\r\n\r\n";
    check(text, Head { bytes: text.len(), framing: Framing::Chunked, ..head.clone() });
    let text = "HTTP/1.0 200 OK\r\n\r\n";
    check(text, Head { bytes: text.len(), closes: true, ..head.clone() });
    let text = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    let (status, framing) = (204, Framing::Length(0));
    check(text, Head { bytes: text.len(), status, framing, closes: true, ..head });
}

#[test]
fn what_is_no_head_is_refused() {
    assert!(Head::parse(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
    let error = Head::parse(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n").unwrap_err();
    assert_eq!(error.message, "the answer's content-length is \"many\"");
}

#[test]
fn bodies_are_cut_out_of_their_frames() {
    assert_eq!(Framing::Length(2).unframe(b"abc"), Some(b"ab".to_vec()));
    assert_eq!(Framing::Length(4).unframe(b"abc"), None);
    let chunks = b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(Framing::Chunked.unframe(chunks), Some(b"abcde".to_vec()));
    assert_eq!(Framing::Chunked.unframe(&chunks[..12]), None);
    assert_eq!(Framing::Close.unframe(b"abc"), Some(b"abc".to_vec()));
}
