use super::SamplingParameters;

/// What the refusal of a change of the defaults says; empty if it is accepted.
#[track_caller]
fn check(change: impl FnOnce(&mut SamplingParameters), parameter: &str, expected: &str) {
    let mut parameters = SamplingParameters::default();
    change(&mut parameters);
    match parameters.validate(100) {
        Ok(()) => assert_eq!("", parameter),
        Err(error) => {
            assert_eq!(error.parameter, parameter);
            assert_eq!(error.message, expected);
        }
    }
}

#[test]
fn defaults_are_valid() {
    check(|_| {}, "", "");
}

#[test]
fn numbers_have_ranges() {
    let below = "temperature must be a number not below 0, but is";
    check(|p| p.temperature = -0.1, "temperature", &format!("{below} -0.1"));
    check(|p| p.temperature = f32::NAN, "temperature", &format!("{below} NaN"));
    check(|p| p.temperature = f32::INFINITY, "temperature", &format!("{below} inf"));
    check(|p| p.top_p = 0.0, "top_p", "top_p must be greater than 0 and at most 1");
    check(|p| p.top_p = 1.5, "top_p", "top_p must be between 0 and 1, but is 1.5");
    check(|p| p.min_p = -1.0, "min_p", "min_p must be between 0 and 1, but is -1");
    check(
        |p| p.repetition_penalty = 0.0,
        "repetition_penalty",
        "repetition_penalty must be greater than 0; 1 turns it off",
    );
    check(
        |p| p.presence_penalty = 2.5,
        "presence_penalty",
        "presence_penalty must be between -2 and 2, but is 2.5",
    );
    check(
        |p| p.frequency_penalty = f32::NAN,
        "frequency_penalty",
        "frequency_penalty must be between -2 and 2, but is NaN",
    );
    check(|p| p.temperature = 0.0, "", "");
    check(|p| p.top_k = u32::MAX, "", "");
}

#[test]
fn lengths_fit_each_other() {
    check(|p| p.max_tokens = 0, "max_tokens", "max_tokens must be at least 1");
    check(
        |p| p.min_tokens = 17,
        "min_tokens",
        "min_tokens must be at most max_tokens (16), but is 17",
    );
    check(|p| p.logprobs = Some(21), "logprobs", "logprobs must be at most 20, but is 21");
    check(
        |p| p.prompt_logprobs = Some(99),
        "prompt_logprobs",
        "prompt_logprobs must be at most 20, but is 99",
    );
}

#[test]
fn tokens_exist() {
    let unknown =
        |name: &str| format!("{name} names token 100, but the model's tokens are 0 to 99");
    check(|p| p.stop_token_ids = vec![3, 100], "stop_token_ids", &unknown("stop_token_ids"));
    check(|p| p.logit_bias = vec![(100, 1.0)], "logit_bias", &unknown("logit_bias"));
    check(
        |p| p.allowed_token_ids = Some(vec![100]),
        "allowed_token_ids",
        &unknown("allowed_token_ids"),
    );
    check(|p| p.bad_words = vec![vec![1], vec![100]], "bad_words", &unknown("bad_words"));
}

#[test]
fn lists_are_bounded() {
    check(|p| p.stop = vec![String::new()], "stop", "stop must not hold an empty string");
    check(
        |p| p.stop = vec!["x".to_owned(); 65],
        "stop",
        "stop has 65 entries; at most 64 are allowed",
    );
    check(
        |p| p.stop = vec!["x".repeat(1025)],
        "stop",
        "stop holds a string of 1025 bytes; at most 1024 are allowed",
    );
    check(
        |p| p.logit_bias = vec![(1, f32::NAN)],
        "logit_bias",
        "logit_bias must be between -100 and 100, but is NaN",
    );
    check(
        |p| p.allowed_token_ids = Some(Vec::new()),
        "allowed_token_ids",
        "allowed_token_ids must not be empty",
    );
    check(|p| p.bad_words = vec![Vec::new()], "bad_words", "bad_words must not hold an empty word");
}
