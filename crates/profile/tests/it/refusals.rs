use std::fs;

use crate::harness::{dense, model_folder, options, run};

#[test]
fn what_is_no_model_is_refused_with_what_to_give() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(&options(&folder.path().join("nothing.onnx"))).unwrap_err().to_string();
    assert!(error.contains("nothing.onnx"), "{error}");
    let error = run(&options(folder.path())).unwrap_err().to_string();
    assert_eq!(error, "there is no model; give a model");
    model_folder(folder.path(), &dense(), "");
    fs::create_dir_all(folder.path().join("other/1")).unwrap();
    fs::write(folder.path().join("other/1/model.onnx"), dense()).unwrap();
    let error = run(&options(folder.path())).unwrap_err().to_string();
    assert_eq!(error, "there are several models (dense, other, ...); give the folder of one");
}

#[test]
fn shapes_that_the_model_does_not_take_are_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_folder(folder.path(), &dense(), "");
    let mut options = options(&model);
    options.shapes = vec![("x".to_owned(), vec![1, 3])];
    let error = run(&options).unwrap_err().to_string();
    assert!(error.starts_with("input 'x' takes shapes [-1, 64]"), "{error}");
}

#[test]
fn inputs_that_the_model_refuses_while_it_runs_are_said_to_be_at_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lookup.onnx");
    // A table of one row: the index 1 is outside of it.
    fs::write(&file, onnx::build::lookup(1)).unwrap();
    let mut options = options(&file);
    options.shapes = vec![("INDICES".to_owned(), vec![64, 1])];
    let error = run(&options).unwrap_err().to_string();
    assert!(error.starts_with("the server does not answer requests with the inputs: "), "{error}");
    assert!(error.ends_with("; give --shape or --inputs"), "{error}");
}
