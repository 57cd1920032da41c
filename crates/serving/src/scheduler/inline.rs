//! How many runs may take place on the network's threads at a time: never so many that none of
//! those threads is left, whatever a run does.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Shared by all models of a repository.
#[derive(Clone, Debug)]
pub(crate) struct InlineLimit {
    running: Arc<AtomicUsize>,
    max: usize,
}

/// One run's place; given back when it is dropped.
#[derive(Debug)]
pub(super) struct InlinePermit<'a>(&'a AtomicUsize);

impl InlineLimit {
    pub(crate) fn new(max: usize) -> Self {
        Self { running: Arc::default(), max }
    }

    /// A place, if there is one.
    pub(super) fn acquire(&self) -> Option<InlinePermit<'_>> {
        let permit = InlinePermit(&self.running);
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        (before < self.max).then_some(permit)
    }
}

impl Drop for InlinePermit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::InlineLimit;

    #[test]
    fn places_are_given_back() {
        let limit = InlineLimit::new(2);
        let (first, second) = (limit.acquire(), limit.acquire());
        assert!(first.is_some() && second.is_some());
        assert!(limit.acquire().is_none());
        drop(first);
        assert!(limit.acquire().is_some());
    }
}
