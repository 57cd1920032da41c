//! The engine: sequences in, one step after another, events out.

mod error;
mod load;
mod options;
mod pacing;
mod request;
mod rows;
mod statistics;
mod tenants;
mod work;

use std::{collections::HashMap, sync::Arc, time::Duration};

use kernels::KvCache;

use crate::{
    AddError, Checkpoint, Chunk, Draftsman, Hyperparameters, SamplerWorkspace, Scheduler,
    SequenceId, SequenceRequest, Step, Tokenizer, decoder::Decoder,
};

pub use error::EngineError;
pub use options::EngineOptions;
pub use request::{Event, Finished, Output, Pooling, Request, Wanted};
pub use statistics::EngineStatistics;

use pacing::Pacing;
use rows::{Rows, WantedRow};
use statistics::Counters;
use tenants::Tenants;
use work::Work;

/// Rows whose logits are held at a time.
const LOGIT_ROWS_MAX: usize = 64;

/// A model and everything that it works on. One thread owns it and calls [`step`](Self::step) while
/// there is work.
#[derive(Debug)]
pub struct Engine {
    checkpoint: Arc<Checkpoint>,
    tokenizer: Arc<Tokenizer>,
    options: EngineOptions,
    context_length: usize,
    decoder: Decoder,
    cache: KvCache,
    scheduler: Scheduler,
    tenants: Tenants,
    /// What is to be made of each sequence's rows.
    works: HashMap<SequenceId, Work>,
    rows: Rows,
    workspace: SamplerWorkspace,
    pacing: Pacing,
    /// `None` if tokens are not to be guessed.
    draftsman: Option<Draftsman>,
    counters: Counters,
}

impl Engine {
    /// What the model is.
    #[must_use]
    pub fn hyperparameters(&self) -> &Hyperparameters {
        self.decoder.hyperparameters()
    }

    /// From text to tokens and back.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Where the model came from.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Tokens that prompt and answer may have together.
    #[must_use]
    pub fn context_length(&self) -> usize {
        self.context_length
    }

