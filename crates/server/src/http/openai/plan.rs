//! A request, made ready to be handed to its model.

use std::sync::Arc;

use http::{HeaderValue, Response, header};
use protocol::openai::{Answer, Dialect, GenerationFields, SamplingFields, StopFields, Structure};
use serving::{
    CompiledGrammar, EncodeOptions, GenerationRequest, Grammar, Model, Sampling, ServeError,
    StopConditions, Tenancy,
};

use super::{calls::CallStyle, events::Events, lookup::face, prompt::about, turn::Turn};
use crate::{
    access,
    http::{
        answer::Exchange,
        refusal::Refusal,
        reply::{self, ReplyBody},
    },
    timing::Stopwatch,
};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// What is generated, from what, and how it is read.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) model: Arc<Model>,
    /// Where the request came in.
    pub(super) path: String,
    /// The field that the prompts are made from.
    pub(super) prompt_field: &'static str,
    /// Tokens to continue.
    pub(super) prompts: Vec<Vec<u32>>,
    pub(super) fields: GenerationFields,
    /// How the model writes calls, if it may make any.
    pub(super) calls: Option<CallStyle>,
    /// A name for the answer.
    pub(super) id: String,
}

impl Plan {
    /// Generates, and tells in the API's own way.
    ///
    /// # Errors
    ///
    /// Something does not fit the model, the queue is full, or it went wrong before there was
    /// anything to tell.
    pub(super) async fn carry_out(
        mut self,
        exchange: &mut Exchange,
        mut dialect: Box<dyn Dialect>,
    ) -> Result<Response<ReplyBody>, Refusal> {
        exchange.stopwatch = Stopwatch::new(true, exchange.received);
        exchange.stopwatch.note_read();
        exchange.observe(&self.path, self.model.name());
        self.fit_context()?;
        let is_streamed = self.fields.stream.is_some();
        let (model, id) = (Arc::clone(&self.model), std::mem::take(&mut self.id));
        let grammar = self.compile(exchange).await?;
        if let Some(observed) = &mut exchange.observed {
            observed.note_request(exchange.stopwatch, &model, &id, &[]);
        }
        let mut turn = self.begin(exchange, grammar)?;
        let first = turn.first().await.inspect_err(|error| access::log_failure(&model, &id, error));
        let first = first?;
        if is_streamed {
            let events = Events::new(turn, first, dialect, exchange);
            return Ok(event_stream(ReplyBody::events(events)));
        }
        let answer = gather(turn, first).await;
        let answer = answer.inspect_err(|error| access::log_failure(&model, &id, error))?;
        exchange.stopwatch.note_resumed();
        let response = reply::json(dialect.whole(&answer));
        exchange.stopwatch.note_encoded();
        Ok(response)
    }

    /// Checks that prompts and answers fit the context, in the request's own terms.
    fn fit_context(&mut self) -> Result<(), Refusal> {
        let context = face(&self.model).card().context_length;
        if let Some(kept) = self.fields.truncate_prompt_tokens {
            for prompt in &mut self.prompts {
                prompt.drain(..prompt.len().saturating_sub(kept));
            }
        }
        let longest = self.prompts.iter().map(Vec::len).max().unwrap_or(0);
        let too_long = |what: String, param| {
            let message = format!("this model's context has {context} tokens; {what}");
            Err(Refusal::bad_request(message)
                .with_param(param)
                .with_code("context_length_exceeded"))
        };
        if longest == 0 {
            let message = format!("`{}` is empty: there is nothing to continue", self.prompt_field);
            return Err(Refusal::bad_request(message).with_param(self.prompt_field));
        }
        if longest >= context {
            return too_long(
                format!("the prompt has {longest}, which leaves none for an answer"),
                self.prompt_field,
            );
        }
        let stop = &mut self.fields.stop;
        match stop.max_tokens {
            Some(wanted) if longest + wanted > context => too_long(
                format!("the prompt has {longest} and the answer may have {wanted}; ask for less"),
                stop.limit_field,
            ),
            Some(_) => Ok(()),
            None => {
                let default = self.fields.max_tokens_default;
                stop.max_tokens = default.map(|default| default.min(context - longest));
                Ok(())
            }
        }
    }

    /// Makes the grammar ready that holds the answer: off the network's threads, since some take long.
    async fn compile(&mut self, exchange: &Exchange) -> Result<Option<CompiledGrammar>, Refusal> {
        let Some((field, structure)) = self.fields.structure.take() else { return Ok(None) };
        let grammar = match structure {
            Structure::JsonObject => Grammar::JsonObject,
            Structure::JsonSchema(schema) => Grammar::JsonSchema(schema),
            Structure::Regex(expression) => Grammar::Regex(expression),
            Structure::Choice(texts) => Grammar::Choice(texts),
            Structure::Grammar(text) => Grammar::Lark(text),
        };
        let model = Arc::clone(&self.model);
        let work = move || face(&model).compile(&grammar);
        let compiled = exchange.context().offload.run(usize::MAX, work).await;
        compiled.map(Some).map_err(|error| about(error, field))
    }

