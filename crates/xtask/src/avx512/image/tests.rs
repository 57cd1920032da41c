use super::{boot_menu, entry};

#[test]
fn files_are_laid_down_in_fours() {
    let mut archive = Vec::new();
    entry(&mut archive, "init", 0o100_755, [0, 0], b"12345");
    entry(&mut archive, "dev/console", 0o20_600, [5, 1], b"");
    let first = "070701\
                 00000001000081ED00000000000000000000000100000000\
                 0000000500000000000000000000000000000000\
                 0000000500000000\
                 init\0\0";
    assert_eq!(archive[..116], *first.as_bytes());
    assert_eq!(archive[116..124], *b"12345\0\0\0");
    assert_eq!(archive[124..138], *b"0707010000007D");
    assert!(archive.ends_with(b"00000005000000010000000C00000000dev/console\0\0\0"));
}

#[track_caller]
fn check(arguments: &[String], fits: bool) {
    assert_eq!(boot_menu(arguments).is_ok(), fits, "{}", arguments.len());
}

#[test]
fn linux_gets_no_more_than_it_takes() {
    check(&["linear".to_owned()], true);
    check(&vec!["linear".to_owned(); 31], false);
    check(&["x".repeat(2000)], false);
}
