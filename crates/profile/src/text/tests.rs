use super::{count, shortened, text};
use crate::fixture;

#[track_caller]
fn check(top: usize, words: &[&str]) {
    let text = text(&fixture::document(), top);
    for word in words {
        assert!(text.contains(word), "'{word}' is not in\n{text}");
    }
}

#[test]
fn every_part_is_there() {
    check(
        1,
        &[
            "a<b> 1: onnxruntime on CPU, 1 thread per run, 2 instances served, batches up to 4 rows",
            "ids INT64 [1, 128] (length assumed; --shape NAME:DIMS sets it), ones",
            "low load: 1 connection, ms",
            "saturating load: 6 connections, ms",
            "explained",
            "Compute by operator",
            "the engine's own",
            "The 1 longest of 2 nodes",
            "MatMul m 1x128x384 * 384x384 -> 1x128x384",
            "Compute by batch size (1 thread per run)",
            "x1.50",
            "2 instances x 1 thread",
            "f32 G operations/s",
            "no instruction for it",
            "read from memory, GB/s",
            "Verdict\n  - Compute is the limit.",
            "Notes\n  - A note.",
        ],
    );
}

#[test]
fn stages_and_their_shares_stand_side_by_side() {
    let text = text(&fixture::document(), 0);
    let line = text.lines().find(|line| line.starts_with("queue, batch formation")).unwrap();
    let cells: Vec<&str> = line.split_whitespace().skip(3).collect();
    assert_eq!(cells, ["0.100", "1.0", "20.000", "66.4"]);
    assert!(!text.contains("longest of"), "no nodes were asked for");
}

#[test]
fn names_are_cut_at_their_beginning() {
    assert_eq!(shortened("short"), "short");
    let long = format!("{}end", "x".repeat(60));
    let cut = shortened(&long);
    assert_eq!((cut.len(), &cut[..2], &cut[41..]), (44, "..", "end"));
    assert_eq!((&*count(1, "row"), &*count(2, "row")), ("1 row", "2 rows"));
}
