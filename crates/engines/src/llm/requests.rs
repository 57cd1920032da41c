//! Requests as the engine takes them.

use llm::{Grammar, Request, Wanted};
use serving::{
    Clock, EmbeddingRequest, Generation, GenerationRequest, Pooling, Sampling, ServeError,
    StopConditions, Tenancy, generation,
};

use super::{backend::TextBackend, sink::Sink, worker::Incoming};

/// Choices that one request may ask for.
const CHOICES_MAX: usize = 128;

/// Checks and queues a generation.
pub(super) fn generate(
    backend: &TextBackend,
    request: &GenerationRequest,
) -> Result<Generation, ServeError> {
    let (sender, receiver) = generation(request.prompt.len());
    submit(backend, request, Sink::Stream(sender))?;
    Ok(receiver)
}

/// Checks and queues a generation whose events go into `sink`.
pub(super) fn submit(
    backend: &TextBackend,
    request: &GenerationRequest,
    sink: Sink,
) -> Result<(), ServeError> {
    let choices = request.choices;
    if choices == 0 || choices > CHOICES_MAX {
        let message = format!("n is {choices}; give 1 to {CHOICES_MAX}");
        return Err(ServeError::invalid(message).with_parameter("n"));
    }
    let max_tokens = check_length(&request.prompt, request.stop.max_tokens, backend)?;
    let sampling = sampling(request, max_tokens);
    let checked = sampling.validate(backend.texts.card.vocabulary);
    checked
        .map_err(|error| ServeError::invalid(error.to_string()).with_parameter(error.parameter))?;
    let grammar = grammar(request)?;
    let sequence = |choice| sequence(request, &sampling, grammar.as_ref(), choice);
    let prompt_tokens = request.prompt.len();
    let ticket = backend.shared.admission.enter(choices, prompt_tokens * choices)?;
    backend.shared.submit(Incoming {
        sequences: (0..choices).map(sequence).collect(),
        sink,
        ticket,
        received: received(request.received),
        deadline: request.queue_timeout.map(|timeout| Clock::now() + timeout),
        prompt_tokens,
        max_tokens,
    });
    Ok(())
}

fn grammar(request: &GenerationRequest) -> Result<Option<Grammar>, ServeError> {
    let Some(grammar) = &request.grammar else { return Ok(None) };
    let own = grammar.0.downcast_ref::<Grammar>().cloned();
    own.map(Some).ok_or_else(|| ServeError::invalid("the grammar was made for another model"))
}

/// The sequence of one of a request's choices.
fn sequence(
    request: &GenerationRequest,
    sampling: &llm::SamplingParameters,
    grammar: Option<&Grammar>,
    choice: usize,
) -> Request {
    let mut sampling = sampling.clone();
    // Choices with one seed would all be the same.
    sampling.seed = sampling.seed.map(|seed| seed.wrapping_add(choice as u64));
    if choice > 0 {
        sampling.prompt_logprobs = None;
    }
    let wanted = Wanted::Text { sampling: Box::new(sampling), grammar: grammar.cloned() };
    engine_request(request.prompt.clone(), wanted, &request.tenancy)
}

/// Checks and queues an embedding.
pub(super) fn embed(
    backend: &TextBackend,
    request: EmbeddingRequest,
) -> Result<Generation, ServeError> {
    check_length(&request.tokens, Some(0), backend)?;
    let pooling = match request.pooling {
        Pooling::Mean => llm::Pooling::Mean,
        Pooling::Last => llm::Pooling::Last,
        Pooling::First => llm::Pooling::First,
    };
    let prompt_tokens = request.tokens.len();
    let wanted = Wanted::Embedding { pooling, normalise: request.normalise };
    let sequence = engine_request(request.tokens, wanted, &request.tenancy);
    let (sender, receiver) = generation(prompt_tokens);
    let ticket = backend.shared.admission.enter(1, prompt_tokens)?;
    backend.shared.submit(Incoming {
        sequences: vec![sequence],
        sink: Sink::Stream(sender),
        ticket,
        received: received(request.received),
        deadline: None,
        prompt_tokens,
        max_tokens: 0,
    });
    Ok(receiver)
}

fn received(stamp: serving::Timestamp) -> serving::Timestamp {
    if stamp == serving::Timestamp::default() { Clock::now() } else { stamp }
}

fn engine_request(prompt: Vec<u32>, wanted: Wanted, tenancy: &Tenancy) -> Request {
    Request {
        prompt,
        wanted,
        tenant: tenancy.tenant.clone(),
        weight: tenancy.weight,
        priority: tenancy.priority,
        salt: tenancy.cache_salt.clone(),
    }
}

/// Tokens that the answer may have.
fn check_length(
    prompt: &[u32],
    max_tokens: Option<usize>,
    backend: &TextBackend,
) -> Result<usize, ServeError> {
    let card = &backend.texts.card;
    let context = card.context_length;
    let invalid = |message: String, parameter: &str| {
        Err(ServeError::invalid(message).with_parameter(parameter))
    };
    if prompt.is_empty() {
        return invalid("the prompt is empty; send at least one token".to_owned(), "prompt");
    }
    check_tokens(prompt, card.vocabulary, "prompt")?;
    let least = max_tokens.unwrap_or(1);
    if prompt.len() + least > context {
        let message = format!(
            "the model's context is {context} tokens: {} of the prompt and {least} of the answer \
             are too many; shorten the prompt or lower max_tokens",
            prompt.len()
        );
        return invalid(message, if prompt.len() >= context { "prompt" } else { "max_tokens" });
    }
    Ok(max_tokens.unwrap_or(context - prompt.len()))
}

/// Whether all tokens exist.
pub(super) fn check_tokens(
    tokens: &[u32],
    vocabulary: usize,
    parameter: &str,
) -> Result<(), ServeError> {
    match tokens.iter().find(|token| **token as usize >= vocabulary) {
        None => Ok(()),
        Some(token) => {
            let message = format!("there is no token {token}; the model has {vocabulary}");
            Err(ServeError::invalid(message).with_parameter(parameter))
        }
    }
}

fn sampling(request: &GenerationRequest, max_tokens: usize) -> llm::SamplingParameters {
    let Sampling {
        temperature,
        top_p,
        top_k,
        min_p,
        repetition_penalty,
        presence_penalty,
        frequency_penalty,
        logit_bias,
        allowed_tokens,
        bad_words,
        seed,
    } = request.sampling.clone();
    let StopConditions { min_tokens, strings, tokens, ignore_end, include_string, .. } =
        request.stop.clone();
    llm::SamplingParameters {
        temperature,
        top_p,
        top_k: u32::try_from(top_k).unwrap_or(u32::MAX),
        min_p,
        repetition_penalty,
        presence_penalty,
        frequency_penalty,
        logit_bias,
        seed,
        stop: strings,
        include_stop_str_in_output: include_string,
        stop_token_ids: tokens,
        ignore_eos: ignore_end,
        min_tokens,
        max_tokens,
        logprobs: request.logprobs,
        prompt_logprobs: request.prompt_logprobs,
        allowed_token_ids: (!allowed_tokens.is_empty()).then_some(allowed_tokens),
        bad_words,
        skip_special_tokens: request.skip_special_tokens,
    }
}
