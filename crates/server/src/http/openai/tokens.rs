//! `POST /tokenize` and `POST /detokenize`.

use std::sync::Arc;

use protocol::openai::{ChatSource, DetokenizeRequest, Prompt, TokenSource, TokenizeRequest};
use serde_json::json;
use serving::{EncodeOptions, Model};

use super::{
    Answer, calls,
    lookup::{face, language_model},
    prompt::{self, about},
};
use crate::http::{answer::Exchange, refusal::Refusal, reply};

pub(super) async fn tokenize(exchange: &mut Exchange) -> Answer {
    let request = exchange.read_request(TokenizeRequest::read).await?;
    let model = language_model(&exchange.context().state.repository, &request.model)?;
    let tokens = match request.source {
        TokenSource::Chat(source) => of_chat(exchange, &model, *source).await?,
        TokenSource::Text { text, add_special_tokens } => {
            let options = EncodeOptions { add_special: add_special_tokens, parse_special: true };
            let prompts = vec![Prompt::Text(text)];
            let encoded = prompt::of_prompts(exchange, &model, prompts, options, false).await?;
            encoded.into_iter().flat_map(|prompt| prompt.tokens).collect()
        }
    };
    let texts = request.return_token_strs.then(|| token_texts(&model, &tokens));
    Ok(reply::json_document(&json!({
        "count": tokens.len(),
        "max_model_len": face(&model).card().context_length,
        "tokens": tokens,
        "token_strs": texts,
    })))
}

/// The same tokens that a chat of the same fields would begin with.
async fn of_chat(
    exchange: &Exchange,
    model: &Arc<Model>,
    source: ChatSource,
) -> Result<Vec<u32>, Refusal> {
    let ChatSource { mut conversation, template, tools } = source;
    calls::prepare(model, &tools, &mut Default::default(), &mut conversation)?;
    let shown = calls::shown(model, &tools);
    let encoded = prompt::of_chat(exchange, model, conversation, template, shown).await?;
    Ok(encoded.tokens)
}

fn token_texts(model: &Model, tokens: &[u32]) -> Vec<String> {
    let text = |token: &u32| String::from_utf8_lossy(face(model).token_bytes(*token)).into_owned();
    tokens.iter().map(text).collect()
}

pub(super) async fn detokenize(exchange: &mut Exchange) -> Answer {
    let request = exchange.read_request(DetokenizeRequest::read).await?;
    let model = language_model(&exchange.context().state.repository, &request.model)?;
    let effort = request.tokens.len() * 8;
    let work = move || face(&model).decode(&request.tokens, false);
    let text = exchange.context().offload.run(effort, work).await;
    let text = text.map_err(|error| about(error, "tokens"))?;
    Ok(reply::json_document(&json!({"prompt": text})))
}
