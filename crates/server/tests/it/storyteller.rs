//! A language model whose tokens are bytes: it checks nothing and says what a test told it to say.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use serving::{
    Backend, Chat, CompiledGrammar, EmbeddingRequest, EncodeOptions, ErrorKind, Finish,
    FinishReason, Generation, GenerationEvent, GenerationRequest, GenerationSender, Grammar,
    InferRequest, LanguageModel, ModelCard, Responder, ServeError, Signature, TokenLogprobs,
    ToolFormat, generation,
};

/// Name of the model.
pub(crate) const STORYTELLER: &str = "storyteller";

/// The token that ends an answer; the others are bytes.
const END: u32 = 256;

/// What the model does from now on.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// One for each choice, or the last one for those that are left.
    pub(crate) answers: Vec<String>,
    /// Before each token.
    pub(crate) pace: Duration,
    /// Refuses every request so.
    pub(crate) refusal: Option<ServeError>,
    /// Fails so after an answer.
    pub(crate) failure: Option<ServeError>,
    pub(crate) tool_format: ToolFormat,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            answers: vec!["Hello.".to_owned()],
            pace: Duration::ZERO,
            refusal: None,
            failure: None,
            tool_format: ToolFormat::None,
        }
    }
}

/// What a test tells the model, and what it saw.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) script: Mutex<Script>,
    pub(crate) requests: Mutex<Vec<GenerationRequest>>,
    pub(crate) chats: Mutex<Vec<Chat>>,
    pub(crate) grammars: Mutex<Vec<Grammar>>,
    pub(crate) embedded: Mutex<Vec<EmbeddingRequest>>,
    /// Generations that nobody waited for any more.
    pub(crate) cancelled: AtomicUsize,
}

impl Story {
    /// Answers so from now on.
    pub(crate) fn tell(&self, answers: &[&str]) {
        self.script.lock().answers = answers.iter().map(|&answer| answer.to_owned()).collect();
    }

