use std::{collections::VecDeque, sync::Arc, thread};

use bytes::Bytes;
use serving::{BATCH_BOUNDS, Clock, DURATION_BOUNDS, Timestamp};
use tokio::sync::watch;

use super::{
    document::{Hello, event},
    feed::{Feed, ModelKey},
    history::WINDOW,
    sampler::{Tick, epoch_millis},
};
use crate::{
    shutdown::{Phase, Shutdown},
    state::{SERVER_VERSION, State},
};

/// Tells a page that the server is about to end.
const DRAINING: &[u8] = b"event: draining\ndata: {}\n\n";

/// One open page. Of looks that come while it does not read it gets the last one.
#[derive(Debug)]
pub(crate) struct Viewer {
    feed: Arc<Feed>,
    ticks: watch::Receiver<Option<Arc<Tick>>>,
    model: Option<ModelKey>,
    /// Of the catalogue that was sent last.
    revision: Option<u64>,
    draining: Shutdown,
    is_draining: bool,
    closing: Shutdown,
    /// Events that are next.
    queue: VecDeque<Bytes>,
}

impl Viewer {
    pub(super) fn new(
        feed: Arc<Feed>,
        mut ticks: watch::Receiver<Option<Arc<Tick>>>,
        state: &State,
        model: Option<ModelKey>,
    ) -> Self {
        // The last look is news to a page that has just been opened.
        ticks.mark_changed();
        Self {
            feed,
            ticks,
            model,
            revision: None,
            draining: state.shutdown.clone(),
            is_draining: false,
            closing: state.shutdown.clone(),
            queue: VecDeque::from([event("hello", &hello(state))]),
        }
    }

    /// The next event, which may be a second away; `None` when the server ends.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        while self.queue.is_empty() {
            tokio::select! {
                biased;
                () = self.closing.reached(Phase::Closing) => return None,
                () = self.draining.reached(Phase::Draining), if !self.is_draining => {
                    self.is_draining = true;
                    self.queue.push_back(Bytes::from_static(DRAINING));
                }
                changed = self.ticks.changed() => changed.ok()?,
            }
            let tick = self.ticks.borrow_and_update().clone();
            if let Some(tick) = tick {
                self.take(&tick);
            }
        }
        self.queue.pop_front()
    }

    fn take(&mut self, tick: &Tick) {
        if self.revision != Some(tick.revision) {
            self.revision = Some(tick.revision);
            self.queue.push_back(tick.catalogue.clone());
        }
        self.queue.push_back(tick.overview.clone());
        let detail = self.model.as_ref().and_then(|model| tick.details.get(model));
        self.queue.extend(detail.cloned());
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.feed.leave(self.model.as_ref());
    }
}

fn hello(state: &State) -> Hello {
    Hello {
        version: SERVER_VERSION,
        // The clock starts with the process.
        started: epoch_millis(Clock::time_of_day(Timestamp::default())),
        cores: thread::available_parallelism().map_or(1, usize::from),
        explicit: state.repository.takes_control(),
        token: state.control.has_token(),
        window: WINDOW.as_secs(),
        bounds: DURATION_BOUNDS,
        batch_bounds: BATCH_BOUNDS,
    }
}
