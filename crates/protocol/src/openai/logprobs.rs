//! Probabilities of tokens, in the forms of both completion APIs.

use crate::json_text::{push_float, push_integer, push_list, push_text};

/// JSON has no infinity: a token that cannot come gets this logarithm, as everywhere else.
const LEAST: f32 = -9999.0;

/// How probable a token was, and what else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenProbability {
    /// The token that came.
    pub token: TokenAlternative,
    /// Its place among all, from 1; 0 if nothing is known: a prompt's first token follows nothing.
    pub rank: usize,
    /// The most probable tokens, in falling order.
    pub top: Vec<TokenAlternative>,
}

/// A token and its probability.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenAlternative {
    /// The token.
    pub id: u32,
    /// What it stands for.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability.
    pub logprob: f32,
}

impl TokenProbability {
    fn is_known(&self) -> bool {
        self.rank > 0
    }
}

impl TokenAlternative {
    /// Its text; what is no whole character is replaced.
    fn text(&self, as_id: bool) -> String {
        if as_id {
            return format!("token_id:{}", self.id);
        }
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn push_chat(&self, out: &mut Vec<u8>, as_id: bool) {
        out.extend_from_slice(b"\"token\":");
        push_text(out, &self.text(as_id));
        out.extend_from_slice(b",\"logprob\":");
        push_float(out, finite(self.logprob));
        out.extend_from_slice(b",\"bytes\":[");
        push_list(out, self.bytes.iter(), |out, byte| push_integer(out, *byte));
        out.push(b']');
    }
}

fn finite(logprob: f32) -> f32 {
    if logprob.is_nan() { LEAST } else { logprob.clamp(LEAST, 0.0) }
}

/// `{"content": [{"token", "logprob", "bytes", "top_logprobs"}, ...]}`.
pub(super) fn push_chat(out: &mut Vec<u8>, probabilities: &[TokenProbability], as_ids: bool) {
    out.extend_from_slice(b"{\"content\":[");
    push_list(out, probabilities.iter(), |out, probability| {
        out.push(b'{');
        probability.token.push_chat(out, as_ids);
        out.extend_from_slice(b",\"top_logprobs\":[");
        push_list(out, probability.top.iter(), |out, alternative| {
            out.push(b'{');
            alternative.push_chat(out, as_ids);
            out.push(b'}');
        });
        out.extend_from_slice(b"]}");
    });
    out.extend_from_slice(b"],\"refusal\":null}");
}

/// `{"tokens", "token_logprobs", "top_logprobs", "text_offset"}` of tokens that begin `offset`
/// characters into the text. Returns where they end.
pub(super) fn push_completion(
    out: &mut Vec<u8>,
    probabilities: &[&TokenProbability],
    as_ids: bool,
    offset: usize,
) -> usize {
    let texts: Vec<String> = probabilities.iter().map(|one| one.token.text(as_ids)).collect();
    out.extend_from_slice(b"{\"tokens\":[");
    push_list(out, texts.iter(), |out, text| push_text(out, text));
    out.extend_from_slice(b"],\"token_logprobs\":[");
    push_list(out, probabilities.iter(), |out, one| match one.is_known() {
        true => push_float(out, finite(one.token.logprob)),
        false => out.extend_from_slice(b"null"),
    });
    out.extend_from_slice(b"],\"top_logprobs\":[");
    push_list(out, probabilities.iter(), |out, one| match one.is_known() {
        true => push_top(out, one),
        false => out.extend_from_slice(b"null"),
    });
    out.extend_from_slice(b"],\"text_offset\":[");
    let mut end = offset;
    push_list(out, probabilities.iter(), |out, one| {
        push_integer(out, end);
        end += one.token.text(false).chars().count();
    });
    out.extend_from_slice(b"]}");
    end
}

/// `{text: logprob}`: the most probable tokens, and the one that came.
fn push_top(out: &mut Vec<u8>, probability: &TokenProbability) {
    let came = &probability.token;
    let is_among = probability.top.iter().any(|alternative| alternative.id == came.id);
    let all = probability.top.iter().chain((!is_among).then_some(came));
    out.push(b'{');
    push_list(out, all, |out, alternative| {
        push_text(out, &alternative.text(false));
        out.push(b':');
        push_float(out, finite(alternative.logprob));
    });
    out.push(b'}');
}

/// vLLM's form of a prompt's: `[null, {"<token>": {"logprob", "rank", "decoded_token"}, ...}]`.
pub(super) fn push_prompt(out: &mut Vec<u8>, probabilities: &[TokenProbability]) {
    out.push(b'[');
    push_list(out, probabilities.iter(), |out, probability| {
        if !probability.is_known() {
            out.extend_from_slice(b"null");
            return;
        }
        let came = (probability.rank, &probability.token);
        let others = probability.top.iter().enumerate().map(|(place, token)| (place + 1, token));
        let others = others.filter(|(_, token)| token.id != came.1.id);
        out.push(b'{');
        push_list(out, std::iter::once(came).chain(others), push_ranked);
        out.push(b'}');
    });
    out.push(b']');
}

fn push_ranked(out: &mut Vec<u8>, (rank, token): (usize, &TokenAlternative)) {
    out.push(b'"');
    push_integer(out, token.id);
    out.extend_from_slice(b"\":{\"logprob\":");
    push_float(out, finite(token.logprob));
    out.extend_from_slice(b",\"rank\":");
    push_integer(out, rank);
    out.extend_from_slice(b",\"decoded_token\":");
    push_text(out, &token.text(false));
    out.push(b'}');
}
