use std::{fs, path::Path};

use serde_json::Value;

use super::{FileWriter, Files, numbered};
use crate::trace::samples::{filed, record};

/// How many traces each file holds.
fn traces_in(path: &Path) -> usize {
    let text = fs::read_to_string(path).unwrap();
    let array: Vec<Value> = serde_json::from_str(&text).unwrap();
    array.iter().filter(|fragment| fragment["model_name"] == "echo").count()
}

async fn write(path: &Path, traces: usize, log_frequency: u32) {
    let writer = FileWriter::start(path.to_owned(), traces).unwrap();
    for _ in 0..traces {
        writer.submit(Box::new(filed(record(), log_frequency)));
    }
    writer.stop().await;
    assert_eq!(writer.counts().get(), (traces as u64, 0));
}

#[tokio::test]
async fn one_file_takes_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    fs::write(&path, "what was there before").unwrap();
    write(&path, 300, 0).await;
    assert_eq!(traces_in(&path), 300);
}

#[tokio::test]
async fn files_are_split_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    write(&path, 25, 10).await;
    let counts = [0, 1, 2].map(|number| traces_in(&numbered(&path, number)));
    assert_eq!(counts, [10, 10, 5]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn nothing_is_written_where_nothing_is_traced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    fs::write(&path, "what was there before").unwrap();
    write(&path, 0, 0).await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "what was there before");
}

#[tokio::test]
async fn a_folder_that_is_not_there_loses_traces_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let writer = FileWriter::start(folder.path().join("no/trace.json"), 10).unwrap();
    writer.submit(Box::new(filed(record(), 0)));
    writer.stop().await;
    writer.submit(Box::new(filed(record(), 0)));
    assert_eq!(writer.counts().get(), (0, 2));
}

#[test]
fn a_file_can_be_read_after_every_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    let mut files = Files::new(path.clone());
    for number in 1..4 {
        files.append(br#"{"model_name":"echo"}"#, 1, 0).unwrap();
        assert_eq!(traces_in(&path), number);
    }
}

#[test]
fn a_server_does_not_fill_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::new(folder.path().join("trace.json"));
    files.written = super::WRITTEN_BYTES_MAX;
    let error = files.append(b"{}", 1, 0).unwrap_err();
    assert!(error.to_string().contains("have been written"), "{error}");
}
