//! The body of a streamed answer.

use std::{
    fmt, mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use protocol::openai::{Dialect, Step, Usage};
use serving::{Clock, ServeError};

use super::turn::Turn;
use crate::{
    http::{answer::Exchange, refusal::Refusal},
    record::{Observed, Outcome},
    timing::Stopwatch,
};

/// Bytes that are written in one piece at most, but for a single step that has more.
const PIECE_BYTES: usize = 16 << 10;

/// Tells the steps of a turn as they come: whatever has come since the last look becomes one piece.
pub(in crate::http) struct Events {
    /// None when all has been told.
    turn: Option<Turn>,
    first: Option<Step>,
    dialect: Box<dyn Dialect>,
    observed: Option<Observed>,
    stopwatch: Stopwatch,
    bytes_in: usize,
    bytes_out: usize,
    status: u16,
}

impl Events {
    pub(super) fn new(
        turn: Turn,
        first: Step,
        dialect: Box<dyn Dialect>,
        exchange: &mut Exchange,
    ) -> Self {
        Self {
            turn: Some(turn),
            first: Some(first),
            dialect,
            observed: exchange.observed.take(),
            stopwatch: exchange.stopwatch,
            bytes_in: exchange.body.bytes_read(),
            bytes_out: 0,
            status: 200,
        }
    }

    /// The next piece; `None` at the end.
    pub(in crate::http) fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut out = Vec::with_capacity(512);
        while let Some(turn) = &mut self.turn {
            if let Some(first) = self.first.take() {
                // More is known later.
                let prompt_tokens = turn.usage().prompt_tokens;
                self.dialect.begin(&mut out, &Usage { prompt_tokens, ..Usage::default() });
                self.dialect.step(&mut out, &first, &turn.usage());
                continue;
            }
            match turn.poll_next(task) {
                Poll::Ready(Ok(Some(step))) => {
                    self.dialect.step(&mut out, &step, &turn.usage());
                    if out.len() >= PIECE_BYTES {
                        break;
                    }
                }
                Poll::Ready(Ok(None)) => {
                    self.dialect.end(&mut out, &turn.usage());
                    self.turn = None;
                }
                Poll::Ready(Err(error)) => self.fail(&mut out, error),
                Poll::Pending if out.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        self.bytes_out += out.len();
        if out.is_empty() {
            self.finish();
            return Poll::Ready(None);
        }
        Poll::Ready(Some(out.into()))
    }

    fn fail(&mut self, out: &mut Vec<u8>, error: ServeError) {
        tracing::warn!(%error, "a generation failed after its answer had begun");
        let refusal = Refusal::from(error);
        let body = refusal.body();
        self.status = body.status;
        self.dialect.fail(out, body);
        self.turn = None;
    }

    /// All has been told: the request is over.
    fn finish(&mut self) {
        self.stopwatch.note_resumed();
        let Some(observed) = mem::take(&mut self.observed) else { return };
        let Self { status, bytes_in, bytes_out, .. } = *self;
        self.stopwatch.note_encoded();
        observed
            .finish(self.stopwatch, Outcome { status, bytes_in, bytes_out, ended: Clock::now() });
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("turn", &self.turn).finish_non_exhaustive()
    }
}
