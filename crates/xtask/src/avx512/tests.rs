use std::path::PathBuf;

use super::{executable, judge};

const ENDED: &str = "test a ... compared: linear Avx512Vnni\nok\n\n\
                     test result: ok. 3 passed; 0 failed; 0 ignored\n";

#[track_caller]
fn check(output: &str, compared: &[&str], expected: Option<&str>) {
    let found = judge(output, compared).err().map(|error| error.to_string());
    match expected {
        Some(text) => assert!(found.is_some_and(|found| found.contains(text)), "{text}"),
        None => assert_eq!(found, None),
    }
}

#[test]
fn tests_must_end_pass_and_have_compared_what_they_are_for() {
    check(ENDED, &["compared: linear Avx512Vnni"], None);
    check(ENDED, &["compared: linear Avx512"], Some("no test says"));
    check(&ENDED.replace("3 passed", "0 passed"), &[], Some("no test ran"));
    check(&ENDED.replace("ok. 3", "FAILED. 3"), &[], Some("FAILED"));
    check("test a ... ", &[], Some("did not come to their end"));
}

#[test]
fn cargo_names_the_program() {
    let messages = "{\"executable\":null}\n{\"executable\":\"/a/deps/kernels-1\",\"fresh\":true}\n";
    assert_eq!(executable(messages), Some(PathBuf::from("/a/deps/kernels-1")));
    assert_eq!(executable("{\"executable\":null}"), None);
}
