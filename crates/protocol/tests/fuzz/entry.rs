//! What the fuzz targets do with arbitrary bytes. Shared with `fuzz/`, which runs it under libFuzzer.

use bytes::Bytes;
use protocol::{
    model_config::{from_json, from_text, to_json},
    openai::{
        ChatRequest, CompletionRequest, DetokenizeRequest, EmbeddingsRequest, GenerateRequest,
        MessagesRequest, ResponsesRequest, TokenizeRequest, generate_to_inference,
    },
    rest::{
        self, DecodeLimits, LoadDocument, ResponseHead, ResponseOutput, RestInferRequest,
        decode_infer, encode_infer,
    },
};
use tensor::DataType;

/// A REST body behind two bytes that say how much of it is JSON; the largest number is all of it.
///
/// What is read has to be what is read again after it was written.
pub(crate) fn infer_request(data: &[u8]) {
    let Some((length, body)) = data.split_first_chunk() else { return };
    let length = u16::from_le_bytes(*length);
    let header_length = (length != u16::MAX).then_some(usize::from(length));
    let limits = DecodeLimits { json_tensor_bytes: 1 << 16, ..DecodeLimits::default() };
    let Ok(request) = decode_infer(Bytes::copy_from_slice(body), header_length, &limits) else {
        return;
    };
    for input in &request.inputs {
        let size = input.tensor.data_type().size().unwrap_or(4);
        assert!(input.tensor.data().len() >= size * input.tensor.shape().elements());
    }
    let json_only = |data_type| !matches!(data_type, DataType::Fp16 | DataType::Bf16);
    for binary in [true, false] {
        if binary || request.inputs.iter().all(|input| json_only(input.tensor.data_type())) {
            check_read_back(&request, binary);
        }
    }
}

fn check_read_back(request: &RestInferRequest, binary: bool) {
    let outputs: Vec<_> = request
        .inputs
        .iter()
        .map(|input| ResponseOutput { name: &input.name, tensor: &input.tensor, binary })
        .collect();
    let head = ResponseHead {
        id: &request.id,
        parameters: &request.parameters,
        ..ResponseHead::default()
    };
    // Bytes that are no text have no JSON.
    let Ok(encoded) = encode_infer(&head, &outputs) else { return };
    let json = String::from_utf8(encoded.json).expect("JSON is UTF-8");
    // Names are written before the list and cannot contain this with its colon: quotes are escaped.
    let json = json.replacen(",\"outputs\":[", ",\"inputs\":[", 1);
    let header_length = encoded.header_length.map(|_| json.len());
    let body =
        encoded.binary.iter().fold(json.into_bytes(), |body, piece| [&body, &**piece].concat());
    let again = decode_infer(body.into(), header_length, &DecodeLimits::default());
    let again = again.expect("what was written can be read");
    assert_eq!(again.id, request.id);
    assert_eq!(again.parameters, request.parameters);
    assert_eq!(again.inputs.len(), request.inputs.len());
    for (again, first) in again.inputs.iter().zip(&request.inputs) {
        assert_eq!((&again.name, again.tensor.shape()), (&first.name, first.tensor.shape()));
        assert!(same_data(again.tensor.data(), first.tensor.data(), first.tensor.data_type()));
    }
}

/// One NaN is as good as another, and every byte but 0 is true.
fn same_data(left: &[u8], right: &[u8], data_type: DataType) -> bool {
    let both_nan = |left: f64, right: f64| left.is_nan() && right.is_nan();
    left.len() == right.len()
        && match data_type {
            DataType::Bool => {
                left.iter().zip(right).all(|(left, right)| (*left == 0) == (*right == 0))
            }
            DataType::Fp32 => {
                left.as_chunks().0.iter().zip(right.as_chunks().0).all(|(left, right)| {
                    left == right
                        || both_nan(
                            f32::from_le_bytes(*left).into(),
                            f32::from_le_bytes(*right).into(),
                        )
                })
            }
            DataType::Fp64 => {
                left.as_chunks().0.iter().zip(right.as_chunks().0).all(|(left, right)| {
                    left == right || both_nan(f64::from_le_bytes(*left), f64::from_le_bytes(*right))
                })
            }
            _ => left == right,
        }
}

/// The small documents of REST.
pub(crate) fn documents(data: &[u8]) {
    let _ = rest::read_index(data);
    let _ = rest::read_unload(data);
    let _ = rest::read_settings(data);
    let _ = LoadDocument::read(data);
}

/// The requests of OpenAI's API and of those around it: a fault names a field of the request.
pub(crate) fn openai_requests(data: &[u8]) {
    let faults = [
        ChatRequest::read(data).err(),
        CompletionRequest::read(data).err(),
        DetokenizeRequest::read(data).err(),
        EmbeddingsRequest::read(data).err(),
        GenerateRequest::read(data, true).err(),
        MessagesRequest::read(data).err(),
        ResponsesRequest::read(data).err(),
        TokenizeRequest::read(data).err(),
        generate_to_inference(data, &[("input", "FP32")], true).err(),
    ];
    assert!(faults.into_iter().flatten().all(|fault| !fault.message.is_empty()));
}

/// A model configuration in both of its forms.
pub(crate) fn model_config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    for config in [from_text(text), from_json(text)].into_iter().flatten() {
        let json = to_json(&config);
        let again = from_json(&json).expect("what was written can be read");
        // The library that reads numbers in configurations may miss a float's last digit.
        let has_floats = ["buckets", "fp32_false_true", "minimum_slot_utilization"]
            .iter()
            .any(|field| json.contains(field));
        if !has_floats {
            assert_eq!(again, config);
        }
    }
}
