//! `POST /v1/chat/completions`.

use protocol::openai::{ChatDialect, ChatRequest};

use super::{Answer, Endpoint, calls, lookup::language_model, plan::Plan, prompt};
use crate::http::{answer::Exchange, openai::prompt::Encoded};

pub(super) async fn answer(exchange: &mut Exchange) -> Answer {
    let body = exchange.read_body().await?;
    let effort = body.len();
    let read = move || ChatRequest::read(&body);
    let request = exchange.context().offload.run(effort, read).await?;
    let ChatRequest { mut generation, mut conversation, template, tools } = request;
    let model = language_model(&exchange.context().state.repository, &generation.model)?;
    let calls = calls::prepare(&model, &tools, &mut generation, &mut conversation)?;
    let shown = calls::shown(&model, &tools);
    let Encoded { tokens, .. } =
        prompt::of_chat(exchange, &model, conversation, template, shown).await?;
    let head = exchange.head(&model, &generation.model);
    let dialect = ChatDialect::new(head.clone(), &generation);
    let plan = Plan {
        model,
        path: Endpoint::ChatCompletions.path().to_owned(),
        prompt_field: "messages",
        prompts: vec![tokens],
        fields: generation,
        calls,
        id: head.id,
    };
    plan.carry_out(exchange, Box::new(dialect)).await
}
