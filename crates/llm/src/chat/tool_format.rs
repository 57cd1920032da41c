//! How models write calls of tools, as their templates tell.

/// The syntax of a tool call in what a model generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolFormat {
    /// `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`: Hermes, Qwen, SmolLM3.
    Hermes,
    /// `{"name": ..., "parameters": {...}}`, with or without `<|python_tag|>` before it: Llama 3.
    Llama3,
    /// `[TOOL_CALLS] [{"name": ..., "arguments": {...}}]`: Mistral.
    Mistral,
    /// The template knows no tools.
    None,
}

impl ToolFormat {
    /// Looks for the marks of each syntax in a template.
    pub(super) fn of(source: &str) -> Self {
        let has = |mark: &str| source.contains(mark);
        if has("<tool_call>") {
            Self::Hermes
        } else if has("[TOOL_CALLS]") {
            Self::Mistral
        } else if has("<|python_tag|>") || (has("ipython") && has("\"parameters\"")) {
            Self::Llama3
        } else {
            Self::None
        }
    }
}
