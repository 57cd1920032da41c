//! The families of models that there is code for.

use std::fmt;

use crate::checkpoint::CheckpointError;

/// A family of decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Llama 2 and 3, SmolLM2, TinyLlama, Mistral.
    Llama,
    /// Qwen 2 and 2.5: Llama with biases.
    Qwen2,
    /// Qwen 3: Llama with norms of queries and keys.
    Qwen3,
    /// Gemma 3, its text part: sliding windows, norms on both sides.
    Gemma3,
}

/// The function that gates the feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// GELU by its approximation with `tanh`.
    GeluTanh,
}

/// Every architecture with the names that `config.json` has for it.
const CLASSES: &[(Architecture, &[&str])] = &[
    (Architecture::Llama, &["LlamaForCausalLM", "MistralForCausalLM"]),
    (Architecture::Qwen2, &["Qwen2ForCausalLM"]),
    (Architecture::Qwen3, &["Qwen3ForCausalLM"]),
    (Architecture::Gemma3, &["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"]),
];

impl Architecture {
    pub(super) fn from_gguf(name: &str) -> Result<Self, CheckpointError> {
        let mut all = CLASSES.iter().map(|row| row.0);
        let supported = || CLASSES.iter().map(|row| row.0.name()).collect::<Vec<_>>().join(", ");
        all.find(|known| known.name() == name).ok_or_else(|| unknown(name, supported()))
    }

    pub(super) fn from_class(name: &str) -> Result<Self, CheckpointError> {
        let row = CLASSES.iter().find(|row| row.1.contains(&name));
        let supported = || CLASSES.iter().flat_map(|row| row.1).copied().collect::<Vec<_>>();
        row.map(|row| row.0).ok_or_else(|| unknown(name, supported().join(", ")))
    }

    /// The name in GGUF files, which their keys start with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gemma3 => "gemma3",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

fn unknown(found: &str, supported: String) -> CheckpointError {
    CheckpointError::UnknownArchitecture { found: found.to_owned(), supported }
}
