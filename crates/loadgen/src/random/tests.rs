use super::Random;

#[track_caller]
fn check_moments(draw: impl Fn(&mut Random) -> f64, (mean, variance): (f64, f64)) {
    let mut random = Random::new(7);
    let values: Vec<f64> = (0..100_000).map(|_| draw(&mut random)).collect();
    let count = values.len() as f64;
    let found = values.iter().sum::<f64>() / count;
    let spread = values.iter().map(|value| (value - found).powi(2)).sum::<f64>() / count;
    assert!((found - mean).abs() < 0.03, "mean {found}, expected {mean}");
    assert!((spread / variance - 1.0).abs() < 0.1, "variance {spread}, expected {variance}");
}

#[test]
fn distributions_have_their_moments() {
    check_moments(Random::unit, (0.5, 1.0 / 12.0));
    check_moments(Random::exponential, (1.0, 1.0));
    check_moments(Random::normal, (0.0, 1.0));
    check_moments(|random| random.gamma(0.25), (1.0, 4.0));
    check_moments(|random| random.gamma(1.0), (1.0, 1.0));
    check_moments(|random| random.gamma(4.0), (1.0, 0.25));
    check_moments(|random| random.below(10) as f64, (4.5, 8.25));
}

#[test]
fn a_seed_repeats_and_its_forks_differ() {
    let numbers = |mut random: Random| [random.bits(), random.bits()];
    let seed = Random::new(3);
    assert_eq!(numbers(seed.clone()), numbers(Random::new(3)));
    assert_ne!(numbers(seed.fork(0)), numbers(seed.fork(1)));
    assert_eq!(Random::new(1).below(0), 0);
}
