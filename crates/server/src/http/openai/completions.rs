//! `POST /v1/completions`.

use protocol::openai::{CompletionDialect, CompletionRequest, Echo};
use serving::EncodeOptions;

use super::{Answer, lookup::language_model, plan::Plan, prompt};
use crate::http::answer::Exchange;

pub(super) async fn answer(exchange: &mut Exchange, path: &str) -> Answer {
    let request = exchange.read_request(CompletionRequest::read).await?;
    let CompletionRequest { mut generation, prompts, echo, add_special_tokens } = request;
    let model = language_model(&exchange.context().state.repository, &generation.model)?;
    let options = EncodeOptions { add_special: add_special_tokens, parse_special: true };
    let encoded = prompt::of_prompts(exchange, &model, prompts, options, echo).await?;
    // A model cannot generate nothing: one token is generated and not told.
    let alone = generation.stop.max_tokens == Some(0);
    if alone {
        generation.stop.max_tokens = Some(1);
    }
    let (prompts, texts): (Vec<_>, Vec<_>) =
        encoded.into_iter().map(|prompt| (prompt.tokens, prompt.text)).unzip();
    let echo = Echo { texts: if echo { texts } else { Vec::new() }, alone };
    let head = exchange.head(&model, &generation.model);
    let dialect = CompletionDialect::new(head.clone(), &generation, prompts.len(), echo);
    let plan = Plan {
        model,
        path: path.to_owned(),
        prompt_field: "prompt",
        prompts,
        fields: generation,
        calls: None,
        id: head.id,
    };
    let answered = plan.carry_out(exchange, Box::new(dialect)).await;
    answered.map_err(|refusal| refusal.instead_of("top_logprobs", "logprobs"))
}
