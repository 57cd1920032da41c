//! A loaded language model as front ends see it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use llm::{ChatPrompt, ChatTemplate, GrammarError, GrammarFactory, GrammarSource, Tokenizer};
use serving::{
    Chat, CompiledGrammar, EmbeddingRequest, EncodeOptions, ErrorKind, Generation,
    GenerationRequest, Grammar, LanguageModel, ModelCard, ServeError,
};

use super::{backend::TextBackend, requests};

/// What of a model needs no engine.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) card: ModelCard,
    pub(super) tokenizer: Arc<Tokenizer>,
    pub(super) template: Option<ChatTemplate>,
    pub(super) grammars: GrammarFactory,
}

/// Bytes of a text beyond which it is not looked at: no context takes so many.
const TEXT_BYTES_MAX: usize = 16 << 20;

impl LanguageModel for TextBackend {
    fn card(&self) -> &ModelCard {
        &self.texts.card
    }

    fn encode(&self, text: &str, options: EncodeOptions) -> Result<Vec<u32>, ServeError> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("the text has {} bytes, over {TEXT_BYTES_MAX}", text.len());
            return Err(ServeError::invalid(message));
        }
        self.texts
            .tokenizer
            .encode(text, options.add_special, options.parse_special)
            .map_err(|error| ServeError::invalid(error.to_string()))
    }

    fn decode(&self, tokens: &[u32], skip_special: bool) -> Result<String, ServeError> {
        let vocabulary = self.texts.card.vocabulary;
        requests::check_tokens(tokens, vocabulary, "tokens")?;
        Ok(self.texts.tokenizer.decode(tokens, skip_special))
    }

    fn token_bytes(&self, token: u32) -> &[u8] {
        self.texts.tokenizer.token_bytes(token)
    }

    fn render(&self, chat: &Chat) -> Result<String, ServeError> {
        let template = self.texts.template.as_ref().ok_or_else(|| {
            ServeError::invalid(
                "the model has no chat template; send a prompt to /v1/completions instead",
            )
            .with_parameter("messages")
        })?;
        let prompt = ChatPrompt {
            messages: chat.messages.clone(),
            tools: chat.tools.clone(),
            add_generation_prompt: chat.add_generation_prompt,
            continue_final_message: chat.continue_final_message,
            documents: chat.extra.get("documents").cloned(),
            extra: chat.extra.clone(),
            now: SystemTime::now(),
        };
        template
            .render(&prompt)
            .map_err(|error| ServeError::invalid(error.to_string()).with_parameter("messages"))
    }

    fn compile(&self, grammar: &Grammar) -> Result<CompiledGrammar, ServeError> {
        let source = match grammar {
            Grammar::JsonObject => GrammarSource::JsonObject,
            Grammar::JsonSchema(schema) => GrammarSource::JsonSchema(schema.clone()),
            Grammar::Regex(text) => GrammarSource::Regex(text.clone()),
            Grammar::Choice(texts) => GrammarSource::Choice(texts.clone()),
            Grammar::Lark(text) => GrammarSource::Lark(text.clone()),
        };
        let compiled = self.texts.grammars.compile(&source);
        let compiled = compiled.map_err(|error| grammar_refusal(&error))?;
        Ok(CompiledGrammar(Arc::new(compiled)))
    }

    fn generate(&self, request: GenerationRequest) -> Result<Generation, ServeError> {
        requests::generate(self, &request)
    }

    fn embed(&self, request: EmbeddingRequest) -> Result<Generation, ServeError> {
        requests::embed(self, request)
    }

    fn reset_prefix_cache(&self) {
        self.shared.reset_prefix_cache();
    }
}

/// Who waits for the places of others may come again; what is wrong stays wrong.
fn grammar_refusal(error: &GrammarError) -> ServeError {
    match error {
        GrammarError::Busy => ServeError::new(ErrorKind::Exhausted, error.to_string())
            .with_retry_after(Duration::from_secs(1)),
        _ => ServeError::invalid(error.to_string()),
    }
}
