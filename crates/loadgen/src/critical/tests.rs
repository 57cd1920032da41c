use super::{binomial_cdf, normal_cdf, normal_quantile, student_cdf, student_quantile};

#[track_caller]
fn check(found: f64, expected: f64) {
    assert!((found - expected).abs() < 2e-5 * expected.abs().max(1.0), "{found}, not {expected}");
}

#[test]
fn the_normal_distribution_is_that_of_the_tables() {
    check(normal_cdf(0.0), 0.5);
    check(normal_cdf(1.959_964), 0.975);
    check(normal_cdf(-3.0), 0.001_349_9);
    check(normal_quantile(0.975), 1.959_964);
    check(normal_quantile(0.005), -2.575_829);
    check(normal_cdf(-40.0), 0.0);
    check(normal_cdf(40.0), 1.0);
}

#[test]
fn students_t_is_that_of_the_tables() {
    check(student_quantile(0.975, 1.0), 12.706_2);
    check(student_quantile(0.975, 9.0), 2.262_157);
    check(student_quantile(0.995, 4.0), 4.604_095);
    check(student_quantile(0.975, 1e6), 1.959_966);
    check(student_cdf(0.0, 3.0), 0.5);
    check(student_cdf(-2.262_157, 9.0), 0.025);
}

#[test]
fn the_binomial_distribution_is_the_sum_of_its_terms() {
    check(binomial_cdf(0, 10, 0.5), 1.0 / 1024.0);
    check(binomial_cdf(5, 10, 0.5), 638.0 / 1024.0);
    check(binomial_cdf(10, 10, 0.3), 1.0);
    check(binomial_cdf(99, 100, 0.99), 1.0 - 0.99_f64.powi(100));
    // The median of a large binomial is its mean.
    check(binomial_cdf(500_000, 1_000_000, 0.5), 0.500_399);
}
