use std::time::Duration;

use super::{Generation, GenerationReader};
use crate::{FailureKind, clock::now, request::GenerationKind};

const CHAT: &str = "\
: comment\r\n\
data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n\
data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}],\"usage\":null}\n\n\
data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}\n\n\
data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n\
data: [DONE]\n\n";

/// Cuts the stream in pieces of so many bytes, a millisecond apart.
fn read(text: &str, bytes: usize) -> Generation {
    let start = now();
    let mut reader = GenerationReader::new(GenerationKind::StreamedChat);
    for (piece, at) in text.as_bytes().chunks(bytes).zip(0..) {
        reader.take(piece, start + Duration::from_millis(at)).unwrap();
    }
    reader.finish().unwrap()
}

#[test]
fn pieces_and_usage_are_found_however_the_stream_is_cut() {
    for bytes in [1, 2, 3, 7, 64, 4096] {
        let generation = read(CHAT, bytes);
        assert_eq!(generation.pieces.len(), 2, "cut in {bytes}");
        assert_eq!(generation.text, "Hello");
        assert_eq!((generation.prompt_tokens, generation.output_tokens), (Some(7), Some(3)));
    }
}

#[test]
fn a_piece_counts_when_its_event_is_whole() {
    let generation = read(CHAT, 20);
    assert!(generation.pieces[0] < generation.pieces[1]);
}

#[test]
fn a_stream_that_breaks_off_or_errs_fails() {
    let mut reader = GenerationReader::new(GenerationKind::StreamedChat);
    reader.take(b"data: {\"choices\":[]}\n\n", now()).unwrap();
    assert_eq!(reader.finish().unwrap_err().kind, FailureKind::Transport);

    let mut reader = GenerationReader::new(GenerationKind::StreamedChat);
    let error = reader.take(b"data: {\"error\":{\"message\":\"no memory\"}}\n\n", now());
    let error = error.unwrap_err();
    assert_eq!(error.kind, FailureKind::Server);
    assert!(error.message.contains("no memory"));

    let mut reader = GenerationReader::new(GenerationKind::StreamedChat);
    assert!(reader.take(b"data: <html>\n\n", now()).is_err());
}

#[test]
fn documents_that_are_not_streamed_count_too() {
    let body = br#"{"choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":2,"completion_tokens":1}}"#;
    let whole = GenerationKind::Chat.read_whole(body, now()).unwrap();
    assert_eq!((whole.pieces.len(), whole.output_tokens), (1, Some(1)));
    let body = br#"{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"#;
    let whole = GenerationKind::Embedding.read_whole(body, now()).unwrap();
    assert_eq!((whole.pieces.len(), whole.prompt_tokens, whole.output_tokens), (0, Some(2), None));
}
