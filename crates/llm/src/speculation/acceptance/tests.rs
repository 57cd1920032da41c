use super::Acceptance;

/// The probability after so many outcomes of drafts after `matched` tokens.
#[track_caller]
fn check(matched: usize, outcomes: &[bool], expected: std::ops::Range<f64>) {
    let mut acceptance = Acceptance::new(4);
    outcomes.iter().for_each(|outcome| acceptance.observe(matched, *outcome));
    let probability = acceptance.probability(matched);
    assert!(expected.contains(&probability), "{probability}");
}

#[test]
fn a_longer_match_is_surer_at_first() {
    let acceptance = Acceptance::new(4);
    let guesses = [1, 2, 3, 4, 5, 100].map(|matched| acceptance.probability(matched));
    assert!(guesses[..4].is_sorted_by(|one, next| one < next), "{guesses:?}");
    assert_eq!(guesses[3..], [guesses[3]; 3]);
}

#[test]
fn outcomes_replace_the_guess() {
    check(2, &[false; 10], 0.0..0.1);
    check(2, &[true; 10], 0.9..1.0);
    check(9, &[true; 10], 0.9..1.0);
}

#[test]
fn old_outcomes_fade() {
    let outcomes = [[true; 40], [false; 40]].concat();
    check(3, &outcomes, 0.0..0.15);
}

#[test]
fn lengths_are_apart() {
    let mut acceptance = Acceptance::new(4);
    let before = acceptance.probability(3);
    acceptance.observe(2, false);
    assert!((acceptance.probability(3) - before).abs() < f64::EPSILON);
}
