use super::{inputs, shape};

#[track_caller]
fn check(text: &str, expected: Option<(&str, &[usize])>) {
    let expected = expected.map(|(name, dims)| (name.to_owned(), dims.to_vec()));
    assert_eq!(shape(text).ok(), expected, "{text}");
}

#[test]
fn shapes_have_a_name_and_dimensions() {
    check("ids:1,128", Some(("ids", &[1, 128])));
    check("image:0:1x3x224x224", Some(("image:0", &[1, 3, 224, 224])));
    check("scalar:", Some(("scalar", &[])));
    check("ids", None);
    check(":1,2", None);
    check("ids:1,-1", None);
    check("ids:1,,2", None);
}

#[test]
fn inputs_are_read_as_a_request_has_them() {
    let folder = std::env::temp_dir().join(format!("hone-profile-inputs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("inputs.json");
    let text =
        r#"{"inputs": [{"name": "x", "datatype": "INT64", "shape": [1, 2], "data": [3, 4]}]}"#;
    std::fs::write(&path, text).unwrap();
    let read = inputs(&path).unwrap();
    assert_eq!((read.len(), &*read[0].name), (1, "x"));
    assert_eq!(read[0].tensor.data().len(), 16);
    std::fs::write(&path, r#"{"inputs": [{"name": "x"}]}"#).unwrap();
    let error = format!("{:#}", inputs(&path).unwrap_err());
    assert!(error.contains("inputs.json"), "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(format!("{:#}", inputs(&path).unwrap_err()).contains("cannot read the inputs"));
}
