use super::Limits;

const LIMITS: Limits = Limits {
    int8: 900e9,
    f32: 224e9,
    isa: "any",
    memory: 25e9,
    model_bytes: Some(100e6),
    billion_bytes: None,
};

#[track_caller]
fn check(share: Option<f64>, expected: f64) {
    let share = share.unwrap();
    assert!((share - expected).abs() < 0.01 * expected, "{share} is not {expected}");
}

#[test]
fn shares_are_of_what_the_machine_can_do() {
    // 250 steps of 100 MB are all that 25 GB/s allow.
    check(LIMITS.share_of_memory(250.0, 100e6), 100.0);
    // 106.2 million weights of the layers, 134.5 million with the vocabulary's.
    check(LIMITS.share_of_prefill(1000.0), 23.6);
    check(LIMITS.share_of_decode(1000.0), 29.9);
}

#[test]
fn nothing_is_a_share_of_what_was_not_measured() {
    let nothing = Limits::default();
    assert_eq!(nothing.share_of_memory(1.0, 1.0), None);
    assert_eq!(nothing.share_of_prefill(1.0), None);
}
