//! The way back from a language model to whoever asked.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
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
    /// Sent and not yet received: what waits of a choice is one event, so there are at most as many
    /// as a generation has choices, and what they hold is bounded by its tokens.
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
        match event {
            Ok(event) => state.add(event),
            Err(error) => state.events.push_back(Err(error)),
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    /// Adds an event to the one of its choice that still waits, if there is one: a reader that is
    /// slow gets more at a time, not later and later.
    fn add(&mut self, event: GenerationEvent) {
        let mut waiting = self.events.iter_mut().filter_map(|event| event.as_mut().ok());
        match waiting.find(|waiting| waiting.choice == event.choice) {
            Some(waiting) => waiting.append(event),
            None => self.events.push_back(Ok(event)),
        }
    }
}

impl GenerationEvent {
    /// Adds what happened next.
    fn append(&mut self, next: Self) {
        let Self { text, tokens, logprobs, prompt_logprobs, embedding, finish, choice: _ } = next;
        self.text.push_str(&text);
        self.tokens.extend(tokens);
        self.logprobs.extend(logprobs);
        self.prompt_logprobs.extend(prompt_logprobs);
        self.embedding.extend(embedding);
        self.finish = finish.or(self.finish.take());
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
    #[expect(
        clippy::should_implement_trait,
        reason = "it waits, as the method of this name does for every stream"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<GenerationEvent, ServeError>>> {
        poll_fn(|context| self.poll_next(context))
    }

    /// The same for whoever is polled.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<GenerationEvent, ServeError>>> {
        let mut state = self.shared.state.lock();
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
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

#[cfg(test)]
mod tests;
