use super::whole;

#[track_caller]
fn check(text: &str, expected: Option<&str>) {
    assert_eq!(whole(text).as_deref(), expected, "{text}");
}

#[test]
fn the_last_line_may_be_cut_in_two_by_linux() {
    check("test a ... ok\n", None);
    check("test a ... ok\n\ntest result: ok. 1 pas", None);
    check("test result: ok. 1 passed\n", Some("test result: ok. 1 passed\n"));
    let panic = "[    4.6] Kernel panic - not syncing\n[    4.7] x [y]\n[    4.8] ---[ end ]---\n";
    let begun = &panic[..panic.len() - 1];
    check(&format!("a\ntest result: o{begun}"), None);
    check(&format!("a\ntest re{panic}"), None);
    check(&format!("a\ntest re{panic}sult: ok."), None);
    check(&format!("a\ntest re{panic}sult: ok.\n"), Some("a\ntest result: ok.\n"));
}
