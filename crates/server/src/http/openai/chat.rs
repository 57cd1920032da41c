//! `POST /v1/chat/completions`.

use protocol::openai::{ChatDialect, ChatRequest};

use super::{Answer, calls, lookup::language_model, plan::Plan, prompt};
use crate::http::answer::Exchange;

pub(super) async fn answer(exchange: &mut Exchange, path: &str) -> Answer {
    let request = exchange.read_request(ChatRequest::read).await?;
    let ChatRequest { mut generation, mut conversation, template, tools } = request;
    let model = language_model(&exchange.context().state.repository, &generation.model)?;
    let calls = calls::prepare(&model, &tools, &mut generation, &mut conversation)?;
    let shown = calls::shown(&model, &tools);
    let prompt = prompt::of_chat(exchange, &model, conversation, template, shown).await?;
    let head = exchange.head(&model, &generation.model);
    let dialect = ChatDialect::new(head.clone(), &generation);
    let plan = Plan {
        model,
        path: path.to_owned(),
        prompt_field: "messages",
        prompts: vec![prompt.tokens],
        fields: generation,
        calls,
        id: head.id,
    };
    plan.carry_out(exchange, Box::new(dialect)).await
}
