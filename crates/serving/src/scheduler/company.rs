//! Whether requests of one model tend to come in together, on the threads that bring them.

/// A request that seems to be alone looks around all the same once in so many times.
const PROBE_EVERY: u32 = 16;

/// What `mean_requests` counts in.
const ONE: usize = 16;

/// Learns from the requests that were there when one had let the others come in first.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// Decaying mean of the requests that were there, in sixteenths.
    mean_requests: usize,
    asked: u32,
}

impl Company {
    /// Whether the next request should let others come in before it runs.
    pub(super) fn is_worth_waiting_for(&mut self) -> bool {
        self.asked = self.asked.wrapping_add(1);
        self.mean_requests > ONE + ONE / 4 || self.asked.is_multiple_of(PROBE_EVERY)
    }

    /// So many requests were there after waiting, the one that waited among them.
    pub(super) fn note(&mut self, requests: usize) {
        // A crowd is learnt at once, solitude slowly.
        self.mean_requests =
            (requests * ONE).max(self.mean_requests - self.mean_requests / 4).min(64 * ONE);
    }
}

#[cfg(test)]
mod tests {
    use super::{Company, PROBE_EVERY};

    fn waits(company: &mut Company) -> usize {
        (0..PROBE_EVERY).filter(|_| company.is_worth_waiting_for()).count()
    }

    #[test]
    fn a_lone_request_hardly_ever_waits() {
        let mut company = Company::default();
        assert_eq!(waits(&mut company), 1);
        company.note(1);
        assert_eq!(waits(&mut company), 1);
    }

    #[test]
    fn a_crowd_is_waited_for_until_it_has_gone() {
        let mut company = Company::default();
        company.note(4);
        assert_eq!(waits(&mut company), 16);
        (0..5).for_each(|_| company.note(1));
        assert_eq!(waits(&mut company), 1);
    }
}
