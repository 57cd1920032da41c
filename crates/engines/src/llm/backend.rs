use std::{sync::Arc, thread, time::Duration};

use parking_lot::Mutex;
use serving::{
    Backend, InferRequest, LanguageModel, LoadError, ModelCard, Responder, Signature, Statistics,
    ToolFormat,
};

use super::{
    admission::{Admission, Limits},
    engine::LanguageOptions,
    model::Texts,
    tensors,
    worker::{Shared, Worker},
};

/// A loaded language model: its texts, and the thread that runs its engine.
#[derive(Debug)]
pub(super) struct TextBackend {
    pub(super) texts: Texts,
    pub(super) shared: Arc<Shared>,
    signature: Signature,
    description: String,
    step_duration_max: Duration,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl TextBackend {
    /// Runs one step to see that the model works, and starts its thread.
    ///
    /// # Errors
    ///
    /// The step fails, or the system refuses a thread.
    pub(super) fn start(
        name: &str,
        mut engine: llm::Engine,
        options: &LanguageOptions,
    ) -> Result<Self, LoadError> {
        engine.check().map_err(LoadError::Model)?;
        let texts = texts(&engine)?;
        let description = engine.description();
        let admission = Admission::new(Limits {
            sequences: options.queue_requests_max,
            tokens: options.queue_tokens_max,
        });
        let shared = Shared::new(admission);
        let worker = Worker::new(engine, Arc::clone(&shared));
        let thread = thread::Builder::new()
            .name(format!("llm-{name}").chars().take(15).collect())
            .spawn(move || worker.run())
            .map_err(|error| LoadError::Engine(format!("the engine's thread: {error}")))?;
        Ok(Self {
            texts,
            shared,
            signature: tensors::signature(),
            description,
            step_duration_max: options.step_duration_max,
            thread: Mutex::new(Some(thread)),
        })
    }
}

fn texts(engine: &llm::Engine) -> Result<Texts, LoadError> {
    let tokenizer = Arc::clone(engine.tokenizer());
    let template = engine.chat_template().map_err(|error| LoadError::Model(error.to_string()))?;
    let shape = engine.hyperparameters();
    let tool_format =
        template.as_ref().map_or(ToolFormat::None, |template| match template.tool_format() {
            llm::ToolFormat::None => ToolFormat::None,
            llm::ToolFormat::Hermes => ToolFormat::Hermes,
            llm::ToolFormat::Llama3 => ToolFormat::Llama3,
            llm::ToolFormat::Mistral => ToolFormat::Mistral,
        });
    let card = ModelCard {
        architecture: shape.architecture.to_string(),
        context_length: engine.context_length(),
        vocabulary: shape.vocabulary,
        embedding_length: shape.hidden,
        tool_format,
        has_chat_template: template.is_some(),
        end_tokens: tokenizer.eos_ids().to_vec(),
        logprobs_max: llm::SamplingParameters::LOGPROBS_MAX,
    };
    let vocabulary = Arc::clone(&tokenizer) as Arc<dyn llm::Vocabulary>;
    let limits = llm::GrammarLimits::default();
    let ends = tokenizer.eos_ids();
    let grammars = llm::GrammarFactory::new(vocabulary, shape.vocabulary, ends, limits);
    Ok(Texts { card, tokenizer, template, grammars })
}

impl Backend for TextBackend {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn description(&self) -> String {
        self.description.clone()
    }

    fn submit(&self, request: InferRequest, responder: Responder) {
        tensors::submit(self, &request, responder);
    }

    fn check(&self) -> Result<(), String> {
        self.shared.check(self.step_duration_max)
    }

    fn language_model(&self) -> Option<&dyn LanguageModel> {
        Some(self)
    }

    fn close(&self) {
        self.shared.close();
        if let Some(thread) = self.thread.lock().take() {
            // Its panics were caught; one beyond that has been printed.
            drop(thread.join());
        }
    }

    fn statistics(&self) -> Statistics {
        self.shared.statistics()
    }
}

impl Drop for TextBackend {
    fn drop(&mut self) {
        Backend::close(self);
    }
}
