use tensor::{DataType, Shape, StringElements, Tensor};

use super::classify;

fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(DataType::Fp32, Shape::from(shape), data.into()).unwrap()
}

/// Classifies with the label `cat` for index 1 and checks the shape and texts of the result.
#[track_caller]
fn check(output: &Tensor, classes: usize, batches: bool, shape: &[usize], expected: &[&str]) {
    let labels = |index| (index == 1).then_some("cat");
    let result = classify(output, classes, batches, labels).unwrap();
    let texts: Vec<_> = StringElements::new(result.data())
        .map(|text| String::from_utf8(text.to_vec()).unwrap())
        .collect();
    assert_eq!(
        (&**result.shape(), &*texts),
        (shape, &*expected.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>())
    );
}

#[test]
fn each_row_of_a_batch_has_its_own_largest() {
    let output = floats(&[2, 3], &[0.1, 0.7, 0.2, 3.0, -1.0, 0.0]);
    check(&output, 2, true, &[2, 2], &["0.700000:1:cat", "0.200000:2", "3.000000:0", "0.000000:2"]);
}

#[test]
fn without_a_batch_all_elements_are_one_row() {
    let output = floats(&[2, 2], &[0.0, 1.0, 2.0, 3.0]);
    check(&output, 1, false, &[1], &["3.000000:3"]);
    check(&output, 9, false, &[4], &["3.000000:3", "2.000000:2", "1.000000:1:cat", "0.000000:0"]);
}

#[test]
fn equal_values_keep_their_order_and_nan_is_last() {
    let output = floats(&[1, 4], &[f32::NAN, 1.0, 1.0, f32::NEG_INFINITY]);
    check(&output, 4, true, &[1, 4], &["1.000000:1:cat", "1.000000:2", "-inf:3", "NaN:0"]);
}

#[test]
fn integers_are_written_as_such() {
    let data: Vec<u8> = [-5_i64, 7].iter().flat_map(|value| value.to_le_bytes()).collect();
    let output = Tensor::new(DataType::Int64, Shape::from([1, 2]), data.into()).unwrap();
    check(&output, 2, true, &[1, 2], &["7:1:cat", "-5:0"]);
}

#[test]
fn half_floats_are_compared_as_numbers() {
    let halves = |data_type, bits: [u16; 3]| {
        let data: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        Tensor::new(data_type, Shape::from([1, 3]), data.into()).unwrap()
    };
    // -2, 0.5 and 1.5 in both formats.
    let expected = ["1.500000:2", "0.500000:1:cat", "-2.000000:0"];
    let half = halves(DataType::Fp16, [0xc000, 0x3800, 0x3e00]);
    check(&half, 3, true, &[1, 3], &expected);
    let brain = halves(DataType::Bf16, [0xc000, 0x3f00, 0x3fc0]);
    check(&brain, 3, true, &[1, 3], &expected);
}

#[test]
fn nothing_has_no_classes() {
    check(&floats(&[0, 3], &[]), 2, true, &[0, 0], &[]);
    check(&floats(&[2, 0], &[]), 2, true, &[2, 0], &[]);
}

#[test]
fn types_without_an_order_are_refused() {
    let output = Tensor::new(DataType::Bool, Shape::from([1]), vec![1].into()).unwrap();
    let error = classify(&output, 1, false, |_| None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "class result not available for output due to unsupported type 'BOOL'"
    );
}
