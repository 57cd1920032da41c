use engines::onnxruntime::{Installed, Search, Source, Survey, install};

use crate::harness;

#[test]
fn an_installed_library_is_found_and_not_brought_again() {
    let cache = harness::cache();
    let library = match install(&cache).unwrap_or_else(|error| panic!("{error}")) {
        Installed::Now(path) | Installed::Already(path) => path,
    };
    assert_eq!(install(&cache).unwrap(), Installed::Already(library.clone()));

    let survey = Survey::new(&Search { cache, ..Search::default() });
    let chosen = survey.discovery.chosen().unwrap();
    assert_eq!(chosen.path, library.canonicalize().unwrap());
    assert_eq!(chosen.source, Source::Cache);
    assert_eq!(chosen.version.as_deref(), Some(engines::onnxruntime::VERSION));
    let providers = survey.providers.as_ref().unwrap();
    assert!(providers.iter().any(|name| name == "CPUExecutionProvider"), "{providers:?}");
    let text = survey.to_string();
    assert!(text.contains("* 1.32.0   Hone's cache"), "{text}");
}

/// The tests are started with it in their environment; the program does it first thing.
#[test]
fn the_library_reports_nothing() {
    assert!(engines::forbid_telemetry());
    let loader = harness::Loader::new(&onnx::build::identity(onnx::ElementType::Bool, &[1]));
    let _factory = loader.factory();
    for file in std::fs::read_dir("/proc/self/fd").unwrap() {
        let file = std::fs::read_link(file.unwrap().path()).unwrap_or_default();
        assert!(!file.to_string_lossy().contains("onnxruntime.db"), "{} is open", file.display());
    }
}
