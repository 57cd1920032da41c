//! The way back from a language model to whoever asked.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::GenerationEvent;
use crate::{ServeError, model::Stay};

/// Connects a generation to its asker.
#[must_use]
pub fn generation(prompt_tokens: usize) -> (GenerationSender, Generation) {
    let shared = Arc::new(Shared::default());
    let receiver = Generation { shared: Arc::clone(&shared), prompt_tokens, stay: None };
    (GenerationSender(shared), receiver)
}

/// Sends events; when it goes, the stream ends.
#[derive(Debug)]
pub struct GenerationSender(Arc<Shared>);

/// Receives events; dropping it cancels the generation.
#[derive(Debug)]
pub struct Generation {
    shared: Arc<Shared>,
    prompt_tokens: usize,
    /// Keeps the model from being closed.
    stay: Option<Stay>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    cancelled: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Sent and not yet received: at most as many as a generation has tokens.
    events: VecDeque<Result<GenerationEvent, ServeError>>,
    ended: bool,
    waker: Option<Waker>,
}

impl GenerationSender {
    /// Sends what has become known.
    pub fn send(&self, event: GenerationEvent) {
        self.push(Ok(event));
    }

    /// Ends the generation with an error.
    pub fn fail(&self, error: ServeError) {
        self.push(Err(error));
    }

    /// Whether the asker has gone: work for it is wasted.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    fn push(&self, event: Result<GenerationEvent, ServeError>) {
        let mut state = self.0.state.lock();
        state.events.push_back(event);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for GenerationSender {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Generation {
    /// Tokens of the prompt.
    #[must_use]
    pub fn prompt_tokens(&self) -> usize {
        self.prompt_tokens
    }

    /// The next event; `None` after the last one. An error is the last.
    pub fn next(&mut self) -> impl Future<Output = Option<Result<GenerationEvent, ServeError>>> {
        Next(self)
    }

    /// What has come in meanwhile, without waiting.
    pub fn try_next(&mut self) -> Option<Result<GenerationEvent, ServeError>> {
        self.shared.state.lock().events.pop_front()
    }

    /// Keeps the model open while the generation is held.
    pub(crate) fn within(mut self, stay: Stay) -> Self {
        self.stay = Some(stay);
        self
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.shared.cancelled.store(true, Ordering::Release);
    }
}

/// Future of [`Generation::next`].
#[derive(Debug)]
struct Next<'a>(&'a mut Generation);

impl Future for Next<'_> {
    type Output = Option<Result<GenerationEvent, ServeError>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.shared.state.lock();
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
