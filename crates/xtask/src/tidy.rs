//! Properties of the source tree that no lint can express.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// From low to high. A crate may depend only on crates of an earlier row.
const LAYERS: &[&[&str]] = &[
    &["kernels", "tensor"],
    &["protocol", "onnx", "llm"],
    &["serving"],
    &["engines", "server", "loadgen"],
    &["profile"],
    &["hone"],
    &["bench", "xtask"],
];

/// The rest of a layer's row is not enough for these: who may depend on whom, all named.
const NARROWER: &[(&str, &[&str])] = &[
    ("serving", &["tensor", "protocol"]),
    ("onnx", &["tensor"]),
    ("llm", &["kernels"]),
    ("loadgen", &["tensor", "protocol"]),
    ("xtask", &[]),
];

/// Crates that may know HTTP and gRPC.
const NETWORKED: &[&str] = &["protocol", "server", "loadgen", "bench"];
const NETWORK_LIBRARIES: &[&str] = &["hyper", "hyper-util", "http", "http-body", "tonic"];

const FILE_LINES_MAX: usize = 500;
/// Files that are longer, and why that is right.
const LONG_FILES: &[(&str, &str)] = &[];

const ARCHITECTURE_LINES_MAX: usize = 200;

#[test]
fn dependencies_point_down() {
    for (row, names) in LAYERS.iter().enumerate() {
        for name in *names {
            let dependencies = dependencies(name);
            for same_or_higher in LAYERS[row..].concat() {
                assert!(
                    !dependencies.contains(same_or_higher),
                    "{name} must not depend on {same_or_higher}: see the layers in {}",
                    file!()
                );
            }
        }
    }
}

#[test]
fn every_crate_has_a_layer() {
    let layered: BTreeSet<String> = LAYERS.concat().into_iter().map(str::to_owned).collect();
    let found: BTreeSet<String> = fs::read_dir(tree().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, layered);
}

#[test]
fn cores_know_little() {
    let ours: BTreeSet<String> = LAYERS.concat().into_iter().map(str::to_owned).collect();
    for (name, allowed) in NARROWER {
        for dependency in dependencies(name).intersection(&ours) {
            assert!(allowed.contains(&&**dependency), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn serving_takes_only_the_model_configuration_from_protocol() {
    for (path, text) in sources(&tree().join("crates/serving"), "rs") {
        for line in text.lines() {
            let uses = line.split("protocol::").skip(1);
            for rest in uses {
                assert!(rest.starts_with("model_config"), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn only_front_ends_know_the_network() {
    for name in LAYERS.concat().iter().filter(|name| !NETWORKED.contains(name)) {
        for dependency in dependencies(name) {
            let networked =
                NETWORK_LIBRARIES.contains(&&*dependency) || dependency.starts_with("tonic");
            assert!(!networked, "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn the_environment_is_read_in_one_place() {
    // The last one only looks whether it has to forbid a library its reports.
    let allowed =
        ["crates/hone/", "crates/xtask/", "crates/bench/", "crates/engines/src/telemetry.rs"];
    for (path, text) in rust_sources() {
        let name = relative(&path);
        let is_test = ["tests", "/benches/", "build.rs"].iter().any(|part| name.contains(part));
        if is_test || allowed.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        let found = text.lines().find(|line| line.contains("env::var"));
        assert!(found.is_none(), "{name} reads the environment: {}", found.unwrap_or_default());
    }
}

#[test]
fn files_have_one_subject() {
    let long: BTreeSet<String> = rust_sources()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > FILE_LINES_MAX)
        .map(|(path, _)| relative(&path))
        .collect();
    let listed: BTreeSet<String> = LONG_FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(
        long, listed,
        "left: files with more than {FILE_LINES_MAX} lines; right: those that LONG_FILES explains"
    );
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = read("Cargo.toml");
    let reasons = read("docs/decisions/dependencies.md");
    let ours = LAYERS.concat();
    let mut names = section(&manifest, "workspace.dependencies");
    names.retain(|name| !ours.contains(&&**name) && !reasons.contains(&format!("`{name}`")));
    assert!(names.is_empty(), "docs/decisions/dependencies.md has no line for {names:?}");
}

#[test]
fn the_architecture_fits_a_reader() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(lines <= ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together so that this file does not hold them.
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["unimpl", "emented!"].concat()];
    let python = sources(&tree().join("tests"), "py");
    let documents = sources(&tree().join("docs"), "md");
    for (path, text) in rust_sources().into_iter().chain(python).chain(documents) {
        for (number, line) in text.lines().enumerate() {
            for mark in &marks {
                assert!(!line.contains(mark), "{}:{}: {line}", relative(&path), number + 1);
            }
        }
    }
}

#[test]
fn modules_are_named_after_their_subject() {
    let drawers = ["mod.rs", "utils.rs", "util.rs", "helpers.rs", "common.rs", "types.rs"];
    for (path, _) in rust_sources() {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!drawers.contains(&name), "{} says nothing about its content", relative(&path));
    }
}

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(tree()).unwrap().to_str().unwrap().to_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(tree().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Everything that a crate depends on, for its tests and its build script too.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest = read(&format!("crates/{name}/Cargo.toml"));
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .flat_map(|title| section(&manifest, title))
        .collect()
}

/// The keys of a section of a manifest that is written one key per line.
fn section(manifest: &str, title: &str) -> Vec<String> {
    let header = format!("[{title}]");
    manifest
        .lines()
        .skip_while(|line| line.trim() != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.starts_with(|c: char| c.is_alphanumeric()))
        .filter_map(|line| Some(line.split(['.', '=', ' ']).next()?.to_owned()))
        .collect()
}

fn rust_sources() -> Vec<(PathBuf, String)> {
    sources(&tree().join("crates"), "rs")
}

/// Paths and texts of the files below `folder` that end in `extension`; build output is left out.
fn sources(folder: &Path, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(sources(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}
