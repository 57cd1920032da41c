use std::fs;

use super::read;

#[track_caller]
fn check_file(text: &str, message: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    fs::write(&path, text).unwrap();
    let read = read(Vec::new(), Some(&path));
    let told = read.map_or_else(|error| format!("{error:#}"), |keys| format!("{keys:?}"));
    assert!(told.contains(message), "{told}");
    assert!(!told.contains("sk-secret"), "{told}");
}

#[test]
fn a_file_names_its_keys() {
    let anna = "[[key]]\nkey = \"sk-secret-1\"\nname = \"anna\"\nweight = 3\npriority = -1\n";
    check_file(anna, "weight: 3, priority: -1");
    check_file(&anna.repeat(2), "there twice");
    check_file(&format!("{anna}{}", anna.replace("anna", "bert")), "the same");
    check_file(&anna.replace("3", "0"), "give 1 to 1000");
    check_file(&anna.replace("secret-1", "s"), "key of \"anna\" has 4 characters");
    check_file("[[key]]\nkey = \"sk-secret-1\"\nnam = \"anna\"\n", "line 3: unknown field `nam`");
    check_file("key = []", "no [[key]]");
}

#[test]
fn keys_of_flags_have_numbers_for_names() {
    let keys = read(vec!["sk-secret-1".parse().unwrap()], None).unwrap();
    assert!(format!("{keys:?}").contains("key-1"));
    let short = read(vec!["sk".parse().unwrap()], None).unwrap_err().to_string();
    assert_eq!(short, "api-key has 2 characters; give at least 8");
}
