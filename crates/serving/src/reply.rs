//! The way back from a model to whoever asked: any number of answers, then an end.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::{InferResponse, ServeError};

/// Connects a request's answers to its asker.
pub(crate) fn channel() -> (Responder, Responses) {
    let shared = Arc::new(Shared { responders: AtomicUsize::new(1), ..Shared::default() });
    (Responder(shared.clone()), Responses(shared))
}

/// Sends answers. Clones speak for the same request; after the first final answer the rest is
/// ignored, and when the last clone goes without one, the asker gets an internal error.
#[derive(Debug)]
pub struct Responder(Arc<Shared>);

/// Receives the answers; dropping it cancels the request.
#[derive(Debug)]
pub(crate) struct Responses(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    cancelled: AtomicBool,
    /// Clones of the [`Responder`].
    responders: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// Sent and not yet received. A tensor model sends one; a generator is asked to look at
    /// [`Responder::is_cancelled`] and paces itself.
    answers: SmallVec<[Result<InferResponse, ServeError>; 1]>,
    finished: bool,
    waker: Option<Waker>,
}

impl Responder {
    /// Sends one of several answers; more may follow.
    pub fn send(&self, response: InferResponse) {
        self.push(Ok(response), false);
    }

    /// Sends the only or last answer. Returns whether it was the first final one.
    pub fn finish(&self, answer: Result<InferResponse, ServeError>) -> bool {
        self.push(answer, true)
    }

    /// Whether the asker has gone: work for it is wasted.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    fn push(&self, answer: Result<InferResponse, ServeError>, last: bool) -> bool {
        let mut state = self.0.state.lock();
        if state.finished {
            return false;
        }
        state.answers.push(answer);
        state.finished = last;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }
}

impl Clone for Responder {
    fn clone(&self) -> Self {
        self.0.responders.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if self.0.responders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish(Err(ServeError::internal("the model dropped the request unanswered")));
        }
    }
}

impl Responses {
    /// The next answer; `None` after the final one.
    pub(crate) fn next(&mut self) -> Next<'_> {
        Next(self)
    }
}

impl Drop for Responses {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Release);
    }
}

/// Future of [`Responses::next`].
#[derive(Debug)]
pub(crate) struct Next<'a>(&'a mut Responses);

impl Future for Next<'_> {
    type Output = Option<Result<InferResponse, ServeError>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.0.state.lock();
        if !state.answers.is_empty() {
            return Poll::Ready(Some(state.answers.remove(0)));
        }
        if state.finished {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
