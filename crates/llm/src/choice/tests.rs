use std::sync::Arc;

use proptest::prelude::{Strategy, prop, prop_assert_eq, proptest};

use super::{Choice, ChoiceError, FinishReason, StopCause};
use crate::{SampleError, SamplerWorkspace, SamplingParameters, Vocabulary};

/// Token `i` is the `i`-th piece; the last one is the end.
struct Pieces(Vec<Vec<u8>>);

impl Vocabulary for Pieces {
    fn token_bytes(&self, token: u32) -> &[u8] {
        self.0.get(token as usize).map_or(&[], Vec::as_slice)
    }

    fn is_special(&self, token: u32) -> bool {
        token as usize == self.0.len() - 1
    }
}

const END: &[u8] = b"<end>";

fn pieces(texts: &[&[u8]]) -> Arc<Pieces> {
    Arc::new(Pieces(texts.iter().chain([&END]).map(|text| text.to_vec()).collect()))
}

/// Text of each step and the reason, when the model wants these tokens one after the other.
fn run(
    parameters: &SamplingParameters,
    vocabulary: Arc<Pieces>,
    tokens: &[u32],
) -> (Vec<String>, Option<FinishReason>) {
    let count = vocabulary.0.len();
    let end = u32::try_from(count - 1).unwrap();
    let parameters = SamplingParameters { temperature: 0.0, ..parameters.clone() };
    let mut choice = Choice::new(&parameters, &[end], vocabulary, None);
    let mut workspace = SamplerWorkspace::default();
    let mut texts = Vec::new();
    for token in tokens {
        let mut logits = vec![0.0; count];
        logits[*token as usize] = 1.0;
        let step = choice.step(&mut logits, &mut workspace).unwrap();
        texts.push(step.text.to_owned());
        if let Some(finish) = step.finish {
            return (texts, Some(finish.clone()));
        }
    }
    (texts, None)
}

#[track_caller]
fn check(
    parameters: &SamplingParameters,
    texts: &[&str],
    expected: &[&str],
    finish: Option<FinishReason>,
) {
    let bytes: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    let tokens: Vec<u32> = (0..=u32::try_from(texts.len()).unwrap()).collect();
    let expected = expected.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(run(parameters, pieces(&bytes), &tokens), (expected, finish));
}

fn stopping_at(strings: &[&str]) -> SamplingParameters {
    let stop = strings.iter().map(|string| (*string).to_owned()).collect();
    SamplingParameters { stop, ..SamplingParameters::default() }
}

fn stop(cause: StopCause) -> Option<FinishReason> {
    Some(FinishReason::Stop(cause))
}

#[test]
fn the_models_end_ends() {
    let plain = SamplingParameters::default();
    check(&plain, &["a", "b"], &["a", "b", ""], stop(StopCause::EndOfSequence));
    let ignoring = SamplingParameters { ignore_eos: true, ..plain };
    check(&ignoring, &["a", "b"], &["a", "b", ""], None);
}

#[test]
fn stop_tokens_have_no_text_unless_asked_for() {
    let parameters =
        SamplingParameters { stop_token_ids: vec![1], ..SamplingParameters::default() };
    check(&parameters, &["a", "b"], &["a", ""], stop(StopCause::Token(1)));
    let including = SamplingParameters { include_stop_str_in_output: true, ..parameters };
    check(&including, &["a", "b"], &["a", "b"], stop(StopCause::Token(1)));
}

#[test]
fn the_length_ends_and_gives_out_what_was_held() {
    let parameters = SamplingParameters { max_tokens: 2, ..stopping_at(&["bcd"]) };
    check(&parameters, &["a", "bc", "d"], &["a", "bc"], Some(FinishReason::Length));
}

#[test]
fn a_stop_string_is_named_before_the_length() {
    let parameters = SamplingParameters { max_tokens: 2, ..stopping_at(&["c"]) };
    check(&parameters, &["ab", "c"], &["ab", ""], stop(StopCause::String("c".to_owned())));
}

#[test]
fn text_of_the_first_tokens_is_not_searched() {
    let parameters = SamplingParameters { min_tokens: 2, ..stopping_at(&["ab", "c"]) };
    let cause = stop(StopCause::String("c".to_owned()));
    check(&parameters, &["a", "bc", "bc"], &["a", "bc", "b"], cause);
}

#[test]
fn half_a_character_at_the_end_is_replaced() {
    let parameters = SamplingParameters { max_tokens: 2, ..SamplingParameters::default() };
    let (texts, finish) = run(&parameters, pieces(&[b"a", b"\xf0\x9f"]), &[0, 1]);
    assert_eq!(texts, ["a", "\u{fffd}"]);
    assert_eq!(finish, Some(FinishReason::Length));
}

#[test]
fn an_abort_gives_out_what_was_held() {
    let parameters = SamplingParameters { temperature: 0.0, ..stopping_at(&["abc"]) };
    let mut choice = Choice::new(&parameters, &[2], pieces(&[b"ab", b"x"]), None);
    let mut workspace = SamplerWorkspace::default();
    assert_eq!(choice.step(&mut [1.0, 0.0, 0.0], &mut workspace).unwrap().text, "");
    assert_eq!(choice.abort(), "ab");
    assert_eq!((choice.finish(), choice.tokens()), (Some(&FinishReason::Abort), 1));
    assert_eq!(choice.abort(), "");
}

#[test]
fn a_broken_row_is_an_error() {
    let mut choice =
        Choice::new(&SamplingParameters::default(), &[2], pieces(&[b"ab", b"x"]), None);
    let failed = choice.step(&mut [f32::NAN, 0.0, 0.0], &mut SamplerWorkspace::default());
    assert_eq!(failed, Err(ChoiceError::Sample(SampleError::NotFinite)));
}

/// Cuts bytes into tokens at these places.
fn cut(text: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| text[pair[0]..pair[1]].to_vec()).collect()
}

/// The whole text and the reason; the answer ends with its last token.
fn outcome(stop: &[String], pieces: &[Vec<u8>]) -> (String, Option<FinishReason>) {
    let parameters = SamplingParameters {
        stop: stop.to_vec(),
        max_tokens: usize::MAX,
        ..SamplingParameters::default()
    };
    let count = u32::try_from(pieces.len()).unwrap();
    let all = pieces.iter().cloned().chain([END.to_vec()]).collect();
    let tokens: Vec<u32> = (0..=count).collect();
    let (texts, finish) = run(&parameters, Arc::new(Pieces(all)), &tokens);
    (texts.concat(), finish)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"ab\xc3\xa9\xf0\x9f\x98\x80".to_vec()), 0..16)
}

proptest! {
    #[test]
    fn how_tokens_cut_the_text_does_not_matter(
        text in bytes(),
        stop in prop::collection::vec("[ab\u{e9}\u{1f600}]{1,3}", 0..3),
        cuts in prop::collection::vec(0_usize..16, 0..10),
    ) {
        let whole = outcome(&stop, std::slice::from_ref(&text));
        prop_assert_eq!(outcome(&stop, &cut(&text, &cuts)), whole);
    }
}
