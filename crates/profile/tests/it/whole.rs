use std::fs;

use profile::{BatchOutcome, LoadProfile, ProfileDocument, SCHEMA, ShapeOrigin, html, text};

use crate::harness::{WIDTH, dense, model_folder, options, run};

#[track_caller]
fn check_load(load: &LoadProfile) {
    assert!(load.requests > 0 && load.samples > 0, "{load:?}");
    assert_eq!(load.failures, 0);
    assert!(load.explained > 0.0 && load.explained <= 1.0, "{load:?}");
    assert!(load.unexplained_ms >= 0.0, "{load:?}");
    for stage in &load.stages {
        assert!(stage.ms >= 0.0 && (0.0..=1.0).contains(&stage.share), "{stage:?}");
    }
    let stage = |name: &str| load.stages.iter().find(|stage| stage.name == name).unwrap().ms;
    assert!(stage("compute_infer") > 0.0 && stage("decode") > 0.0 && stage("network") > 0.0);
    let shares: f64 = load.stages.iter().map(|stage| stage.share).sum();
    assert!((shares - load.explained).abs() < 1e-9, "{load:?}");
    let latency = load.latency;
    assert!(latency.p50_ms > 0.0 && latency.p50_ms <= latency.p99_ms, "{latency:?}");
    assert!(load.batch_rows >= 1.0 && load.instances_busy > 0.0, "{load:?}");
}

#[track_caller]
fn check_compute(document: &ProfileDocument) {
    let ceiling = &document.ceiling;
    let expected = (2 * WIDTH * WIDTH) as f64;
    assert!((ceiling.operations - expected).abs() < 1e-6, "{ceiling:?}");
    assert!(ceiling.share_of_peak > 0.0 && ceiling.peak > 0.0 && ceiling.bandwidth > 0.0);
    let operators: Vec<&str> = ceiling.operators.iter().map(|own| &*own.operator).collect();
    assert!(operators.contains(&"MatMul") && operators.contains(&"Tanh"), "{operators:?}");
    let rows: Vec<usize> = document.batches.points.iter().map(|point| point.rows).collect();
    assert_eq!(rows, [1, 2, 4, 8]);
    assert_ne!(document.batches.outcome, BatchOutcome::Fixed);
    let ways: Vec<_> =
        document.scaling.iter().map(|point| (point.instances, point.threads)).collect();
    assert_eq!(ways, [(1, 1), (2, 1), (1, 2)]);
    assert!(document.scaling.iter().all(|point| point.requests_per_second > 0.0));
}

#[test]
fn a_bare_file_is_profiled_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dense.onnx");
    fs::write(&file, dense()).unwrap();
    let document = run(&options(&file)).unwrap();
    assert_eq!((document.schema, &*document.model.name), (SCHEMA, "dense"));
    assert_eq!((document.model.instances, document.model.batch_rows_max), (2, 4));
    assert_eq!(document.model.inputs[0].shape, [1, WIDTH]);
    let names: Vec<&str> = document.loads.iter().map(|load| load.name).collect();
    assert_eq!(names, ["low", "saturating"]);
    document.loads.iter().for_each(check_load);
    assert_eq!((document.loads[0].connections, document.loads[1].connections), (1, 10));
    check_compute(&document);
    assert!(document.shorter.is_none(), "there is no length to halve");
    assert!(document.verdict.len() >= 5, "{:?}", document.verdict);
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(json["loads"][1]["name"], "saturating");
    assert_eq!(json["batches"]["points"][0]["rows"], 1);
    assert!(text(&document, 3).contains("Where a request's time goes"));
    assert!(html(&document).contains("<svg"));
}

#[test]
fn a_models_folder_is_profiled_as_its_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let config = "max_batch_size: 8 dynamic_batching { } instance_group [ { count: 1 } ]";
    let model = model_folder(folder.path(), &dense(), config);
    let mut options = options(&model);
    options.shapes = vec![("x".to_owned(), vec![2, WIDTH])];
    let document = run(&options).unwrap();
    assert_eq!((document.model.instances, document.model.batch_rows_max), (1, 8));
    assert_eq!(document.model.inputs[0].origin, ShapeOrigin::Given);
    assert!(document.model.path.ends_with("dense/1/model.onnx"), "{}", document.model.path);
    let rows: Vec<usize> = document.batches.points.iter().map(|point| point.rows).collect();
    assert_eq!(rows, [2, 4, 8]);
    assert_eq!(document.ceiling.rows, 2);
    document.loads.iter().for_each(check_load);
}

/// The server asks for a dimension that the model itself does not have.
#[test]
fn a_model_of_one_value_per_row_is_profiled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lookup.onnx");
    fs::write(&file, onnx::build::lookup(2)).unwrap();
    let document = run(&options(&file)).unwrap();
    assert_eq!(document.model.inputs[0].shape, [1, 1]);
    assert_eq!(document.batches.points.len(), 4);
    assert_eq!(document.ceiling.operators[0].operator, "Gather");
    document.loads.iter().for_each(check_load);
}
