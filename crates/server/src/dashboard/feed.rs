use std::{collections::BTreeMap, io, sync::Arc, thread, time::Duration};

use parking_lot::{Condvar, Mutex};
use serving::{Clock, Model, Timestamp};
use tokio::sync::watch;

use super::{
    sampler::{Sampler, Tick},
    viewer::Viewer,
};
use crate::state::State;

/// Open pages at a time.
pub(crate) const VIEWERS_MAX: usize = 32;

/// Between two looks at the models.
const INTERVAL: Duration = Duration::from_secs(1);

/// The same for a page that has just been opened.
const INTERVAL_MIN: Duration = Duration::from_millis(200);

/// A version of a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModelKey {
    pub(crate) name: String,
    pub(crate) version: u64,
}

impl ModelKey {
    pub(super) fn of(model: &Model) -> Self {
        Self { name: model.name().to_owned(), version: model.version() }
    }
}

/// Brings what one sampler sees to every open page.
#[derive(Debug)]
pub(crate) struct Feed {
    audience: Mutex<Audience>,
    /// Somebody came or left.
    changed: Condvar,
    /// The last look; `None` while nobody is there.
    ticks: watch::Sender<Option<Arc<Tick>>>,
}

#[derive(Debug, Default)]
struct Audience {
    viewers: usize,
    /// How many look at each model.
    watched: BTreeMap<ModelKey, usize>,
    is_sampling: bool,
    /// Somebody has come who has seen nothing yet.
    is_waiting: bool,
}

/// Why a page gets no events.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    /// There are [`VIEWERS_MAX`] already.
    #[error(
        "the dashboard is open {VIEWERS_MAX} times, which is the limit; close another and try again"
    )]
    Full,
    /// The system gave no thread.
    #[error("the dashboard cannot start: {0}")]
    Thread(#[source] io::Error),
}

/// Lets the next page start another sampler should this one panic.
struct Running<'a>(&'a Feed);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.audience.lock().is_sampling = false;
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        let ticks = watch::Sender::new(None);
        Self { audience: Mutex::default(), changed: Condvar::new(), ticks }
    }
}

impl Feed {
    /// Takes one more page, which may look at a model; starts the sampler if it is the first one.
    ///
    /// # Errors
    ///
    /// See [`JoinError`].
    pub(crate) fn join(
        self: &Arc<Self>,
        state: &Arc<State>,
        model: Option<ModelKey>,
    ) -> Result<Viewer, JoinError> {
        let mut audience = self.audience.lock();
        if audience.viewers == VIEWERS_MAX {
            return Err(JoinError::Full);
        }
        if !audience.is_sampling {
            self.start(state).map_err(JoinError::Thread)?;
            audience.is_sampling = true;
        }
        audience.viewers += 1;
        audience.is_waiting = true;
        if let Some(model) = model.clone() {
            *audience.watched.entry(model).or_default() += 1;
        }
        self.changed.notify_all();
        drop(audience);
        Ok(Viewer::new(Arc::clone(self), self.ticks.subscribe(), state, model))
    }

    /// A page was closed.
    pub(super) fn leave(&self, model: Option<&ModelKey>) {
        let mut audience = self.audience.lock();
        audience.viewers -= 1;
        if let Some(model) = model
            && let Some(count) = audience.watched.get_mut(model)
        {
            *count -= 1;
            if *count == 0 {
                audience.watched.remove(model);
            }
        }
        self.changed.notify_all();
    }

    fn start(self: &Arc<Self>, state: &Arc<State>) -> io::Result<()> {
        let feed = Arc::clone(self);
        let sampler = Sampler::new(Arc::clone(state));
        let thread = thread::Builder::new().name("hone-dashboard".into());
        thread.spawn(move || feed.sample(sampler)).map(drop)
    }

    /// Looks again and again until nobody is there.
    fn sample(&self, mut sampler: Sampler) {
        let _running = Running(self);
        let mut last = Timestamp::default();
        while let Some(watched) = self.until_next(last) {
            last = Clock::now();
            self.ticks.send_replace(Some(Arc::new(sampler.look(last, &watched))));
        }
    }

    /// Waits for the time of the next look and returns the models whose details are wanted then;
    /// `None` if nobody is there any more.
    fn until_next(&self, last: Timestamp) -> Option<Vec<ModelKey>> {
        let mut audience = self.audience.lock();
        loop {
            if audience.viewers == 0 {
                audience.is_sampling = false;
                self.ticks.send_replace(None);
                return None;
            }
            let interval = if audience.is_waiting { INTERVAL_MIN } else { INTERVAL };
            let is_first = last == Timestamp::default();
            let left = (last + interval).since(Clock::now());
            if is_first || left.is_zero() {
                audience.is_waiting = false;
                return Some(audience.watched.keys().cloned().collect());
            }
            self.changed.wait_for(&mut audience, left);
        }
    }
}
