//! Texts as they were when somebody last looked at them.

use std::{fs, path::Path};

/// Compares with `src/report/snapshots/NAME`. A build with `UPDATE_SNAPSHOTS=1` writes it instead.
#[track_caller]
pub(crate) fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/snapshots").join(name);
    if option_env!("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{name} looks different now; look at it, then build with UPDATE_SNAPSHOTS=1:\n{text}"
    );
}
