//! Checks that an answer holds the right tensor, outside of the measured time.

use anyhow::{Context, Result, bail, ensure};
use prost::Message;
use protocol::grpc::ModelInferResponse;
use serde_json::Value;

use crate::payload::{Expected, Payload};

/// One whole answer whose transport said that it is good.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// Value of `Inference-Header-Content-Length` and the body.
    Http(Option<usize>, &'a [u8]),
    /// The length-prefixed message.
    Grpc(&'a [u8]),
}

/// Fails unless the answer's output is what the payload expects.
pub(crate) fn verify(payload: &Payload, answer: &Answer<'_>) -> Result<()> {
    let values = match *answer {
        Answer::Http(None, body) => json_values(&payload.output, body)?,
        Answer::Http(Some(head), body) => binary_values(&payload.output, head, body)?,
        Answer::Grpc(message) => grpc_values(&payload.output, message)?,
    };
    compare(&payload.expected, &values).with_context(|| format!("output {}", payload.output))
}

fn compare(expected: &Expected, values: &[f32]) -> Result<()> {
    let (want, got) = (expected.values.len(), values.len());
    ensure!(want == got, "expected {want} elements, got {got}");
    for (index, (want, got)) in expected.values.iter().zip(values).enumerate() {
        let close = (want - got).abs() <= expected.tolerance;
        ensure!(close, "element {index}: expected {want}, got {got}");
    }
    Ok(())
}

fn json_values(name: &str, body: &[u8]) -> Result<Vec<f32>> {
    let answer: Value = serde_json::from_slice(body)?;
    let output = json_output(name, &answer)?;
    let data = output["data"].as_array().context("no data")?;
    data.iter()
        .map(|value| number(value).context("data holds something else than numbers"))
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the elements are f32")]
fn number(value: &Value) -> Option<f32> {
    value.as_f64().map(|value| value as f32)
}

fn json_output<'a>(name: &str, answer: &'a Value) -> Result<&'a Value> {
    let outputs = answer["outputs"].as_array().context("no outputs")?;
    let output = outputs.iter().find(|output| output["name"] == name);
    output.with_context(|| format!("no output {name}"))
}

/// Only one output is asked for, so everything behind the JSON is it.
fn binary_values(name: &str, head: usize, body: &[u8]) -> Result<Vec<f32>> {
    let (head, data) = body.split_at_checked(head).context("the JSON is cut off")?;
    json_output(name, &serde_json::from_slice(head)?)?;
    floats(data)
}

fn grpc_values(name: &str, message: &[u8]) -> Result<Vec<f32>> {
    let (prefix, message) = message.split_at_checked(5).context("the message is cut off")?;
    ensure!(prefix[0] == 0, "the message is compressed");
    let answer = ModelInferResponse::decode(message)?;
    let index = answer.outputs.iter().position(|output| output.name == name);
    let index = index.with_context(|| format!("no output {name}"))?;
    floats(answer.raw_output_contents.get(index).context("no raw output")?)
}

fn floats(data: &[u8]) -> Result<Vec<f32>> {
    let (values, rest) = data.as_chunks::<4>();
    if !rest.is_empty() {
        bail!("{} bytes are no whole FP32 elements", data.len());
    }
    Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}
