use super::{Match, continuation, longest_match};

/// Letters as tokens.
fn tokens(text: &str) -> Vec<u32> {
    text.chars().map(u32::from).collect()
}

/// Looks for two to four letters; `expected` is the length of the match and three more letters.
#[track_caller]
fn check(text: &str, expected: Option<(usize, &str)>) {
    let tokens = tokens(text);
    let found = longest_match(&tokens, 2, 4).map(|Match { end, length }| {
        let mut proposal = Vec::new();
        continuation(&tokens, end, 3, &mut proposal);
        let text: String = proposal.into_iter().filter_map(char::from_u32).collect();
        (length, text)
    });
    assert_eq!(found, expected.map(|(length, text)| (length, text.to_owned())));
}

#[test]
fn the_end_is_found_earlier() {
    check("the cat sat on the c", Some((4, "at ")));
    check("abXYZ ab", Some((2, "XYZ")));
}

#[test]
fn too_short_ends_are_no_match() {
    check("abc b", None);
    check("ab", None);
    check("a", None);
    check("", None);
}

#[test]
fn the_longest_match_wins() {
    check("xabcQQQ zbcRRR yabc", Some((3, "QQQ")));
}

#[test]
fn of_equal_matches_the_latest_wins() {
    check("xabQQQ yabRRR zab", Some((2, "RRR")));
}

#[test]
fn a_match_of_full_length_ends_the_search() {
    check("1abcdeQQQ abcdeRRR 2abcde", Some((4, "RRR")));
}

#[test]
fn a_repetition_goes_on() {
    check("xyaaa", Some((2, "aaa")));
    check("x abab", Some((2, "aba")));
}

#[test]
fn the_start_can_match() {
    check("abQQQ ab", Some((2, "QQQ")));
    check("aab aa", Some((2, "b a")));
}
