//! `POST /v1/responses`.

use protocol::openai::{ResponsesDialect, ResponsesRequest};

use super::{Answer, calls, lookup::language_model, plan::Plan, prompt};
use crate::http::answer::Exchange;

pub(super) async fn answer(exchange: &mut Exchange, path: &str) -> Answer {
    let request = exchange.read_request(ResponsesRequest::read).await?;
    let ResponsesRequest { mut generation, mut conversation, template, tools, repeated } = request;
    let model = language_model(&exchange.context().state.repository, &generation.model)?;
    let calls = calls::prepare(&model, &tools, &mut generation, &mut conversation)?;
    let shown = calls::shown(&model, &tools);
    let prompt = prompt::of_chat(exchange, &model, conversation, template, shown).await;
    let prompt = prompt.map_err(|refusal| refusal.instead_of("messages", "input"))?;
    let head = exchange.head(&model, &generation.model);
    let dialect = ResponsesDialect::new(head.clone(), &repeated);
    let plan = Plan {
        model,
        path: path.to_owned(),
        prompt_field: "input",
        prompts: vec![prompt.tokens],
        fields: generation,
        calls,
        id: head.id,
    };
    plan.carry_out(exchange, Box::new(dialect)).await
}
