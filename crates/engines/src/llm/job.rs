//! One request on its way through the engine.

use llm::{Output, SequenceId, StopCause};
use serving::{
    Clock, Finish, FinishReason, GENERATION_SECONDS_BOUNDS, GENERATION_TOKENS_BOUNDS,
    GenerationEnd, GenerationEvent, GenerationHistograms, ServeError, TOKEN_SECONDS_BOUNDS,
    TTFT_BOUNDS, Timestamp, TokenLogprobs,
};
use smallvec::SmallVec;

use super::{admission::Ticket, sink::Sink};

/// One request: a sequence for each of its choices.
#[derive(Debug)]
pub(super) struct Job {
    sink: Sink,
    /// Its choices, by number; `None` when one has ended.
    sequences: SmallVec<[Option<SequenceId>; 1]>,
    /// Held until the first step takes part of it.
    ticket: Option<Ticket>,
    deadline: Option<Timestamp>,
    stamps: Stamps,
    prompt_tokens: usize,
    cached_tokens: usize,
    generated_tokens: usize,
    max_tokens: usize,
}

/// When it passed which station.
#[derive(Clone, Copy, Debug, Default)]
struct Stamps {
    received: Timestamp,
    started: Option<Timestamp>,
    first_token: Option<Timestamp>,
    last_token: Timestamp,
}

/// What a job is made of.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) sink: Sink,
    pub(super) sequences: SmallVec<[Option<SequenceId>; 1]>,
    pub(super) ticket: Ticket,
    pub(super) received: Timestamp,
    pub(super) deadline: Option<Timestamp>,
    pub(super) prompt_tokens: usize,
    pub(super) max_tokens: usize,
}

impl Job {
    pub(super) fn new(beginning: Beginning) -> Self {
        Self {
            sink: beginning.sink,
            sequences: beginning.sequences,
            ticket: Some(beginning.ticket),
            deadline: beginning.deadline,
            stamps: Stamps { received: beginning.received, ..Stamps::default() },
            prompt_tokens: beginning.prompt_tokens,
            cached_tokens: 0,
            generated_tokens: 0,
            max_tokens: beginning.max_tokens,
        }
    }

    /// Sequences that have not ended.
    pub(super) fn sequences(&self) -> impl Iterator<Item = SequenceId> {
        self.sequences.iter().flatten().copied()
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.sink.is_cancelled()
    }

    /// Whether its time to begin is over.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        self.stamps.started.is_none() && self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Whether all choices have ended.
    pub(super) fn is_over(&self) -> bool {
        self.sequences.iter().all(Option::is_none)
    }

    /// A step has taken part of it.
    pub(super) fn note_start(&mut self, cached_tokens: usize, now: Timestamp) {
        self.ticket = None;
        self.stamps.started.get_or_insert(now);
        self.cached_tokens = self.cached_tokens.max(cached_tokens);
    }

    /// Passes on what a choice has said.
    pub(super) fn note_output(
        &mut self,
        choice: usize,
        output: Output,
        histograms: &mut GenerationHistograms,
        now: Timestamp,
    ) {
        if !output.tokens.is_empty() {
            self.note_tokens(output.tokens.len(), histograms, now);
        }
        let finish = output.finish.map(|finish| Finish {
            reason: reason(finish.reason),
            prompt_tokens: self.prompt_tokens,
            cached_tokens: finish.cached_tokens,
            generated_tokens: finish.generated_tokens,
        });
        if finish.is_some() {
            self.sequences[choice] = None;
        }
        self.sink.send(GenerationEvent {
            choice,
            text: output.text,
            tokens: output.tokens,
            logprobs: output.logprobs.iter().map(logprobs).collect(),
            prompt_logprobs: output
                .prompt_logprobs
                .iter()
                .map(|token| token.as_ref().map(logprobs))
                .collect(),
            embedding: output.embedding,
            finish,
        });
    }

    /// Ends it with an error.
    pub(super) fn fail(&self, error: ServeError) {
        self.sink.fail(error);
    }

    fn note_tokens(
        &mut self,
        tokens: usize,
        histograms: &mut GenerationHistograms,
        now: Timestamp,
    ) {
        self.generated_tokens += tokens;
        match self.stamps.first_token {
            None => {
                self.stamps.first_token = Some(now);
                let waited = now.since(self.stamps.received).as_secs_f64();
                histograms.time_to_first_token.observe(waited, &TTFT_BOUNDS);
            }
            Some(_) => {
                let gap = now.since(self.stamps.last_token).as_secs_f64();
                histograms.inter_token_latency.observe(gap, &TOKEN_SECONDS_BOUNDS);
            }
        }
        self.stamps.last_token = now;
    }

    /// Writes down how it went, once it is over.
    #[expect(clippy::cast_precision_loss, reason = "numbers of tokens")]
    pub(super) fn record(&self, histograms: &mut GenerationHistograms) {
        let Stamps { received, started, first_token, last_token } = self.stamps;
        let sizes = &GENERATION_TOKENS_BOUNDS;
        histograms.prompt_tokens.observe(self.prompt_tokens as f64, sizes);
        let computed = self.prompt_tokens.saturating_sub(self.cached_tokens);
        histograms.computed_prompt_tokens.observe(computed as f64, sizes);
        histograms.generated_tokens.observe(self.generated_tokens as f64, sizes);
        histograms.max_tokens.observe(self.max_tokens as f64, sizes);
        histograms.choices.observe(self.sequences.len() as f64, sizes);
        let (Some(started), Some(first)) = (started, first_token) else { return };
        let seconds = |later: Timestamp, earlier| later.since(earlier).as_secs_f64();
        let stages = &GENERATION_SECONDS_BOUNDS;
        histograms.end_to_end.observe(seconds(last_token, received), stages);
        histograms.queue.observe(seconds(started, received), stages);
        histograms.prefill.observe(seconds(first, started), stages);
        histograms.decode.observe(seconds(last_token, first), stages);
        histograms.inference.observe(seconds(last_token, started), stages);
        if self.generated_tokens > 1 {
            let each = seconds(last_token, first) / (self.generated_tokens - 1) as f64;
            histograms.time_per_output_token.observe(each, &TOKEN_SECONDS_BOUNDS);
        }
    }

    /// From arrival until now.
    pub(super) fn age(&self) -> std::time::Duration {
        Clock::now().since(self.stamps.received)
    }
}

/// How an end is counted.
pub(super) fn end(reason: &llm::FinishReason) -> GenerationEnd {
    match reason {
        llm::FinishReason::Length => GenerationEnd::Length,
        _ => GenerationEnd::Stop,
    }
}

fn reason(reason: llm::FinishReason) -> FinishReason {
    match reason {
        llm::FinishReason::Stop(StopCause::Token(token)) => FinishReason::StopToken(token),
        llm::FinishReason::Stop(StopCause::String(text)) => FinishReason::StopString(text),
        llm::FinishReason::Stop(StopCause::EndOfSequence | StopCause::Grammar) => FinishReason::End,
        llm::FinishReason::Length | llm::FinishReason::Abort => FinishReason::Length,
    }
}

fn logprobs(token: &llm::TokenLogprobs) -> TokenLogprobs {
    let pair = |token: &llm::TokenLogprob| (token.token, token.logprob);
    TokenLogprobs {
        logprob: token.chosen.logprob,
        rank: token.rank,
        top: token.top.iter().map(pair).collect(),
    }
}
