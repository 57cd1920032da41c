use std::fs;

use super::{CacheSizes, bytes};

#[track_caller]
fn check(caches: &[(&str, &str, &str)], expected: Option<CacheSizes>) {
    let folder = tempfile::tempdir().unwrap();
    for (index, (level, kind, size)) in caches.iter().enumerate() {
        let cache = folder.path().join(format!("index{index}"));
        fs::create_dir(&cache).unwrap();
        for (name, value) in [("level", level), ("type", kind), ("size", size)] {
            fs::write(cache.join(name), format!("{value}\n")).unwrap();
        }
    }
    assert_eq!(CacheSizes::read(folder.path()), expected);
}

#[test]
fn caches_that_hold_data_are_read() {
    check(
        &[
            ("1", "Data", "48K"),
            ("1", "Instruction", "64K"),
            ("2", "Unified", "2048K"),
            ("3", "Unified", "36M"),
        ],
        Some(CacheSizes { l1: 48 << 10, l2: 2 << 20, l3: Some(36 << 20), assumed: false }),
    );
    check(
        &[("1", "Data", "64K"), ("2", "Unified", "1M")],
        Some(CacheSizes { l1: 64 << 10, l2: 1 << 20, l3: None, assumed: false }),
    );
}

#[test]
fn what_the_system_does_not_say_is_not_made_up() {
    check(&[], None);
    check(&[("1", "Data", "big"), ("2", "Unified", "1M")], None);
    check(&[("9", "Data", "32K"), ("2", "Unified", "1M")], None);
    assert_eq!(CacheSizes::read("/nowhere".as_ref()), None);
}

#[test]
fn sizes_have_units() {
    for (text, expected) in
        [("512", Some(512)), ("32K", Some(32768)), ("1M", Some(1 << 20)), ("", None), ("K", None)]
    {
        assert_eq!(bytes(text), expected, "{text}");
    }
    assert_eq!(bytes("0K"), None);
    assert_eq!(bytes("99999999999999999999M"), None);
}
