//! `POST /v1/messages` and `POST /v1/messages/count_tokens` of Anthropic's API.

use protocol::openai::{MessagesDialect, MessagesRequest, TemplateFields};
use serde_json::json;

use super::{Answer, calls, lookup::language_model, plan::Plan, prompt};
use crate::http::{answer::Exchange, reply};

pub(super) async fn answer(exchange: &mut Exchange, path: &str) -> Answer {
    let request = exchange.read_request(MessagesRequest::read).await?;
    let plan = plan(exchange, request, path).await?;
    let mut head = exchange.head(&plan.model, &plan.fields.model);
    head.id.clone_from(&plan.id);
    plan.carry_out(exchange, Box::new(MessagesDialect::new(head))).await
}

pub(super) async fn count_tokens(exchange: &mut Exchange) -> Answer {
    let request = exchange.read_request(MessagesRequest::read_count).await?;
    let plan = plan(exchange, request, "").await?;
    let count = plan.prompts.iter().map(Vec::len).sum::<usize>();
    Ok(reply::json_document(&json!({"input_tokens": count})))
}

async fn plan(
    exchange: &Exchange,
    request: MessagesRequest,
    path: &str,
) -> Result<Plan, crate::http::refusal::Refusal> {
    let MessagesRequest { mut generation, mut conversation, tools } = request;
    let model = language_model(&exchange.context().state.repository, &generation.model)?;
    let calls = calls::prepare(&model, &tools, &mut generation, &mut conversation)?;
    let shown = calls::shown(&model, &tools);
    // An answer that the caller has begun is gone on with.
    let is_begun = conversation.messages.last().is_some_and(|last| last["role"] == "assistant");
    let template = TemplateFields {
        add_generation_prompt: !is_begun,
        continue_final_message: is_begun,
        ..TemplateFields::default()
    };
    let prompt = prompt::of_chat(exchange, &model, conversation, template, shown).await?;
    let id = exchange.head(&model, "").id;
    Ok(Plan {
        model,
        path: path.to_owned(),
        prompt_field: "messages",
        prompts: vec![prompt.tokens],
        fields: generation,
        calls,
        id,
    })
}
