use super::{Rope, RopeScaling, RopeStyle, SlidingWindow};

fn rope(scaling: RopeScaling) -> Rope {
    Rope {
        theta: 500_000.0,
        local_theta: None,
        style: RopeStyle::HalfSplit,
        dimensions: 64,
        scaling,
    }
}

#[track_caller]
fn check_close(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-6, "{found} is not {expected}");
}

#[test]
fn frequencies_fall_from_one() {
    let frequencies = rope(RopeScaling::None).frequencies(false);
    assert_eq!((frequencies.len(), frequencies[0]), (32, 1.0));
    check_close(frequencies[16], 500_000f64.powf(-0.5));
    let linear = rope(RopeScaling::Linear { factor: 8.0 }).frequencies(false);
    check_close(linear[16] * 8.0, frequencies[16]);
    let factors = (1..=32u8).map(f32::from).collect();
    let divided = rope(RopeScaling::Factors(factors)).frequencies(false);
    check_close(divided[16] * 17.0, frequencies[16]);
}

#[test]
fn llama_3_stretches_long_waves_only() {
    let scaling = RopeScaling::Llama3 {
        factor: 32.0,
        low_frequency_factor: 1.0,
        high_frequency_factor: 4.0,
        original_context: 8192,
    };
    let (plain, scaled) = (rope(RopeScaling::None), rope(scaling));
    let (plain, scaled) = (plain.frequencies(false), scaled.frequencies(false));
    assert_eq!(scaled[..12], plain[..12]);
    // From `transformers`, for a pair in between and for the longest wave.
    check_close(scaled[16], LLAMA_3_2_FREQUENCY_16);
    check_close(scaled[31] * 32.0, plain[31]);
}

/// `LlamaRotaryEmbedding.inv_freq[16]` of Llama 3.2 1B.
const LLAMA_3_2_FREQUENCY_16: f64 = 0.000_429_556_7;

#[test]
fn local_layers_have_their_own_base_and_no_scaling() {
    let rope = Rope { local_theta: Some(10_000.0), ..rope(RopeScaling::Linear { factor: 8.0 }) };
    check_close(rope.frequencies(true)[16], 0.01);
    check_close(rope.frequencies(false)[16], 500_000f64.powf(-0.5) / 8.0);
}

#[track_caller]
fn check_impossible(rope: &Rope, expected: &str) {
    let error = rope.check().expect_err("it is impossible").to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn impossible_rotations_are_refused() {
    check_impossible(&rope(RopeScaling::Linear { factor: 0.0 }), "cannot be scaled");
    check_impossible(&rope(RopeScaling::Linear { factor: f32::NAN }), "cannot be scaled");
    check_impossible(&rope(RopeScaling::Factors(vec![1.0; 31])), "cannot be scaled");
    check_impossible(&rope(RopeScaling::Factors(vec![-1.0; 32])), "cannot be scaled");
    let inverted = RopeScaling::Llama3 {
        factor: 8.0,
        low_frequency_factor: 4.0,
        high_frequency_factor: 1.0,
        original_context: 8192,
    };
    check_impossible(&rope(inverted), "cannot be scaled");
    let base = Rope { theta: f32::INFINITY, ..rope(RopeScaling::None) };
    check_impossible(&base, "the base of the rotation is inf");
}

#[test]
fn windows_come_in_periods() {
    let local = |period, layers| SlidingWindow::periodic(512, period, layers).local;
    assert_eq!(local(3, 7), [true, true, false, true, true, false, true]);
    assert_eq!(local(0, 2), [true, true]);
    assert_eq!(local(1, 2), [false, false]);
}
