use super::{RESAMPLES, Resampling, lost_variance, run_length, tail};

#[test]
fn few_blocks_are_not_resampled() {
    assert!(Resampling::new(0, 0.0).is_none());
    assert!(Resampling::new(7, 0.0).is_none());
    assert!(Resampling::new(8, 0.0).is_some());
}

#[test]
fn every_resample_is_about_as_long_as_the_measurement() {
    let resampling = Resampling::new(64, 0.0).unwrap();
    assert_eq!(resampling.sums(&[1; 64]), vec![64; RESAMPLES]);
}

#[test]
fn equal_blocks_leave_no_doubt() {
    let resampling = Resampling::new(20, 0.0).unwrap();
    assert_eq!(resampling.ratio(&[3; 20], &[4; 20]), Some((0.75, 0.75)));
    assert_eq!(resampling.ratio(&[0; 20], &[0; 20]), None);
}

#[test]
fn unequal_blocks_widen_the_interval() {
    let parts: Vec<u64> = (0..20).map(|block| block / 5 % 2 * 10).collect();
    let width = |correlation| {
        let resampling = Resampling::new(20, correlation).unwrap();
        let (low, high) = resampling.ratio(&parts, &[10; 20]).unwrap();
        assert!(low < 0.5 && high > 0.5, "{low}..{high}");
        high - low
    };
    assert!(width(0.0) > 0.1 && width(0.0) < 0.9);
    // What comes in stretches is less sure.
    assert!(width(0.6) > width(0.0));
}

#[test]
fn few_or_short_runs_cut_off_less() {
    assert!(tail(64, 16, 0.0) < 0.001);
    assert!(tail(64, 4, 0.0) > 0.01 && tail(64, 4, 0.0) < 0.025);
    assert!(tail(64, 4, 0.6) < tail(64, 4, 0.3));
    assert!((tail(1 << 20, 1, 0.0) - 0.025).abs() < 1e-4);
    assert_eq!(lost_variance(1, 0.5), 3.0);
    assert!(lost_variance(1000, 0.5) < 1.01);
}

#[test]
fn runs_are_as_long_as_the_correlation_asks() {
    assert_eq!(run_length(64, 0.0), 1);
    assert_eq!(run_length(64, 0.125), 2);
    assert_eq!(run_length(64, 0.6), 7);
    assert_eq!(run_length(64, 0.9), 10);
    assert_eq!(run_length(8, 0.9), 1);
}