    /// The last prompt as text.
    pub(crate) fn prompt(&self) -> String {
        let requests = self.requests.lock();
        let tokens = &requests.last().unwrap().prompt;
        tokens.iter().map(|token| char::from(u8::try_from(*token).unwrap())).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Storyteller {
    signature: Signature,
    card: ModelCard,
    bytes: Vec<u8>,
    story: Arc<Story>,
}

impl Storyteller {
    pub(crate) fn new(story: Arc<Story>) -> Self {
        let card = ModelCard {
            architecture: "story".to_owned(),
            context_length: 200_000,
            vocabulary: 257,
            embedding_length: 4,
            tool_format: story.script.lock().tool_format,
            has_chat_template: true,
            end_tokens: vec![END],
            logprobs_max: 5,
        };
        let signature = Signature { inputs: Vec::new(), outputs: Vec::new() };
        Self { signature, card, bytes: (0..=255).collect(), story }
    }
}

impl Backend for Storyteller {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn description(&self) -> String {
        "tells stories".to_owned()
    }

    fn submit(&self, _request: InferRequest, responder: Responder) {
        responder.finish(Err(ServeError::new(ErrorKind::Unsupported, "no tensors")));
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn language_model(&self) -> Option<&dyn LanguageModel> {
        Some(self)
    }
}

impl LanguageModel for Storyteller {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn encode(&self, text: &str, options: EncodeOptions) -> Result<Vec<u32>, ServeError> {
        let begin = options.add_special.then_some(u32::from(b'^'));
        Ok(begin.into_iter().chain(text.bytes().map(u32::from)).collect())
    }

    fn decode(&self, tokens: &[u32], _skip_special: bool) -> Result<String, ServeError> {
        let bytes = tokens
            .iter()
            .map(|token| u8::try_from(*token).map_err(|_| ServeError::invalid("a token is none")));
        Ok(String::from_utf8_lossy(&bytes.collect::<Result<Vec<_>, _>>()?).into_owned())
    }

    fn token_bytes(&self, token: u32) -> &[u8] {
        let token = token as usize;
        self.bytes.get(token..=token).unwrap_or_default()
    }

    fn render(&self, chat: &Chat) -> Result<String, ServeError> {
        self.story.chats.lock().push(chat.clone());
        let messages = chat.messages.as_array().unwrap();
        let line = |message: &serde_json::Value| {
            let field = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
            format!("{}:{}|", field("role"), field("content"))
        };
        let text: String = messages.iter().map(line).collect();
        if text.contains("forbidden") {
            return Err(ServeError::invalid("the template refuses this"));
        }
        Ok(text + if chat.add_generation_prompt { "assistant:" } else { "" })
    }

    fn compile(&self, grammar: &Grammar) -> Result<CompiledGrammar, ServeError> {
        self.story.grammars.lock().push(grammar.clone());
        if matches!(grammar, Grammar::Regex(expression) if expression == "(") {
            return Err(ServeError::invalid("the expression is not closed"));
        }
        Ok(CompiledGrammar(Arc::new(())))
    }

    fn generate(&self, request: GenerationRequest) -> Result<Generation, ServeError> {
        let script = self.story.script.lock().clone();
        if let Some(refusal) = script.refusal {
            return Err(refusal);
        }
        self.story.requests.lock().push(request.clone());
        let (sender, receiver) = generation(request.prompt.len());
        let story = Arc::clone(&self.story);
        thread::spawn(move || tell(&story, &script, &request, &sender));
        Ok(receiver)
    }

    fn embed(&self, request: EmbeddingRequest) -> Result<Generation, ServeError> {
        let (sender, receiver) = generation(request.tokens.len());
        let first = request.tokens.first().copied().unwrap_or_default();
        let finish = Finish {
            reason: FinishReason::End,
            prompt_tokens: request.tokens.len(),
            cached_tokens: 0,
            generated_tokens: 0,
        };
        #[expect(clippy::cast_precision_loss, reason = "tokens are bytes")]
        let embedding = vec![first as f32, 0.5, -1.0, 0.25];
        sender.send(GenerationEvent { embedding, finish: Some(finish), ..Default::default() });
        self.story.embedded.lock().push(request);
        Ok(receiver)
    }

    fn reset_prefix_cache(&self) {}
}

fn tell(story: &Story, script: &Script, request: &GenerationRequest, sender: &GenerationSender) {
    let prompt = request.prompt_logprobs.map(|_| {
        let known = request.prompt.iter().enumerate();
        known.map(|(at, _)| (at > 0).then(|| probability(b'x'.into()))).collect()
    });
    let mut prompt_logprobs: Vec<_> = prompt.unwrap_or_default();
    let answers = (0..request.choices)
        .map(|choice| script.answers.get(choice).or(script.answers.last()).unwrap().as_bytes());
    let answers: Vec<&[u8]> = answers.collect();
    let longest = answers.iter().map(|answer| answer.len()).max().unwrap();
    let limit = request.stop.max_tokens.unwrap_or(usize::MAX);
    let (_never, pause) = mpsc::channel::<()>();
    for at in 0..=longest {
        for (choice, answer) in answers.iter().enumerate().filter(|(_, answer)| at <= answer.len())
        {
            if !script.pace.is_zero() {
                let _ = pause.recv_timeout(script.pace);
            }
            if sender.is_cancelled() {
                story.cancelled.fetch_add(1, Ordering::Relaxed);
                return;
            }
            if at > limit {
                continue;
            }
            let tokens: Vec<u32> = answer[at..]
                .iter()
                .take(usize::from(at < limit))
                .map(|byte| u32::from(*byte))
                .collect();
            let is_last = at == answer.len() || at == limit;
            let reason = if at == answer.len() { FinishReason::End } else { FinishReason::Length };
            let finish = Finish {
                reason,
                prompt_tokens: request.prompt.len(),
                cached_tokens: 1,
                generated_tokens: at,
            };
            sender.send(GenerationEvent {
                choice,
                text: tokens
                    .iter()
                    .map(|token| char::from(u8::try_from(*token).unwrap()))
                    .collect(),
                logprobs: request.logprobs.map_or_else(Vec::new, |_| {
                    tokens.iter().map(|token| probability(*token)).collect()
                }),
                tokens,
                prompt_logprobs: std::mem::take(&mut prompt_logprobs),
                embedding: Vec::new(),
                finish: (is_last && script.failure.is_none()).then_some(finish),
            });
        }
    }
    if let Some(failure) = &script.failure {
        sender.fail(failure.clone());
    }
}

/// The next byte is nearly as probable.
fn probability(token: u32) -> TokenLogprobs {
    TokenLogprobs {
        logprob: -0.5,
        rank: 1,
        top: vec![(token, -0.5), (token + 1, f32::NEG_INFINITY)],
    }
}

impl From<Script> for Story {
    fn from(script: Script) -> Self {
        Self { script: Mutex::new(script), ..Self::default() }
    }
}
