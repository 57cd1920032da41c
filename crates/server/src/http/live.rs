use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;

use crate::dashboard::Viewer;

/// What comes out of one wait: the event, and who waits for the next.
type Step = Pin<Box<dyn Future<Output = Option<(Bytes, Viewer)>> + Send>>;

/// A body that goes on until the server ends or the client leaves.
pub(super) struct Live(Option<Step>);

impl Live {
    pub(super) fn new(viewer: Viewer) -> Self {
        Self(Some(step(viewer)))
    }

    /// The next piece; `None` at the end.
    pub(super) fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(next) = &mut self.0 else { return Poll::Ready(None) };
        let came = ready!(next.as_mut().poll(task));
        self.0 = None;
        Poll::Ready(came.map(|(event, viewer)| {
            self.0 = Some(step(viewer));
            event
        }))
    }
}

fn step(mut viewer: Viewer) -> Step {
    Box::pin(async move { viewer.next().await.map(|event| (event, viewer)) })
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}
