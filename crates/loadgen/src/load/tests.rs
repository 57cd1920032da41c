use super::{Arrivals, Sweep};

#[track_caller]
fn check_sweep(text: &str, expected: &[f64]) {
    assert_eq!(text.parse::<Sweep>().unwrap().0, expected);
}

#[track_caller]
fn check_no_sweep(text: &str, hint: &str) {
    let error = text.parse::<Sweep>().unwrap_err();
    assert!(error.contains(hint), "{error}");
}

#[test]
fn sweeps_are_lists_factors_and_steps() {
    check_sweep("8", &[8.0]);
    check_sweep("1, 8,64", &[1.0, 8.0, 64.0]);
    check_sweep("1:64:x2", &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]);
    check_sweep("1:50:x4", &[1.0, 4.0, 16.0]);
    check_sweep("100:300:+100", &[100.0, 200.0, 300.0]);
    check_no_sweep("1:64", "1:64:x2");
    check_no_sweep("1:64:2", "1:64:x2");
    check_no_sweep("1:64:x1", "1:64:x2");
    check_no_sweep("0", "no list of numbers");
    check_no_sweep("NaN", "no list of numbers");
    check_no_sweep("64:1:x2", "empty");
    check_no_sweep("1:1000000:+1", "more than 64");
}

#[test]
fn arrivals_are_read_as_they_are_written() {
    for text in ["constant", "poisson", "gamma(0.25)"] {
        assert_eq!(text.parse::<Arrivals>().unwrap().to_string(), text);
    }
    for text in ["gamma(0)", "gamma(x)", "uniform"] {
        assert!(text.parse::<Arrivals>().unwrap_err().contains("gamma(SHAPE)"));
    }
}
