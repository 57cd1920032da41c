mod fuzz;
mod hostile;
mod validity;
mod walks;

use std::sync::Arc;

use serde_json::json;

use super::{GrammarError, GrammarFactory, GrammarLimits, GrammarMatcher, GrammarSource};
use crate::{Choice, FinishReason, SamplerWorkspace, SamplingParameters, StopCause, Vocabulary};

/// All bytes, an end, and a few longer tokens.
struct Bytes(Vec<Vec<u8>>);

const END: u32 = 256;
const LONGER: [&str; 12] = [
    "<|end|>", "\":", "\", \"", "{\"", "\"}", "  ", "true", "name", " the", "\u{e9}", "\n  ", "12",
];
#[expect(clippy::cast_possible_truncation, reason = "a few")]
const TOKENS: u32 = END + LONGER.len() as u32;

impl Vocabulary for Bytes {
    fn token_bytes(&self, token: u32) -> &[u8] {
        self.0.get(token as usize).map_or(&[], Vec::as_slice)
    }

    fn is_special(&self, token: u32) -> bool {
        token == END
    }
}

fn vocabulary() -> Arc<Bytes> {
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    tokens.extend(LONGER.iter().map(|text| text.as_bytes().to_vec()));
    Arc::new(Bytes(tokens))
}

fn factory(limits: GrammarLimits) -> GrammarFactory {
    GrammarFactory::new(vocabulary(), TOKENS as usize, &[END], limits)
}

fn matcher(source: &GrammarSource) -> GrammarMatcher {
    factory(GrammarLimits::default()).compile(source).unwrap().matcher()
}

/// Whether the text is all, the beginning, or nothing of the grammar's language.
#[track_caller]
fn check(source: &GrammarSource, text: &str, whole: bool) {
    let mut matcher = matcher(source);
    for byte in text.bytes() {
        assert!(matcher.mask().unwrap().allows(u32::from(byte)), "{}", char::from(byte));
        matcher.advance(u32::from(byte)).unwrap();
    }
    assert_eq!(matcher.is_accepting(), whole);
    assert_eq!(matcher.mask().unwrap().allows(END), whole);
}

/// Whether the text leaves the language at its last byte.
#[track_caller]
fn check_refused(source: &GrammarSource, text: &str) {
    let mut matcher = matcher(source);
    let (last, before) = text.as_bytes().split_last().unwrap();
    for byte in before {
        matcher.advance(u32::from(*byte)).unwrap();
    }
    assert!(!matcher.mask().unwrap().allows(u32::from(*last)));
}

#[test]
fn json_objects() {
    let any = GrammarSource::JsonObject;
    check(&any, "{\"a\": [1, null, {\"b\": \"\u{e9}\\n\"}]}", true);
    check(&any, "{\n  \"a\": 1\n", false);
    check_refused(&any, "[");
    check_refused(&any, "{a");
}

#[test]
fn white_space_is_bounded() {
    let any = GrammarSource::JsonObject;
    check(&any, &format!("{{{}", " ".repeat(32)), false);
    check_refused(&any, &format!("{{{}", " ".repeat(33)));
    check_refused(&any, " ");
}

#[test]
fn expressions_and_choices() {
    let regex = GrammarSource::Regex("[a-c]+[0-9]{2}".to_owned());
    check(&regex, "abc12", true);
    check(&regex, "abc1", false);
    check_refused(&regex, "abcd");
    check(&GrammarSource::Regex("a|/\"".to_owned()), "/\"", true);
    let texts = ["yes", "no", "no\n\"quoted\" \\ /x/i \u{e9}"].map(str::to_owned).to_vec();
    let choice = GrammarSource::Choice(texts);
    check(&choice, "yes", true);
    check(&choice, "no\n\"quoted\" \\ /x/i \u{e9}", true);
    check(&choice, "no", true);
    check_refused(&choice, "nx");
    let lark = GrammarSource::Lark("start: \"(\" start \")\" | \"x\"".to_owned());
    check(&lark, "((x))", true);
    check_refused(&lark, "(x))");
}

