use std::{fs, os::unix::fs::symlink, path::Path};

use super::{MACHINE, Problem, Search, Source, discover, find};

/// A file that looks like a library of a version for a machine.
fn library(path: &Path, version: &str, machine: u16) {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
    bytes.extend_from_slice(&machine.to_le_bytes());
    bytes.extend_from_slice(format!("\0VERS_{version}\0").as_bytes());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Sources and versions of what is found in the folders of `search`, without the machine's own.
fn found(search: &Search) -> Vec<(Source, String, Option<Problem>)> {
    let own = [Source::System, Source::BesideBinary];
    let candidates = discover(search).candidates.into_iter();
    candidates
        .filter(|candidate| !own.contains(&candidate.source))
        .map(|found| (found.source, found.version.unwrap_or_default(), found.problem))
        .collect()
}

#[test]
fn libraries_are_found_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    library(&at("cache/engines/onnxruntime-1.9.0/libonnxruntime.so.1.9.0"), "1.9.0", MACHINE);
    library(&at("cache/engines/onnxruntime-1.32.0/libonnxruntime.so.1.32.0"), "1.32.0", MACHINE);
    library(&at("cache/engines/onnxruntime-1.40.0/libonnxruntime.so.1.40.0"), "1.40.0", 0xffff);
    let package = "env/lib/python3.12/site-packages/onnxruntime/capi";
    library(&at(package).join("libonnxruntime.so.1.30.0"), "1.30.0", MACHINE);
    library(&at(package).join("libonnxruntime_providers_shared.so"), "1.30.0", MACHINE);
    symlink("libonnxruntime.so.1.30.0", at(package).join("libonnxruntime.so.1")).unwrap();
    let search = Search {
        cache: at("cache"),
        python_environments: vec![at("missing"), at("env")],
        ..Search::default()
    };
    let too_old = Problem::TooOld("1.9.0".to_owned());
    assert_eq!(
        found(&search),
        [
            (
                Source::Cache,
                "1.40.0".to_owned(),
                Some(Problem::OtherMachine("another architecture"))
            ),
            (Source::Cache, "1.32.0".to_owned(), None),
            (Source::Cache, "1.9.0".to_owned(), Some(too_old.clone())),
            (Source::Python, "1.30.0".to_owned(), None),
        ]
    );
    assert_eq!(find(&search).unwrap().version.as_deref(), Some("1.32.0"));
    let text = too_old.to_string();
    assert_eq!(text, "version 1.9.0 is too old, 1.24 or newer is needed");
}

#[test]
fn a_library_that_is_named_is_the_only_one() {
    let folder = tempfile::tempdir().unwrap();
    let (good, old) = (folder.path().join("good.so"), folder.path().join("old.so"));
    library(&good, "1.32.0", MACHINE);
    library(&old, "1.20.1", MACHINE);
    fs::write(folder.path().join("text.so"), "INPUT(good.so)").unwrap();
    let named = |path: &Path| Search { library: Some(path.to_owned()), ..Search::default() };
    let environment = Search { environment_library: Some(good.clone()), ..Search::default() };
    assert_eq!(found(&named(&good)), [(Source::Flag, "1.32.0".to_owned(), None)]);
    assert_eq!(found(&environment), [(Source::Environment, "1.32.0".to_owned(), None)]);
    assert_eq!(find(&named(&good)).unwrap().path, good.canonicalize().unwrap());

    let refused = |path: &Path| find(&named(path)).unwrap_err().to_string();
    assert!(
        refused(&old)
            .ends_with("old.so cannot be used: version 1.20.1 is too old, 1.24 or newer is needed")
    );
    assert!(refused(&folder.path().join("text.so")).ends_with("it is no shared library"));
    assert!(refused(&folder.path().join("none.so")).contains("cannot be read"));
}
