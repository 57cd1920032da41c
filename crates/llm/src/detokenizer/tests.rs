use std::sync::Arc;

use proptest::prelude::{any, prop, proptest};

use super::{Detokenizer, Vocabulary};

/// Token `i` is the `i`-th of these.
struct Pieces(Vec<(Vec<u8>, bool)>);

impl Vocabulary for Pieces {
    fn token_bytes(&self, token: u32) -> &[u8] {
        self.0.get(token as usize).map_or(&[], |piece| &piece.0)
    }

    fn is_special(&self, token: u32) -> bool {
        self.0.get(token as usize).is_some_and(|piece| piece.1)
    }
}

fn pieces(pieces: &[&[u8]]) -> (Arc<Pieces>, u32) {
    let special = |piece: &[u8]| piece.starts_with(b"<|");
    let all: Vec<_> = pieces.iter().map(|piece| (piece.to_vec(), special(piece))).collect();
    let count = u32::try_from(all.len()).unwrap();
    (Arc::new(Pieces(all)), count)
}

fn deltas(mut detokenizer: Detokenizer, count: u32) -> Vec<String> {
    let mut deltas: Vec<_> = (0..count)
        .map(|token| {
            let mut text = String::new();
            detokenizer.push(token, &mut text);
            text
        })
        .collect();
    let mut rest = String::new();
    detokenizer.finish(&mut rest);
    deltas.push(rest);
    deltas
}

#[track_caller]
fn check(tokens: &[&[u8]], expected: &[&str]) {
    let (vocabulary, count) = pieces(tokens);
    assert_eq!(deltas(Detokenizer::new(vocabulary, true), count), expected);
}

#[test]
fn characters_are_whole() {
    check(&[b"a", b" b"], &["a", " b", ""]);
    check(&[b"\xf0\x9f", b"\x98", b"\x80!"], &["", "", "\u{1f600}!", ""]);
    check(&[b"caf\xc3", b"\xa9s"], &["caf", "\u{e9}s", ""]);
}

#[test]
fn what_cannot_become_a_character_is_replaced() {
    check(&[b"\xf0\x9f", b"x"], &["", "\u{fffd}x", ""]);
    check(&[b"\xff", b"\x80"], &["\u{fffd}", "\u{fffd}", ""]);
    check(&[b"a\xe2\x82"], &["a", "\u{fffd}"]);
    check(&[b"\xe2\x82", b"\xe2\x82\xac"], &["", "\u{fffd}\u{20ac}", ""]);
}

#[test]
fn special_tokens_are_skipped_unless_wanted() {
    check(&[b"a", b"<|end|>", b"b"], &["a", "", "b", ""]);
    let (vocabulary, count) = pieces(&[b"a", b"<|end|>"]);
    assert_eq!(deltas(Detokenizer::new(vocabulary, false), count), ["a", "<|end|>", ""]);
}

#[test]
fn the_first_space_can_be_left_out() {
    let (vocabulary, count) = pieces(&[b"<|begin|>", b" Hello", b" you"]);
    let detokenizer = Detokenizer::new(vocabulary, true).without_first_space();
    assert_eq!(deltas(detokenizer, count), ["", "Hello", " you", ""]);
    let (vocabulary, count) = pieces(&[b"Hello", b" you"]);
    let detokenizer = Detokenizer::new(vocabulary, true).without_first_space();
    assert_eq!(deltas(detokenizer, count), ["Hello", " you", ""]);
}

#[test]
fn unknown_tokens_have_no_text() {
    let mut text = String::new();
    let mut detokenizer = Detokenizer::new(pieces(&[]).0, true);
    detokenizer.push(u32::MAX, &mut text);
    detokenizer.finish(&mut text);
    assert_eq!(text, "");
}

proptest! {
    #[test]
    fn cuts_do_not_matter(tokens in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..20)) {
        let all: Vec<&[u8]> = tokens.iter().map(Vec::as_slice).collect();
        let vocabulary = Arc::new(Pieces(tokens.iter().map(|bytes| (bytes.clone(), false)).collect()));
        let count = u32::try_from(all.len()).unwrap();
        let text = deltas(Detokenizer::new(vocabulary, false), count).concat();
        assert_eq!(text, String::from_utf8_lossy(&all.concat()));
    }

    #[test]
    fn text_in_pieces_is_the_text(text in any::<String>(), size in 1_usize..4) {
        let vocabulary = Arc::new(Pieces(text.as_bytes().chunks(size).map(|bytes| (bytes.to_vec(), false)).collect()));
        let count = u32::try_from(vocabulary.0.len()).unwrap();
        assert_eq!(deltas(Detokenizer::new(vocabulary, false), count).concat(), text);
    }
}
