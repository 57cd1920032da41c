//! Holds answers back until all earlier ones are out, for models that keep the order.

use std::collections::VecDeque;

use super::Answers;

/// Batches that have left the queue and are not answered, oldest first.
#[derive(Debug, Default)]
pub(super) struct Release {
    /// `None` while the batch runs.
    waiting: VecDeque<Option<Answers>>,
    /// Sequence number of the first of `waiting`.
    first: u64,
}

impl Release {
    /// Gives the batch that leaves now its place.
    pub(super) fn open(&mut self) -> u64 {
        self.waiting.push_back(None);
        self.first + self.waiting.len() as u64 - 1
    }

    /// Takes a batch's answers and returns those that may go out now, in order.
    pub(super) fn close(&mut self, sequence: u64, answers: Answers) -> Answers {
        let place = sequence.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(place) = place.and_then(|place| self.waiting.get_mut(place)) {
            *place = Some(answers);
        }
        let mut ready = Answers::new();
        while let Some(Some(answers)) = self.waiting.front_mut() {
            ready.append(answers);
            self.waiting.pop_front();
            self.first += 1;
        }
        ready
    }
}
