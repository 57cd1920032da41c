//! `POST /v2/models/M/generate` and `.../generate_stream`: text for text from language models, and
//! fields for fields from models of tensors.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use protocol::openai::{
    GenerateDialect, GenerateRequest, Prompt, generate_to_inference, inference_to_generated,
};
use serving::{EncodeOptions, Model};

use super::{Answer, plan::Plan, prompt};
use crate::http::{
    answer::Exchange,
    infer,
    reply::{self, ReplyBody},
};

pub(super) async fn answer(
    exchange: &mut Exchange,
    path: &str,
    (name, version): (&str, &str),
    is_streamed: bool,
) -> Answer {
    let model = exchange.context().state.repository.model(name, version)?;
    if model.language_model().is_none() {
        return of_tensors(exchange, path, model, is_streamed).await;
    }
    let read = if is_streamed { read_streamed } else { read_whole };
    let request = exchange.read_request(read).await?;
    let options = EncodeOptions { add_special: true, parse_special: true };
    let prompts = vec![Prompt::Text(request.text_input.clone())];
    let prompts = prompt::of_prompts(exchange, &model, prompts, options, false).await?;
    let dialect = GenerateDialect::new(model.name(), model.version_text(), &request);
    let plan = Plan {
        model,
        path: path.to_owned(),
        prompt_field: "text_input",
        prompts: prompts.into_iter().map(|prompt| prompt.tokens).collect(),
        fields: request.generation,
        calls: None,
        id: request.id,
    };
    plan.carry_out(exchange, Box::new(dialect)).await
}

fn read_whole(body: &[u8]) -> Result<GenerateRequest, protocol::openai::RequestFault> {
    GenerateRequest::read(body, false)
}

fn read_streamed(body: &[u8]) -> Result<GenerateRequest, protocol::openai::RequestFault> {
    GenerateRequest::read(body, true)
}

/// The fields become an inference, and its outputs become fields.
async fn of_tensors(
    exchange: &mut Exchange,
    path: &str,
    model: Arc<Model>,
    is_streamed: bool,
) -> Answer {
    exchange.observe(path, model.name());
    let body = exchange.read_body().await?;
    let (effort, asked) = (body.len(), Arc::clone(&model));
    let translate = move || {
        let inputs = asked.inputs().iter();
        let inputs: Vec<_> = inputs.map(|input| (&*input.name, input.data_type.name())).collect();
        generate_to_inference(&body, &inputs, asked.batches())
    };
    let inference = exchange.context().offload.run(effort, translate).await?;
    let response = infer::run(exchange, model, inference.into()).await?;
    let answer = response.into_body().collect().await;
    let answer = answer.map_or_else(|never| match never {}, |collected| collected.to_bytes());
    let answer = inference_to_generated(&answer);
    if !is_streamed {
        return Ok(reply::json(answer));
    }
    let event = [b"data: ", &*answer, b"\n\n"].concat();
    Ok(super::plan::event_stream(ReplyBody::from(Bytes::from(event))))
}
