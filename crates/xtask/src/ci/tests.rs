use super::{Counts, count};

#[track_caller]
fn check(output: &str, passed: usize, failed: usize) {
    assert_eq!(count(output), Counts { passed, failed });
}

#[test]
fn nextest_writes_a_summary() {
    check("     Summary [   0.123s] 45 tests run: 45 passed (1 slow), 3 skipped", 45, 0);
    check(
        "     Summary [   0.123s] 45/46 tests run: 44 passed, 1 failed, 3 skipped\nerror: x",
        44,
        1,
    );
}

#[test]
fn pytest_ends_with_a_line() {
    check("....F.\nFAILED test_x.py - 3 passed\n1 failed, 12 passed, 1 skipped in 3.21s", 12, 1);
    check("======== 7 passed in 0.50s ========", 7, 0);
    check("======== 2 failed in 0.50s ========", 0, 2);
}

#[test]
fn cargo_test_writes_one_line_per_binary() {
    let line = "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
    check(&line.repeat(2), 10, 0);
    check("test result: FAILED. 4 passed; 1 failed; 0 ignored", 4, 1);
}

#[test]
fn the_plain_line_counts_and_prose_does_not() {
    check("188 passed, 0 failed", 188, 0);
    check("all 3 requests passed\nnothing failed", 0, 0);
}
