//! `POST /v1/embeddings`: by the last hidden states of a language model, or by a model that takes
//! tokens as a tensor.

mod tensors;

use std::sync::Arc;

use protocol::openai::{EmbeddingsRequest, embeddings_json};
use serving::{EmbeddingRequest, EncodeOptions, Generation, Model, Pooling, ServeError};

use super::{Answer, lookup::embedding_model, prompt};
use crate::{
    access,
    http::{answer::Exchange, refusal::Refusal, reply},
    timing::Stopwatch,
};

/// Inputs of a request that are with the model at a time: the others wait here, not in its queue.
const AT_A_TIME: usize = 16;

pub(super) async fn answer(exchange: &mut Exchange, path: &str) -> Answer {
    let mut request = exchange.read_request(EmbeddingsRequest::read).await?;
    exchange.stopwatch = Stopwatch::new(true, exchange.received);
    exchange.stopwatch.note_read();
    let model = embedding_model(&exchange.context().state.repository, &request.model)?;
    exchange.observe(path, model.name());
    check_dimensions(&model, request.dimensions)?;
    let options = EncodeOptions { add_special: request.add_special_tokens, parse_special: false };
    let inputs = std::mem::take(&mut request.inputs);
    let inputs = prompt::of_prompts(exchange, &model, inputs, options, false).await;
    let inputs = inputs.map_err(|refusal| refusal.instead_of("prompt", "input"))?;
    let mut inputs: Vec<Vec<u32>> = inputs.into_iter().map(|input| input.tokens).collect();
    fit_context(&model, &mut inputs, request.truncate_prompt_tokens)?;
    let prompt_tokens = inputs.iter().map(Vec::len).sum();
    let head = exchange.head(&model, &request.model);
    if let Some(observed) = &mut exchange.observed {
        observed.note_request(exchange.stopwatch, &model, &head.id, &[]);
    }
    let vectors = embed(exchange, &model, &request, inputs).await;
    let vectors = vectors.inspect_err(|error| access::log_failure(&model, &head.id, error))?;
    exchange.stopwatch.note_resumed();
    let effort = vectors.iter().map(|vector| vector.len() * 8).sum();
    let write = move || embeddings_json(&head.model, &vectors, request.base64, prompt_tokens);
    let document = exchange.context().offload.run(effort, write).await;
    exchange.stopwatch.note_encoded();
    Ok(reply::json(document))
}

/// Shorter vectors would be parts of longer ones, which only some models are trained for.
fn check_dimensions(model: &Model, dimensions: Option<usize>) -> Result<(), Refusal> {
    let len = match model.language_model() {
        Some(model) => model.card().embedding_length,
        None => tensors::length(model)?,
    };
    if dimensions.is_none_or(|dimensions| dimensions == len) {
        return Ok(());
    }
    let message = format!("`dimensions` must be {len}, or left out: this model has no others");
    Err(Refusal::bad_request(message).with_param("dimensions").with_code("invalid_value"))
}

fn fit_context(
    model: &Model,
    inputs: &mut [Vec<u32>],
    truncate: Option<usize>,
) -> Result<(), Refusal> {
    let context = match (model.language_model(), model.text_encoder()) {
        (Some(model), _) => model.card().context_length,
        (None, encoder) => encoder.map_or(0, |encoder| encoder.tokens_max()),
    };
    for (index, input) in inputs.iter_mut().enumerate() {
        input.truncate(truncate.unwrap_or(usize::MAX));
        if input.is_empty() || input.len() > context {
            let len = input.len();
            let message = format!("`input[{index}]` has {len} tokens; it must have 1 to {context}");
            return Err(Refusal::bad_request(message)
                .with_param("input")
                .with_code("context_length_exceeded"));
        }
    }
    Ok(())
}

async fn embed(
    exchange: &Exchange,
    model: &Arc<Model>,
    request: &EmbeddingsRequest,
    inputs: Vec<Vec<u32>>,
) -> Result<Vec<Vec<f32>>, ServeError> {
    let tenancy = exchange.tenancy(request.priority, &request.cache_salt);
    if model.text_encoder().is_some() {
        return tensors::embed(model, &inputs, request.normalize, exchange.received).await;
    }
    let mut vectors = Vec::with_capacity(inputs.len());
    for inputs in inputs.chunks(AT_A_TIME) {
        let begun = inputs.iter().map(|tokens| {
            model.embed(EmbeddingRequest {
                tokens: tokens.clone(),
                pooling: Pooling::default(),
                normalise: request.normalize,
                tenancy: tenancy.clone(),
                received: exchange.received,
            })
        });
        for generation in begun.collect::<Result<Vec<_>, _>>()? {
            vectors.push(vector(generation).await?);
        }
    }
    Ok(vectors)
}

async fn vector(mut generation: Generation) -> Result<Vec<f32>, ServeError> {
    while let Some(event) = generation.next().await {
        let event = event?;
        if !event.embedding.is_empty() {
            return Ok(event.embedding);
        }
    }
    Err(ServeError::internal("the model ended without an embedding"))
}
