use std::{fs, num::NonZeroUsize, time::Duration};

use kernels::{KvFormat, Precision};
use serving::{Engine, LoadSpec};

use super::{LanguageEngine, LanguageOptions};

fn engine() -> LanguageEngine {
    LanguageEngine::new(LanguageOptions {
        threads: NonZeroUsize::MIN,
        precision: Precision::Stored,
        kv_format: KvFormat::F16,
        kv_bytes: 1 << 20,
        context_length: None,
        sequences_max: 8,
        step_tokens_max: 128,
        queue_requests_max: 8,
        queue_tokens_max: 1024,
        speculation: false,
        prefix_cache: true,
        step_duration_max: Duration::from_secs(1),
    })
}

#[test]
fn a_model_is_found_as_file_in_a_folder_and_as_folder() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine();
    assert_eq!(engine.find(folder.path()), None);
    let named = folder.path().join("SmolLM2.Q4_1.GGUF");
    fs::write(&named, "").unwrap();
    assert_eq!(engine.find(&named), Some(named.clone()));
    assert_eq!(engine.find(folder.path()), Some(named));
    let default = folder.path().join("model.gguf");
    fs::write(&default, "").unwrap();
    assert_eq!(engine.find(folder.path()), Some(default));
    let weights = tempfile::tempdir().unwrap();
    fs::write(weights.path().join("config.json"), "{}").unwrap();
    assert_eq!(engine.find(weights.path()), Some(weights.path().to_owned()));
    let other = weights.path().join("model.onnx");
    fs::write(&other, "").unwrap();
    assert_eq!(engine.find(&other), None);
}

#[test]
fn a_broken_file_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.gguf");
    fs::write(&path, "no model").unwrap();
    let spec = LoadSpec {
        name: "broken".to_owned(),
        version: 1,
        path: path.clone(),
        config: std::sync::Arc::default(),
        intra_op_threads: NonZeroUsize::MIN,
    };
    let error = engine().load(&spec).unwrap_err().to_string();
    let (named, why) = error.split_once(": ").unwrap();
    assert_eq!(named, path.display().to_string());
    assert!(!why.is_empty());
}
