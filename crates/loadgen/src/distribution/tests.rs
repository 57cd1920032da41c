use hdrhistogram::Histogram;
use proptest::prelude::{any, prop, proptest};

use super::Distribution;

fn of(values: &[u64]) -> Distribution {
    values.iter().copied().collect()
}

#[track_caller]
fn check_quantile(values: &[u64], q: f64, expected: u64) {
    assert_eq!(of(values).quantile(q), expected, "quantile {q} of {values:?}");
}

#[test]
fn quantiles_are_observations() {
    check_quantile(&[], 0.5, 0);
    check_quantile(&[7], 0.0, 7);
    check_quantile(&[7], 1.0, 7);
    check_quantile(&[3, 1, 2], 0.5, 2);
    check_quantile(&[1, 2, 3, 4], 0.5, 2);
    check_quantile(&[1, 2, 3, 4], 0.51, 3);
    let hundred: Vec<u64> = (1..=100).collect();
    check_quantile(&hundred, 0.99, 99);
    check_quantile(&hundred, 0.999, 100);
    check_quantile(&hundred, 0.07, 7);
}

#[test]
fn nothing_has_no_figures_but_zeros() {
    let empty = Distribution::default();
    assert!(empty.is_empty());
    assert_eq!((empty.count(), empty.min(), empty.max()), (0, 0, 0));
    assert_eq!((empty.mean(), empty.share_at_most(1)), (0.0, 0.0));
    assert!(empty.cdf(400).is_empty());
}

#[test]
fn a_histogram_keeps_its_counts() {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    for value in [5, 5, 1_000_000, 90_000_000_000] {
        histogram.record(value).unwrap();
    }
    let distribution = Distribution::from(&histogram);
    assert_eq!(distribution.count(), 4);
    assert_eq!(distribution.min(), 5);
    let max = distribution.max() as f64;
    assert!((max / 9e10 - 1.0).abs() < 1e-3, "{max}");
}

#[test]
fn a_long_cdf_is_thinned_and_keeps_its_tail() {
    let long: Distribution = (1..=100_000).collect();
    let cdf = long.cdf(400);
    assert!(cdf.len() <= 400 && cdf.len() > 200, "{}", cdf.len());
    assert_eq!(cdf[0], (1, 1e-5));
    assert_eq!(cdf[cdf.len() - 1], (100_000, 1.0));
    let tail = cdf.iter().filter(|(_, share)| *share > 0.999).count();
    assert!(tail > 30, "{tail} points above p99.9");
    assert_eq!(long.cdf(2).len(), 2);
}

proptest! {
    #[test]
    fn merging_is_observing_all(parts in prop::collection::vec(
        prop::collection::vec(0_u64..1000, 0..40), 0..6)) {
        let distributions: Vec<Distribution> = parts.iter().map(|part| of(part)).collect();
        let merged = Distribution::merged(&distributions);
        assert_eq!(merged, of(&parts.concat()));
        let mut one_by_one = Distribution::default();
        for part in &distributions {
            one_by_one.merge(part);
        }
        assert_eq!(one_by_one, merged);
    }

    #[test]
    fn a_quantile_is_where_the_share_reaches_it(
        values in prop::collection::vec(any::<u32>(), 1..200), q in 0.001_f64..1.0) {
        let distribution: Distribution = values.iter().map(|value| u64::from(*value)).collect();
        let quantile = distribution.quantile(q);
        assert!(distribution.share_at_most(quantile) >= q - 1e-9);
        assert!(quantile == 0 || distribution.share_at_most(quantile - 1) < q);
        assert!(distribution.quantile(q / 2.0) <= quantile);
    }

    #[test]
    fn a_cdf_ascends_to_one(
        values in prop::collection::vec(0_u64..5000, 1..600), points in 2_usize..50) {
        let distribution = of(&values);
        let cdf = distribution.cdf(points);
        assert!(cdf.len() <= points.max(2));
        assert!(cdf.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
        assert_eq!(cdf.last(), Some(&(distribution.max(), 1.0)));
        assert!(cdf.iter().all(|(value, share)| *share == distribution.share_at_most(*value)));
    }
}
