use super::{Demand, divide};

#[track_caller]
fn check(budget: usize, demands: &[(i32, usize)], expected: &[usize]) {
    let demands: Vec<Demand> = demands
        .iter()
        .map(|(priority, tokens)| Demand { priority: *priority, tokens: *tokens })
        .collect();
    assert_eq!(divide(budget, &demands).as_slice(), expected);
}

#[test]
fn all_get_what_they_need_if_there_is_enough() {
    check(100, &[(0, 40), (0, 20), (1, 30)], &[40, 20, 30]);
}

#[test]
fn equal_ones_are_served_one_after_the_other() {
    check(50, &[(0, 40), (0, 40), (0, 40)], &[40, 10, 0]);
}

#[test]
fn a_long_one_leaves_half_to_shorter_ones() {
    check(64, &[(0, 4000), (0, 128)], &[32, 32]);
    check(64, &[(0, 4000), (0, 3000), (0, 128)], &[32, 16, 16]);
    check(64, &[(0, 128), (0, 4000)], &[64, 0]);
}

#[test]
fn what_shorter_ones_do_not_need_comes_back() {
    check(64, &[(0, 4000), (0, 8)], &[56, 8]);
}

#[test]
fn a_higher_priority_yields_nothing() {
    check(64, &[(0, 4000), (1, 8)], &[64, 0]);
}

#[test]
fn the_first_one_always_gets_on() {
    check(1, &[(0, 9), (0, 8), (0, 7)], &[1, 0, 0]);
    check(0, &[(0, 9)], &[0]);
    check(5, &[], &[]);
}
