use super::{FILES, asset};

/// What the page may weigh on the wire.
const SCRIPTS_AND_STYLES_MAX: usize = 60_000;

#[test]
fn the_page_is_light() {
    let weighed = FILES.iter().filter(|(name, ..)| name.ends_with(".js") || name.ends_with(".css"));
    let sum: usize = weighed.map(|(name, ..)| asset(name).unwrap().gzip.len()).sum();
    assert!(sum <= SCRIPTS_AND_STYLES_MAX, "JavaScript and CSS have {sum} bytes, compressed");
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    for (name, _, text) in FILES {
        for reference in ["src=\"http", "href=\"http", "url(", "from \"http", "eval(", "innerHTML"]
        {
            assert!(!text.contains(reference), "{name} contains {reference}");
        }
    }
}

#[test]
fn every_module_that_is_imported_is_there() {
    for (name, _, text) in FILES.iter().filter(|(name, ..)| name.ends_with(".js")) {
        for rest in text.split("from \"./").skip(1) {
            let imported = rest.split('"').next().unwrap();
            assert!(asset(imported).is_some(), "{name} imports {imported}");
        }
    }
    assert!(asset("../Cargo.toml").is_none() && asset("").is_none());
}
