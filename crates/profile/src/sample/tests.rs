use bytes::Bytes;
use serving::{NamedTensor, TensorSpec};
use tensor::{DataType, Shape, Tensor, push_string};

use super::Sample;
use crate::ShapeOrigin;

fn spec(name: &str, data_type: DataType, dims: &[i64]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), data_type, dims: dims.to_vec(), optional: false }
}

fn encoder() -> Vec<TensorSpec> {
    let dims = [-1, -1];
    ["input_ids", "attention_mask", "token_type_ids"]
        .map(|name| spec(name, DataType::Int64, &dims))
        .to_vec()
}

fn values(tensor: &Tensor) -> Vec<i64> {
    tensor.data().as_chunks::<8>().0.iter().map(|value| i64::from_le_bytes(*value)).collect()
}

#[track_caller]
fn check_refused(specs: &[TensorSpec], shapes: &[(&str, &[usize])], expected: &str) {
    let shapes: Vec<_> =
        shapes.iter().map(|(name, dims)| ((*name).to_owned(), dims.to_vec())).collect();
    let error = Sample::generate(specs, &shapes).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn open_dimensions_are_filled_in_and_said_to_be() {
    let sample = Sample::generate(&encoder(), &[]).unwrap();
    let facts = sample.facts();
    assert!(facts.iter().all(|fact| fact.shape == [1, 128] && fact.origin == ShapeOrigin::Assumed));
    assert_eq!(sample.lengths(), [128]);
    let tensors = sample.tensors();
    assert!(values(&tensors[0].tensor).iter().all(|id| [0, 1].contains(id)));
    assert!(values(&tensors[1].tensor).iter().all(|mask| *mask == 1));
    assert!(values(&tensors[2].tensor).iter().all(|token_type| *token_type == 0));
    let image = [spec("image", DataType::Fp32, &[-1, 3, 8, 8])];
    let facts = Sample::generate(&image, &[]).unwrap().facts();
    assert_eq!((&*facts[0].shape, facts[0].origin), (&[1, 3, 8, 8][..], ShapeOrigin::Model));
}

#[test]
fn every_type_has_values() {
    for data_type in DataType::ALL {
        let sample = Sample::generate(&[spec("x", data_type, &[-1, 5])], &[]).unwrap();
        let tensors = sample.with_rows(3).unwrap();
        assert_eq!(tensors[0].tensor.shape().elements(), 15, "{data_type}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let specs = [spec("x", DataType::Fp32, &[-1, 4])];
    check_refused(&specs, &[("y", &[1, 4])], "no input 'y'; it has x");
    check_refused(&specs, &[("x", &[1, 5])], "takes shapes [-1, 4]");
    check_refused(&specs, &[("x", &[4])], "takes shapes [-1, 4]");
    check_refused(&specs, &[("x", &[1 << 40, 4])], "more than 268435456 bytes");
    check_refused(&specs, &[("x", &[usize::MAX, 4])], "more than");
}

#[test]
fn a_batch_is_the_request_again_and_again() {
    let specs = [spec("x", DataType::Int64, &[-1, 2])];
    let tensor = |shape: [usize; 2], values: &[i64]| {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::new(DataType::Int64, Shape::from(shape), data.into()).unwrap()
    };
    let given = NamedTensor { name: "x".to_owned(), tensor: tensor([2, 2], &[1, 2, 3, 4]) };
    let sample = Sample::given(&specs, vec![given]).unwrap();
    assert_eq!((sample.rows(), sample.is_batchable()), (2, true));
    let larger = sample.with_rows(3).unwrap();
    assert_eq!(larger[0].tensor, tensor([3, 2], &[1, 2, 3, 4, 1, 2]));
    assert_eq!(sample.with_rows(1).unwrap()[0].tensor, tensor([1, 2], &[1, 2]));
    assert!(sample.halved().is_none(), "what was given is not changed");
}

#[test]
fn strings_are_repeated_whole() {
    let mut data = Vec::new();
    [&b"a"[..], b"", b"long one"].iter().for_each(|text| push_string(&mut data, text));
    let tensor = Tensor::new(DataType::Bytes, Shape::from([3, 1]), Bytes::from(data)).unwrap();
    let given = NamedTensor { name: "x".to_owned(), tensor };
    let sample = Sample::given(&[spec("x", DataType::Bytes, &[-1, 1])], vec![given]).unwrap();
    let repeated = sample.with_rows(5).unwrap();
    let texts: Vec<_> = tensor::StringElements::new(repeated[0].tensor.data()).collect();
    assert_eq!(texts, [&b"a"[..], b"", b"long one", b"a", b""]);
}

#[test]
fn models_without_a_batch_have_one_size() {
    let sample = Sample::generate(&[spec("x", DataType::Fp32, &[3, 4])], &[]).unwrap();
    assert_eq!((sample.rows(), sample.is_batchable()), (1, false));
    let mixed = [spec("x", DataType::Fp32, &[-1, 4]), spec("rate", DataType::Int64, &[])];
    let sample = Sample::generate(&mixed, &[]).unwrap();
    assert!(!sample.is_batchable());
    assert!(!Sample::generate(&[], &[]).unwrap().tensors().iter().any(|_| true));
}

#[test]
fn halves_are_of_lengths_not_of_batches() {
    let halved = Sample::generate(&encoder(), &[]).unwrap().halved().unwrap();
    assert!(halved.iter().all(|(_, dims)| *dims == [1, 64]));
    let image = [spec("image", DataType::Fp32, &[-1, 3, 8, 8])];
    assert!(Sample::generate(&image, &[]).unwrap().halved().is_none());
}

#[test]
fn data_that_does_not_fit_is_refused() {
    let specs = [spec("x", DataType::Fp32, &[-1, 2])];
    let tensor = Tensor::new(DataType::Int64, Shape::from([1]), Bytes::from(vec![0; 8])).unwrap();
    let wrong = NamedTensor { name: "x".to_owned(), tensor: tensor.clone() };
    let error = Sample::given(&specs, vec![wrong]).unwrap_err().to_string();
    assert_eq!(error, "input 'x' is FP32, not INT64");
    let error = Sample::given(&specs, Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("there is no data for input 'x'"), "{error}");
    let unknown = NamedTensor { name: "y".to_owned(), tensor };
    let error = Sample::given(&specs, vec![unknown]).unwrap_err().to_string();
    assert_eq!(error, "the model has no input 'y'; it has x");
}

#[test]
fn the_engine_gets_the_shape_that_it_takes() {
    let sample = Sample::generate(&[spec("x", DataType::Int64, &[-1, 1])], &[]).unwrap();
    let shape = |dims: &[i64]| {
        let fitted = sample.for_engine(&[spec("x", DataType::Int64, dims)]);
        fitted.with_rows(3).unwrap()[0].tensor.shape().to_vec()
    };
    assert_eq!(shape(&[-1]), [3]);
    assert_eq!(shape(&[-1, 1]), [3, 1]);
    assert_eq!(shape(&[-1, 1, -1]), [3, 1, 1]);
    // What cannot be told is left to the engine to refuse.
    assert_eq!(shape(&[-1, 7]), [3, 1]);
}
