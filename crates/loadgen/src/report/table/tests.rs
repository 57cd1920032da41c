use super::{Colours, wrapped, write_table};
use crate::{
    report::{fixture, snapshot},
    result::ResultDocument,
};

fn table(document: &ResultDocument, colours: Colours) -> String {
    let mut out = Vec::new();
    write_table(document, colours, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(name: &str, document: &ResultDocument) {
    let text = table(document, Colours::Off);
    snapshot::check(name, &text);
    let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 112, "{name} has a line of {longest} characters");
}

#[test]
fn tables_look_as_they_did() {
    check("sweep.txt", &fixture::sweep());
    check("rate.txt", &fixture::rate());
    check("chat.txt", &fixture::chat());
    check("versus.txt", &fixture::versus());
    check("search.txt", &fixture::search());
}

#[test]
fn colours_are_only_where_they_are_wanted() {
    let text = table(&fixture::rate(), Colours::Off);
    assert!(!text.contains('\x1b'), "{text}");
    let text = table(&fixture::rate(), Colours::On);
    assert!(text.contains("\x1b[31mgenerator: the busiest"), "{text}");
}

#[test]
fn a_name_cannot_command_the_terminal() {
    let mut document = fixture::rate();
    document.targets[0].model = "evil\x1b[2J\nname".to_owned();
    let text = table(&document, Colours::Off);
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.contains("evil?[2J"), "{text}");
}

#[test]
fn an_empty_document_is_said_to_be_empty() {
    assert_eq!(table(&ResultDocument::default(), Colours::Off), "Nothing was measured.\n");
}

#[test]
fn text_is_broken_between_words() {
    assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    assert_eq!(wrapped("half in 12 ms", 10), ["half in", "12 ms"]);
    assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
    assert_eq!(wrapped("", 3), [""]);
}

#[test]
fn a_target_without_a_label_is_named_by_its_model() {
    let mut document = fixture::rate();
    document.targets[0].label = String::new();
    assert!(table(&document, Colours::Off).contains("\nbert-base at http://"));
}
