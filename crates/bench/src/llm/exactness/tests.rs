use serde_json::json;

use super::{Sum, parse, token_logprobs};

#[test]
fn llama_perplexity_is_understood() {
    let printed =
        "[22]109.6133,[23]109.1854,\n1.43.085.360 I Final estimate: PPL = 109.1854 +/- 4.69197\n";
    assert_eq!(parse(printed).unwrap(), 109.1854);
    assert!(parse("[22]109.6133").is_err());
    assert!(parse("Final estimate: PPL = unknown").is_err());
}

#[test]
fn the_second_half_counts() {
    // Certain in the first half, one of e^2 in the second.
    let logprob = |index: usize| Some(if index < 257 { 0.0 } else { -2.0 });
    let mut sum = Sum::default();
    sum.add(&(0..512).map(logprob).collect::<Vec<_>>()).unwrap();
    assert_eq!(sum.tokens, 255);
    assert!((sum.perplexity().unwrap() - 2.0_f64.exp()).abs() < 1e-12);
}

#[test]
fn what_has_no_probability_is_an_error() {
    assert!(Sum::default().add(&[None; 512]).is_err());
    assert!(Sum::default().perplexity().is_err());
}

#[test]
fn probabilities_of_an_answer_are_read() {
    let logprobs: Vec<_> = (0..513).map(|index| (index > 0).then_some(-1.5)).collect();
    let answer = json!({"choices": [{"text": "a", "logprobs": {"token_logprobs": logprobs}}]});
    assert_eq!(token_logprobs(&answer).unwrap(), logprobs);
    assert!(token_logprobs(&json!({"choices": []})).is_err());
    let few = json!({"choices": [{"logprobs": {"token_logprobs": [null, -1.0]}}]});
    assert!(token_logprobs(&few).is_err());
}
