//! Nanoseconds per float of the REST codec and of `serde_json`, on the tensor of a 1x3x224x224 image,
//! and per request of 16 floats.
//! `cargo bench -p protocol --bench json`.
#![expect(clippy::print_stdout, reason = "the table is the program's result")]
#![expect(clippy::disallowed_methods, reason = "it measures time and is no part of the server")]

use std::{hint::black_box, time::Instant};

use bytes::Bytes;
use protocol::rest::{DecodeLimits, ResponseHead, ResponseOutput, decode_infer, encode_infer};
use serde::Deserialize;
use tensor::{DataType, Shape, Tensor};

const ELEMENTS: usize = 3 * 224 * 224;
const ROUNDS: usize = 31;

/// What a generic codec has to read at least.
#[derive(Deserialize)]
struct Generic {
    inputs: Vec<GenericInput>,
}

#[derive(Deserialize)]
struct GenericInput {
    data: Vec<f32>,
}

fn main() {
    let values = image();
    println!("{:<34}{:>10}{:>12}", "", "hone", "serde_json");
    // Clients in Python print an f32 as the f64 that it is: up to 17 digits.
    let long: Vec<String> = values.iter().map(|value| f64::from(*value).to_string()).collect();
    decode("decode, 17 digits (Python)", &long);
    let short: Vec<String> = values.iter().map(f32::to_string).collect();
    decode("decode, shortest digits", &short);
    let rounded: Vec<String> = values.iter().map(|value| format!("{value:.3}")).collect();
    decode("decode, 3 decimals", &rounded);
    encode(&values);
    small(&values[..16]);
}

/// Normalised pixels, by a generator with a fixed seed.
fn image() -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as f32 / 255.0
    };
    (0..ELEMENTS).map(|_| (next() - 0.449) / 0.226).collect()
}

fn decode(what: &str, numbers: &[String]) {
    let json = format!(
        r#"{{"inputs":[{{"name":"x","shape":[1,3,224,224],"datatype":"FP32","data":[{}]}}]}}"#,
        numbers.join(",")
    );
    let body = Bytes::from(json);
    let limits = DecodeLimits::default();
    let ours = measure(|| decode_infer(body.clone(), None, &limits).expect("it is well-formed"));
    let generic = measure(|| {
        let request: Generic = serde_json::from_slice(&body).expect("it is well-formed");
        request.inputs.into_iter().map(|input| input.data).collect::<Vec<_>>()
    });
    println!("{what:<34}{ours:>10.2}{generic:>12.2}");
}

fn encode(values: &[f32]) {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let shape = Shape::from([1, 3, 224, 224]);
    let tensor = Tensor::new(DataType::Fp32, shape, data.into()).expect("it fits");
    let outputs = [ResponseOutput { name: "y", tensor: &tensor, binary: false }];
    let ours = measure(|| encode_infer(&ResponseHead::default(), &outputs).expect("it is FP32"));
    let generic = measure(|| serde_json::to_vec(values).expect("a vector takes everything"));
    println!("{:<34}{ours:>10.2}{generic:>12.2}", "encode");
}

/// Requests with 16 floats.
fn small(values: &[f32]) {
    let json = format!(
        r#"{{"inputs":[{{"name":"INPUT0","shape":[1,16],"datatype":"FP32","data":{values:?}}}]}}"#
    );
    per_request("16 floats, JSON, a request", &Bytes::from(json), None);
    let head = concat!(
        r#"{"inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"FP32","parameters":"#,
        r#"{"binary_data_size":64}}],"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}}]}"#
    );
    let body = Bytes::from([head.as_bytes(), &[0; 64]].concat());
    per_request("16 floats, binary, a request", &body, Some(head.len()));
}

fn per_request(what: &str, body: &Bytes, header_length: Option<usize>) {
    const REQUESTS: usize = 1000;
    let limits = DecodeLimits::default();
    let decode = || decode_infer(body.clone(), header_length, &limits).expect("it is well-formed");
    let ours = measure(|| (0..REQUESTS).for_each(|_| drop(black_box(decode()))));
    println!("{what:<34}{:>10.0}", ours * ELEMENTS as f64 / REQUESTS as f64);
}

/// Nanoseconds per element of the fastest round: the others were disturbed.
fn measure<T>(mut run: impl FnMut() -> T) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_secs_f64() * 1e9 / ELEMENTS as f64
        })
        .fold(f64::INFINITY, f64::min)
}