    /// Hands everything to the model.
    fn begin(self, exchange: &Exchange, grammar: Option<CompiledGrammar>) -> Result<Turn, Refusal> {
        let Self { model, prompts, fields, calls, .. } = self;
        let keeps_prompts = fields.prompt_logprobs.is_some();
        let choices = fields.choices;
        let tenancy = exchange.tenancy(fields.priority, &fields.cache_salt);
        let request = request(&model, fields, grammar, tenancy)?;
        let mut generations = Vec::with_capacity(prompts.len());
        for prompt in &prompts {
            let received = exchange.received;
            let request = GenerationRequest { prompt: prompt.clone(), received, ..request.clone() };
            generations.push(model.generate(request)?);
        }
        let prompts = if keeps_prompts { prompts } else { Vec::new() };
        Ok(Turn::new(model, generations, prompts, choices, calls.as_ref()))
    }
}

/// What the model is asked, but for the prompt.
fn request(
    model: &Model,
    fields: GenerationFields,
    grammar: Option<CompiledGrammar>,
    tenancy: Tenancy,
) -> Result<GenerationRequest, Refusal> {
    let logprobs_max = face(model).card().logprobs_max;
    for (name, count) in
        [("top_logprobs", fields.logprobs), ("prompt_logprobs", fields.prompt_logprobs)]
    {
        if count.is_some_and(|count| count > logprobs_max) {
            let message = format!("`{name}` must be at most {logprobs_max}");
            return Err(Refusal::bad_request(message).with_param(name).with_code("invalid_value"));
        }
    }
    Ok(GenerationRequest {
        prompt: Vec::new(),
        sampling: sampling(model, fields.sampling)?,
        stop: stop(fields.stop),
        choices: fields.choices,
        grammar,
        logprobs: fields.logprobs,
        prompt_logprobs: fields.prompt_logprobs,
        skip_special_tokens: fields.skip_special_tokens,
        tenancy,
        ..GenerationRequest::default()
    })
}

fn sampling(model: &Model, fields: SamplingFields) -> Result<Sampling, Refusal> {
    let default = Sampling::default();
    let bad_words =
        bad_words(model, &fields.bad_words).map_err(|error| about(error, "bad_words"))?;
    Ok(Sampling {
        temperature: fields.temperature.unwrap_or(default.temperature),
        // None at all would leave nothing to choose from; the most probable token is meant.
        top_p: fields.top_p.map_or(default.top_p, |top_p| top_p.max(f32::MIN_POSITIVE)),
        top_k: fields.top_k.unwrap_or(default.top_k),
        min_p: fields.min_p.unwrap_or(default.min_p),
        repetition_penalty: fields.repetition_penalty.unwrap_or(default.repetition_penalty),
        presence_penalty: fields.presence_penalty.unwrap_or(default.presence_penalty),
        frequency_penalty: fields.frequency_penalty.unwrap_or(default.frequency_penalty),
        logit_bias: fields.logit_bias,
        allowed_tokens: fields.allowed_token_ids,
        bad_words,
        seed: fields.seed,
    })
}

/// Words become other tokens at the beginning of a text than behind a space, so both are meant.
fn bad_words(model: &Model, words: &[String]) -> Result<Vec<Vec<u32>>, ServeError> {
    let options = EncodeOptions { add_special: false, parse_special: false };
    let mut sequences = Vec::with_capacity(words.len() * 2);
    for word in words {
        let word = word.trim_start();
        for text in [word.to_owned(), format!(" {word}")] {
            sequences.push(face(model).encode(&text, options)?);
        }
    }
    sequences.retain(|sequence| !sequence.is_empty());
    sequences.dedup();
    Ok(sequences)
}

fn stop(fields: StopFields) -> StopConditions {
    StopConditions {
        max_tokens: fields.max_tokens,
        min_tokens: fields.min_tokens,
        strings: fields.stop,
        tokens: fields.stop_token_ids,
        ignore_end: fields.ignore_eos,
        include_string: fields.include_stop_str_in_output,
    }
}

/// Waits for all of it.
async fn gather(mut turn: Turn, first: protocol::openai::Step) -> Result<Answer, ServeError> {
    let mut answer = Answer::default();
    answer.choices.resize_with(turn.choices(), Default::default);
    let mut next = Some(first);
    while let Some(step) = next {
        answer.choices[step.choice].take(step);
        next = turn.next().await?;
    }
    answer.usage = turn.usage();
    Ok(answer)
}

/// 200 with a body of events.
pub(super) fn event_stream(body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies that gather answers would undo the streaming.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
