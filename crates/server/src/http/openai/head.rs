//! What an answer is called, and who asked.

use std::time::UNIX_EPOCH;

use protocol::openai::AnswerHead;
use serving::{Clock, Model, Tenancy, Timestamp};

use crate::http::answer::Exchange;

/// Longest name that a client may give a request.
const ID_LEN_MAX: usize = 128;

impl Exchange {
    /// The head of an answer to a request that asks for the model `asked`.
    pub(super) fn head(&self, model: &Model, asked: &str) -> AnswerHead {
        let name = if asked.is_empty() { model.name() } else { asked };
        let given = self.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        let given = given.filter(|id| !id.is_empty() && id.len() <= ID_LEN_MAX);
        AnswerHead {
            id: given.map_or_else(new_id, str::to_owned),
            model: name.to_owned(),
            created: seconds(self.received),
        }
    }

    /// Who shares with whom. A key has a priority of its own, behind which a request may put itself
    /// but not before it; and what one tenant has asked, another cannot find out.
    pub(super) fn tenancy(&self, priority: i32, cache_salt: &str) -> Tenancy {
        let Some(tenant) = &self.tenant else {
            return Tenancy { priority, cache_salt: cache_salt.to_owned(), ..Tenancy::default() };
        };
        Tenancy {
            tenant: tenant.name.clone(),
            weight: tenant.weight,
            priority: tenant.priority.saturating_add(priority.max(0)),
            cache_salt: format!("{}\0{cache_salt}", tenant.name),
        }
    }
}

/// Seconds from 1970 to a time that has passed.
pub(super) fn seconds(time: Timestamp) -> u64 {
    Clock::time_of_day(time).duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A name that no other answer has.
pub(super) fn new_id() -> String {
    format!("{:024x}", fastrand::u128(..) >> 32)
}