#[test]
fn an_answer_that_is_whole_ends() {
    let mut matcher = matcher(&GrammarSource::JsonSchema(json!({"const": true})));
    assert_eq!(matcher.forced_bytes(), b"true");
    for byte in b"true" {
        matcher.advance(u32::from(*byte)).unwrap();
    }
    assert!(matcher.is_finished());
    let mask = matcher.mask().unwrap();
    assert_eq!((0..TOKENS).filter(|token| mask.allows(*token)).collect::<Vec<_>>(), [END]);
    matcher.advance(END).unwrap();
    assert!(matcher.forced_bytes().is_empty());
}

#[test]
fn a_forbidden_token_fails_this_answer_only() {
    let grammar = factory(GrammarLimits::default()).compile(&GrammarSource::JsonObject).unwrap();
    let (mut one, mut other) = (grammar.matcher(), grammar.matcher());
    let failed = one.advance(u32::from(b'x'));
    assert!(matches!(failed, Err(GrammarError::Stuck { .. })), "{failed:?}");
    assert!(one.mask().is_err() || one.is_finished());
    other.advance(u32::from(b'{')).unwrap();
    assert!(other.mask().unwrap().allows(u32::from(b'}')));
}

#[test]
fn marks_of_the_model_are_no_text() {
    let mut matcher = matcher(&GrammarSource::Regex(".*".to_owned()));
    assert!(matcher.mask().unwrap().allows(END));
    // As text, written out, it is allowed.
    for byte in b"<|end|>" {
        matcher.advance(u32::from(*byte)).unwrap();
    }
    assert!(!matcher.is_finished());
}

#[test]
fn a_model_without_an_end_ends_with_its_grammar() {
    for ends in [vec![], vec![100_000]] {
        let limits = GrammarLimits::default();
        let factory = GrammarFactory::new(vocabulary(), TOKENS as usize, &ends, limits);
        let grammar = factory.compile(&GrammarSource::Regex("ab?".to_owned())).unwrap();
        let mut matcher = grammar.matcher();
        matcher.advance(u32::from(b'a')).unwrap();
        let mask = matcher.mask().unwrap();
        assert_eq!((0..TOKENS).filter(|token| mask.allows(*token)).collect::<Vec<_>>(), [98]);
        matcher.advance(u32::from(b'b')).unwrap();
        assert!(matcher.is_finished());
    }
}

#[test]
fn tokens_of_equal_bytes_are_all_allowed() {
    let mut tokens = vocabulary().0.clone();
    tokens.push(b"name".to_vec());
    let twin = TOKENS;
    let limits = GrammarLimits::default();
    let factory = GrammarFactory::new(Arc::new(Bytes(tokens)), twin as usize + 1, &[END], limits);
    let grammar = factory.compile(&GrammarSource::Choice(vec!["name".to_owned()])).unwrap();
    let mut matcher = grammar.matcher();
    let mask = matcher.mask().unwrap();
    assert!(mask.allows(twin) && mask.allows(END + 7));
}

#[test]
fn a_choice_follows_its_grammar() {
    let grammar = factory(GrammarLimits::default())
        .compile(&GrammarSource::JsonSchema(json!({"enum": ["red", "green"]})))
        .unwrap();
    let parameters = SamplingParameters { max_tokens: 100, ..SamplingParameters::default() };
    let mut choice = Choice::new(&parameters, &[END], vocabulary(), Some(&grammar));
    let mut workspace = SamplerWorkspace::default();
    let mut text = String::new();
    while choice.finish().is_none() {
        let mut logits = vec![0.0; TOKENS as usize + 20];
        text.push_str(choice.step(&mut logits, &mut workspace).unwrap().text);
    }
    assert!(["\"red\"", "\"green\""].contains(&&*text), "{text}");
    assert_eq!(choice.finish(), Some(&FinishReason::Stop(StopCause::Grammar)));
}