    /// Whether a step would do something.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.scheduler.is_idle()
    }

    /// Queues a sequence.
    ///
    /// # Errors
    ///
    /// It could never run, or too many wait.
    pub fn add(&mut self, request: Request) -> Result<SequenceId, AddError> {
        let work = Work::new(&request, &self.tokenizer);
        let tenant = self.tenants.id(&request.tenant);
        self.scheduler.set_tenant_weight(tenant, request.weight);
        let id = self.scheduler.add(SequenceRequest {
            output_tokens_max: work.output_tokens_max(),
            purpose: work.purpose(),
            prompt: request.prompt,
            priority: request.priority,
            tenant,
            salt: request.salt.into_bytes(),
        })?;
        self.works.insert(id, work);
        Ok(id)
    }

    /// Ends a sequence that nobody wants any more. Its blocks are free at once.
    pub fn cancel(&mut self, id: SequenceId) {
        self.scheduler.cancel(id);
        self.works.remove(&id);
    }

    /// Forgets what is kept for prompts that begin alike.
    pub fn reset_prefix_cache(&mut self) {
        self.scheduler.reset_prefix_cache();
    }

    /// Computes what the scheduler chooses and appends what came of it to `events`. Returns the
    /// number of tokens computed.
    pub fn step(&mut self, events: &mut Vec<Event>) -> usize {
        if let Some(draftsman) = &mut self.draftsman {
            draftsman.propose(&mut self.scheduler);
        }
        let limit = self.pacing.prefill_tokens_max();
        self.scheduler.set_prefill_tokens_while_decoding_max(limit);
        let step = self.scheduler.schedule();
        if step.is_empty() {
            return 0;
        }
        self.note_starts(&step, events);
        self.forward(&step);
        self.finish_chunks(&step, events);
        self.pacing.note_step(&step);
        if let Some(draftsman) = &mut self.draftsman {
            draftsman.note_step(&step);
        }
        step.tokens
    }

    /// Tells how long the last step took: what prompts may add to the next ones depends on it.
    pub fn note_step_duration(&mut self, duration: Duration) {
        self.pacing.note_duration(duration);
        if let Some(draftsman) = &mut self.draftsman {
            draftsman.note_duration(duration);
        }
    }

    fn note_starts(&mut self, step: &Step, events: &mut Vec<Event>) {
        for chunk in &step.chunks {
            let Some(work) = self.works.get_mut(&chunk.sequence) else { continue };
            if !std::mem::replace(&mut work.has_started, true) {
                let sequence = self.scheduler.sequence(chunk.sequence);
                let cached_tokens = sequence.map_or(0, |sequence| sequence.cached_tokens());
                let prompt_tokens = sequence.map_or(0, |sequence| sequence.prompt().len());
                self.counters.prompt_tokens += prompt_tokens as u64;
                events.push(Event::Started { sequence: chunk.sequence, cached_tokens });
            }
        }
    }

    /// Runs the model over the rows of all chunks.
    fn forward(&mut self, step: &Step) {
        self.rows.gather(step, &self.scheduler);
        let windows = self.decoder.windows();
        let spans = windows.map(|window| self.rows.spans(step, &self.scheduler, window));
        self.decoder.forward(&self.rows.batch(&spans), &mut self.cache);
    }

    /// Makes tokens or vectors of the rows that were wanted, and tells the scheduler.
    fn finish_chunks(&mut self, step: &Step, events: &mut Vec<Event>) {
        self.embed_rows(step);
        let rows = std::mem::take(&mut self.rows.logit_rows);
        for rows in rows.chunks(LOGIT_ROWS_MAX) {
            self.sample_rows(step, rows);
        }
        self.rows.logit_rows = rows;
        for chunk in &step.chunks {
            self.finish_chunk(chunk, events);
        }
    }

    /// Adds hidden states to the embeddings that they belong to.
    fn embed_rows(&mut self, step: &Step) {
        for row in &self.rows.embedded_rows {
            let chunk = &step.chunks[row.chunk];
            let hidden = self.decoder.hidden_state(row.wanted);
            if let Some(work) = self.works.get_mut(&chunk.sequence) {
                work.add_hidden(chunk.first_position + row.row, hidden);
            }
        }
    }

    /// Samples from the logits of some rows.
    fn sample_rows(&mut self, step: &Step, rows: &[WantedRow]) {
        self.rows.picked.clear();
        self.rows.picked.extend(rows.iter().map(|row| row.wanted));
        let logits = self.decoder.logits(&self.rows.picked);
        let width = logits.len() / rows.len();
        for (row, logits) in rows.iter().zip(logits.chunks_exact_mut(width)) {
            let chunk = &step.chunks[row.chunk];
            let Some(work) = self.works.get_mut(&chunk.sequence) else { continue };
            let Some(sequence) = self.scheduler.sequence(chunk.sequence) else { continue };
            work.take_row(chunk, row.row, sequence, logits, &mut self.workspace);
        }
    }

    /// Tells the scheduler what came of a chunk, and the events of it.
    fn finish_chunk(&mut self, chunk: &Chunk, events: &mut Vec<Event>) {
        let id = chunk.sequence;
        let Some(work) = self.works.get_mut(&id) else {
            // It was cancelled while it ran.
            self.scheduler.complete(id, &[], true);
            return;
        };
        let outcome = work.finish_chunk();
        self.counters.note(chunk, &outcome);
        if let Some(draftsman) = &mut self.draftsman {
            draftsman.observe(id, &outcome.tokens);
        }
        let cached_tokens =
            self.scheduler.sequence(id).map_or(0, |sequence| sequence.cached_tokens());
        let ends = outcome.finish.is_some() || outcome.error.is_some();
        let retired = self.scheduler.complete(id, &outcome.tokens, ends);
        if let Some(error) = outcome.error {
            self.works.remove(&id);
            events.push(Event::Failed { sequence: id, error });
            return;
        }
        let Some(work) = self.works.get_mut(&id) else { return };
        let output = work.output(id, outcome, retired.is_some(), cached_tokens);
        if retired.is_some() {
            self.works.remove(&id);
        }
        events.extend(output.map(Event::Output));
    }
}
