use super::exp_nonpositive;

#[test]
fn it_is_the_exponential() {
    let mut worst = 0.0_f64;
    for step in 0..870_000 {
        let x = -f64::from(step) * 1e-4;
        #[expect(clippy::cast_possible_truncation, reason = "the argument under test")]
        let x = x as f32;
        let expected = f64::from(x).exp();
        worst = worst.max((f64::from(exp_nonpositive(x)) / expected - 1.0).abs());
    }
    assert!(worst < 2.5e-7, "{worst}");
}

#[test]
fn ends_are_exact() {
    assert_eq!(exp_nonpositive(0.0), 1.0);
    assert_eq!(exp_nonpositive(-0.0), 1.0);
    assert_eq!(exp_nonpositive(f32::NEG_INFINITY), 0.0);
    assert_eq!(exp_nonpositive(-87.0), 0.0);
    assert_eq!(exp_nonpositive(f32::MIN), 0.0);
}
