//! W3C trace context (Level 1): who asked for a request, as `traceparent` and `tracestate` say.

use std::fmt;

use http::HeaderMap;

/// Longest `tracestate` that is passed on; a longer one may be dropped, says the standard.
const STATE_BYTES_MAX: usize = 512;

/// Members of a `tracestate`.
const STATE_MEMBERS_MAX: usize = 32;

/// Length of a `traceparent` of version 00.
const PARENT_LEN: usize = 55;

/// Names a trace; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId([u8; 16]);

/// Names a span within its trace; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanId([u8; 8]);

/// The caller's span, of which a request is a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// Whether the caller records the trace.
    pub(crate) is_sampled: bool,
    /// `tracestate`, empty if there is none or it is not to be passed on.
    pub(crate) state: String,
}

impl TraceId {
    pub(crate) fn random() -> Self {
        Self(fastrand::u128(1..).to_be_bytes())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl SpanId {
    pub(crate) fn random() -> Self {
        Self(fastrand::u64(1..).to_be_bytes())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Parent {
    /// Reads a request's headers. What is malformed is as good as absent: a trace then begins here.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all("traceparent").iter();
        let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
        let (trace_id, span_id, is_sampled) = parse(parent.as_bytes())?;
        Some(Self { trace_id, span_id, is_sampled, state: state(headers).unwrap_or_default() })
    }
}

/// Takes `00-<trace id>-<span id>-<flags>` apart. Of later versions what this one knows is read.
fn parse(text: &[u8]) -> Option<(TraceId, SpanId, bool)> {
    let text = text.trim_ascii();
    let [version] = hex(text.get(..2)?)?;
    let is_long = text.len() > PARENT_LEN;
    if version == 0xff || (is_long && (version == 0 || text[PARENT_LEN] != b'-')) {
        return None;
    }
    let dashes = [2, 35, 52].iter().all(|at| text.get(*at) == Some(&b'-'));
    let trace_id: [u8; 16] = hex(text.get(3..35)?)?;
    let span_id: [u8; 8] = hex(text.get(36..52)?)?;
    let [flags] = hex(text.get(53..PARENT_LEN)?)?;
    let is_good = dashes && trace_id != [0; 16] && span_id != [0; 8];
    is_good.then_some((TraceId(trace_id), SpanId(span_id), flags & 1 == 1))
}

/// Lower-case hexadecimal digits, two for each byte.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// All `tracestate` headers as one, if it is a list of `key=value`.
fn state(headers: &HeaderMap) -> Option<String> {
    let mut members = Vec::new();
    for value in headers.get_all("tracestate") {
        let value = value.to_str().ok()?;
        members.extend(value.split(',').map(str::trim).filter(|member| !member.is_empty()));
    }
    let are_good = members.iter().all(|member| is_member(member));
    let state = members.join(",");
    let fits = state.len() <= STATE_BYTES_MAX && members.len() <= STATE_MEMBERS_MAX;
    (are_good && fits).then_some(state)
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let is_key =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let is_value = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'=';
    !key.is_empty() && key.bytes().all(is_key) && !value.is_empty() && value.bytes().all(is_value)
}

#[cfg(test)]
mod tests;
