//! Texts through a model that takes their tokens as a tensor, such as a sentence encoder in ONNX.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use serving::{ErrorKind, InferRequest, Model, NamedTensor, ServeError, TensorSpec, Timestamp};
use tensor::{DataType, Tensor};

/// The output that is a vector of the whole text, where a model has it.
const SENTENCE: &str = "sentence_embedding";

/// Texts of a request that are with the model at a time.
const AT_A_TIME: usize = 8;

/// Numbers of a vector.
///
/// # Errors
///
/// The model gives no vectors, or does not say how long they are.
pub(super) fn length(model: &Model) -> Result<usize, ServeError> {
    let last = output(model)?.dims.last().copied();
    last.and_then(|last| usize::try_from(last).ok()).ok_or_else(|| unusable(model))
}

/// The vectors of all texts. Those of one length can share a batch.
///
/// # Errors
///
/// The model takes other inputs than tokens, gives no vectors, or fails.
pub(super) async fn embed(
    model: &Arc<Model>,
    texts: &[Vec<u32>],
    normalise: bool,
    received: Timestamp,
) -> Result<Vec<Vec<f32>>, ServeError> {
    let mut vectors = Vec::with_capacity(texts.len());
    for texts in texts.chunks(AT_A_TIME) {
        let begun = texts.iter().map(|tokens| Box::pin(vector(model, tokens, normalise, received)));
        vectors.extend(all(begun.collect()).await?);
    }
    Ok(vectors)
}

/// Drives futures together.
async fn all<F>(mut futures: Vec<Pin<Box<F>>>) -> Result<Vec<Vec<f32>>, ServeError>
where
    F: Future<Output = Result<Vec<f32>, ServeError>>,
{
    let mut done: Vec<Option<Vec<f32>>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (slot, future) in done.iter_mut().zip(&mut futures) {
            if slot.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(Ok(vector)) => *slot = Some(vector),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
        }
        if done.iter().any(Option::is_none) { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await?;
    Ok(done.into_iter().flatten().collect())
}

async fn vector(
    model: &Arc<Model>,
    tokens: &[u32],
    normalise: bool,
    received: Timestamp,
) -> Result<Vec<f32>, ServeError> {
    let output = output(model)?;
    let inputs = model.inputs().iter().map(|input| fill(input, tokens));
    let request = InferRequest {
        inputs: inputs.collect::<Result<_, _>>()?,
        outputs: vec![output.name.clone()],
        received,
        ..InferRequest::default()
    };
    let response = model.infer(request).await?;
    let tensor = &response.outputs.first().ok_or_else(|| unusable(model))?.tensor;
    let mut vector = pooled(tensor).ok_or_else(|| unusable(model))?;
    if normalise {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|value| *value /= length);
        }
    }
    Ok(vector)
}

/// The output to take: a vector of the text, or else one of each token.
fn output(model: &Model) -> Result<&TensorSpec, ServeError> {
    let is_float = |output: &&TensorSpec| output.data_type == DataType::Fp32;
    let named = model.outputs().iter().filter(is_float).find(|output| output.name == SENTENCE);
    let of_text = || model.outputs().iter().filter(is_float).find(|output| output.dims.len() == 2);
    let of_tokens =
        || model.outputs().iter().filter(is_float).find(|output| output.dims.len() == 3);
    named.or_else(of_text).or_else(of_tokens).ok_or_else(|| unusable(model))
}

fn unusable(model: &Model) -> ServeError {
    let message = format!("model `{}` has no output of FP32 vectors", model.name());
    ServeError::new(ErrorKind::Unsupported, message)
}

/// One input, `[1, tokens]`: the tokens, ones for what is text, or zeros for its only part.
fn fill(input: &TensorSpec, tokens: &[u32]) -> Result<NamedTensor, ServeError> {
    let value = |index: usize, token: u32| match input.name.as_str() {
        "input_ids" => Some(i64::from(token)),
        "attention_mask" => Some(1),
        "token_type_ids" => Some(0),
        "position_ids" => i64::try_from(index).ok(),
        _ => None,
    };
    let values = tokens.iter().enumerate().map(|(index, token)| value(index, *token));
    let values: Vec<i64> = values.collect::<Option<_>>().ok_or_else(|| {
        let message = format!("the model takes `{}` besides tokens; send it tensors", input.name);
        ServeError::new(ErrorKind::Unsupported, message)
    })?;
    let data: Vec<u8> = match input.data_type {
        DataType::Int64 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Int32 => values
            .iter()
            .flat_map(|value| i32::try_from(*value).unwrap_or_default().to_le_bytes())
            .collect(),
        other => {
            let message = format!("the model takes `{}` as {other:?}", input.name);
            return Err(ServeError::new(ErrorKind::Unsupported, message));
        }
    };
    let tensor = Tensor::new(input.data_type, [1, tokens.len()].into(), data.into());
    let tensor = tensor.map_err(|error| ServeError::internal(error.to_string()))?;
    Ok(NamedTensor { name: input.name.clone(), tensor })
}

/// `[1, values]` as it is, or the mean over `[1, tokens, values]`.
fn pooled(tensor: &Tensor) -> Option<Vec<f32>> {
    let dims: Vec<i64> = tensor.shape().wire_dims().collect();
    let width = usize::try_from(*dims.last()?).ok().filter(|width| *width > 0)?;
    let (values, _) = tensor.data().as_chunks::<4>();
    let mut sum = vec![0.0; width];
    let mut rows = 0.0_f32;
    for row in values.chunks_exact(width) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f32::from_le_bytes(*value));
        rows += 1.0;
    }
    (rows > 0.0).then(|| sum.into_iter().map(|sum| sum / rows).collect())
}
