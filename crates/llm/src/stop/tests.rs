use proptest::prelude::{Strategy, prop, prop_assert_eq, proptest};

use super::StopStrings;

fn run(stops: &[&str], include: bool, deltas: &[&str]) -> (Vec<String>, Option<usize>) {
    let strings: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
    let mut stops = StopStrings::new(&strings, include);
    let mut texts = Vec::new();
    for delta in deltas {
        let mut text = String::new();
        let found = stops.push(delta, &mut text);
        texts.push(text);
        if found.is_some() {
            return (texts, found);
        }
    }
    let mut text = String::new();
    stops.finish(&mut text);
    texts.push(text);
    (texts, None)
}

/// The last expected text is what comes at the end, unless a stop string was found.
#[track_caller]
fn check(stops: &[&str], deltas: &[&str], expected: &[&str], found: Option<usize>) {
    let (texts, index) = run(stops, false, deltas);
    assert_eq!((texts, index), (expected.iter().map(|text| (*text).to_owned()).collect(), found));
}

#[test]
fn text_without_a_stop_string_is_all_given_out() {
    check(&[], &["a", "b"], &["a", "b", ""], None);
    check(&["xyz"], &["ab", "xy", "a", "x"], &["ab", "", "xya", "", "x"], None);
}

#[test]
fn the_text_ends_before_the_stop_string() {
    check(&["END"], &["so E", "ND and more"], &["so ", ""], Some(0));
    check(&["\n\n"], &["a\n", "b\n", "\n"], &["a", "\nb", ""], Some(0));
    check(&["aab"], &["aaa", "ab"], &["a", "a"], Some(0));
}

#[test]
fn the_first_to_be_complete_wins_and_of_these_the_longest() {
    check(&["abcd", "bc"], &["abcd"], &["a"], Some(1));
    check(&["c", "bc", "abc"], &["xabc"], &["x"], Some(2));
    check(&["b", "a"], &["ab"], &[""], Some(1));
}

#[test]
fn characters_are_never_cut() {
    // These two begin with the same byte.
    check(&["\u{e8}!"], &["\u{e9}", "\u{e8}", "?"], &["\u{e9}", "", "\u{e8}?", ""], None);
}

#[test]
fn the_stop_string_can_be_included() {
    assert_eq!(
        run(&["END"], true, &["so E", "ND more"]),
        (vec!["so ".to_owned(), "END".to_owned()], Some(0))
    );
}

fn strings() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ab\u{e9}\u{e8}]{1,4}", 0..4)
}

/// What a search through the whole text says.
fn reference(stops: &[String], text: &str) -> (String, Option<usize>) {
    for end in (1..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        let found = stops.iter().enumerate().filter(|(_, stop)| text[..end].ends_with(&***stop));
        // The first of equal ones.
        if let Some((index, stop)) = found.rev().max_by_key(|(_, stop)| stop.len()) {
            return (text[..end - stop.len()].to_owned(), Some(index));
        }
    }
    (text.to_owned(), None)
}

proptest! {
    #[test]
    fn pieces_do_not_matter(stops in strings(), deltas in prop::collection::vec("[abc\u{e9}\u{e8}]{0,5}", 0..8)) {
        let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
        let deltas: Vec<&str> = deltas.iter().map(String::as_str).collect();
        let (texts, found) = run(&stops, false, &deltas);
        let owned: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        prop_assert_eq!((texts.concat(), found), reference(&owned, &deltas.concat()));
    }
}
