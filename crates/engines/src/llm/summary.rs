use std::{fmt::Write as _, path::Path};

use llm::{Checkpoint, CheckpointError, Hyperparameters};
use serving::LoadError;

use super::engine::{find, with_causes};

/// What the language model at `path` is made of, for people; `None` if there is none.
///
/// # Errors
///
/// Its files are broken, or of an unknown kind.
pub fn language_model_summary(path: &Path) -> Result<Option<String>, LoadError> {
    let Some(path) = find(path) else { return Ok(None) };
    let text = summary(&path).map_err(|error| LoadError::Model(with_causes(&error)))?;
    Ok(Some(text))
}

fn summary(path: &Path) -> Result<String, CheckpointError> {
    let checkpoint = Checkpoint::open(path)?;
    let tokenizer = checkpoint.tokenizer()?;
    let template = checkpoint.chat(&tokenizer)?;
    let mut text = sizes(checkpoint.hyperparameters());
    let conversations = match template {
        None => "no template".to_owned(),
        Some(template) => format!("by the model's template; tools: {:?}", template.tool_format()),
    };
    let _ = writeln!(text, "conversations   {conversations}");
    Ok(text)
}

fn sizes(shape: &Hyperparameters) -> String {
    let Hyperparameters { architecture, layers, hidden, heads, kv_heads, head_dim, .. } = shape;
    let tied = if shape.tied_embeddings { ", embeddings shared with the output" } else { "" };
    let window = shape.sliding_window.as_ref().map_or_else(String::new, |window| {
        format!("; {} layers look back {} tokens", window.layers(), window.tokens)
    });
    format!(
        "architecture    {architecture}\n\
         layers          {layers} of {hidden}, feed-forward {}\n\
         heads           {heads} of {head_dim}; {kv_heads} of keys and values\n\
         vocabulary      {} tokens{tied}\n\
         context         {} tokens{window}\n",
        shape.intermediate, shape.vocabulary, shape.context_length,
    )
}
