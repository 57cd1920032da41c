use super::Goal;

#[track_caller]
fn check(goal: &Goal, value: f64, expected: &str) {
    assert_eq!(goal.verdict(value), expected, "{value}");
}

#[test]
fn verdicts() {
    let cost = Goal::at_most(String::new(), (2.0, 1.5), None);
    check(&cost, 2.1, "missed");
    check(&cost, 2.0, "met");
    check(&cost, 1.5, "aim");
    let speed = Goal::at_least(String::new(), (0.6, 0.8), None);
    check(&speed, 0.59, "missed");
    check(&speed, 0.7, "met");
    check(&speed, 0.8, "aim");
    let tail = Goal::aimed_at(String::new(), 2.0, None);
    check(&tail, 2.5, "short of the aim");
    check(&tail, 1.0, "aim");
}
