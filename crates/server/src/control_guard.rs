use std::fmt;

use http::{HeaderMap, header};

use crate::secret::{check_secret, is_same};

/// A secret that whoever changes the server sends along. Never shown.
#[derive(Clone)]
pub struct ControlToken(String);

/// Decides who may change the server: load and unload models, change settings. Both protocols ask here.
#[derive(Clone, Debug)]
pub(crate) struct ControlGuard(Option<ControlToken>);

/// Why a change is refused. The message says what to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Forbidden {
    /// No token was sent, or not in the expected form.
    #[error(
        "this changes the server and needs its control token: send the header `Authorization: Bearer TOKEN`"
    )]
    TokenMissing,
    /// Another token was sent.
    #[error("the control token is wrong: send the one that the server was started with")]
    TokenWrong,
    /// A page of another site has sent the request, with or without its user's knowledge.
    #[error(
        "a page of another site may not do this; with --control-token the server takes changes from \
         everybody who knows the token"
    )]
    CrossSite,
}

impl ControlToken {
    /// Takes a token that fits into a header.
    ///
    /// # Errors
    ///
    /// It is too short, or has other characters than visible ASCII; the message does not repeat it.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        check_secret(&text)?;
        Ok(Self(text))
    }

    fn matches(&self, given: &[u8]) -> bool {
        is_same(self.0.as_bytes(), given)
    }
}

impl fmt::Debug for ControlToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControlToken")
    }
}

impl ControlGuard {
    pub(crate) fn new(token: Option<ControlToken>) -> Self {
        Self(token)
    }

    /// Whether changes need a token.
    pub(crate) fn has_token(&self) -> bool {
        self.0.is_some()
    }

    /// Lets a request with `headers` change the server: with a token those who send it, without one
    /// everybody but the pages of other sites.
    ///
    /// # Errors
    ///
    /// See [`Forbidden`].
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Forbidden> {
        let Some(token) = &self.0 else {
            return if is_cross_site(headers) { Err(Forbidden::CrossSite) } else { Ok(()) };
        };
        let given = bearer(headers).ok_or(Forbidden::TokenMissing)?;
        if token.matches(given) { Ok(()) } else { Err(Forbidden::TokenWrong) }
    }
}

/// The token of `Authorization: Bearer TOKEN`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Whether a browser says that a page from elsewhere sent the request. Another port of the same host
/// is elsewhere too. Programs that are no browsers say nothing of the kind.
pub(crate) fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    !origin.zip(host).is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests;
