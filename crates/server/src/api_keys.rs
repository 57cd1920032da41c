//! Who may have text generated, and how much of the machine is theirs.

use std::fmt;

use http::HeaderMap;

use crate::{
    control_guard::bearer,
    secret::{check_secret, is_same},
};

/// A key that callers send along. The key itself is never shown.
#[derive(Clone)]
pub struct ApiKey {
    key: String,
    tenant: Tenant,
}

/// Whoever has a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) weight: u32,
    pub(crate) priority: i32,
}

/// The keys of a server; without any, everybody may have text generated.
#[derive(Clone, Debug, Default)]
pub(crate) struct ApiKeys(Vec<ApiKey>);

/// Why a caller is turned away. The message says what to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyFault {
    #[error(
        "an API key is needed: send the header `Authorization: Bearer KEY` or `x-api-key: KEY`"
    )]
    Missing,
    #[error("the API key is none of this server's")]
    Wrong,
}

impl ApiKey {
    /// A key of whoever is called `name`: their share of the machine is `weight` times that of one
    /// whose weight is 1, and a lower `priority` comes first.
    ///
    /// # Errors
    ///
    /// The key is too short, or has other characters than visible ASCII; the message does not
    /// repeat it.
    pub fn new(
        key: impl Into<String>,
        name: impl Into<String>,
        weight: u32,
        priority: i32,
    ) -> Result<Self, String> {
        let key = key.into();
        check_secret(&key)?;
        Ok(Self { key, tenant: Tenant { name: name.into(), weight, priority } })
    }

    /// Whether two are the same key.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiKey").field(&self.tenant).finish()
    }
}

impl ApiKeys {
    pub(crate) fn new(keys: Vec<ApiKey>) -> Self {
        Self(keys)
    }

    /// Who sends `headers`; `None` if nobody needs a key.
    ///
    /// # Errors
    ///
    /// See [`KeyFault`].
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<Option<Tenant>, KeyFault> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let own_header = headers.get("x-api-key").map(|value| value.as_bytes());
        let given = bearer(headers).or(own_header).ok_or(KeyFault::Missing)?;
        // All are looked at, so that the time says nothing about which is nearly right.
        let mut found = None;
        for key in &self.0 {
            if is_same(key.key.as_bytes(), given) {
                found = Some(&key.tenant);
            }
        }
        found.cloned().map(Some).ok_or(KeyFault::Wrong)
    }
}

#[cfg(test)]
mod tests;
