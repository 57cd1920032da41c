#[cfg(test)]
mod tests;

/// Where the end of a sequence occurs earlier in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// The position after it: how the sequence went on there.
    pub(super) end: usize,
    /// Tokens in common, counted backwards from `end`.
    pub(super) length: usize,
}

/// The longest earlier occurrence of the last tokens, of equally long ones the latest. Shorter ones
/// than `min` do not count; one of `max` is not looked at further.
pub(super) fn longest_match(tokens: &[u32], min: usize, max: usize) -> Option<Match> {
    let last = *tokens.last()?;
    let mut best: Option<Match> = None;
    for end in (min..tokens.len()).rev() {
        if tokens[end - 1] != last {
            continue;
        }
        let length = common_end(&tokens[..end], tokens, max);
        if length >= best.map_or(min, |best| best.length + 1) {
            best = Some(Match { end, length });
            if length == max {
                break;
            }
        }
    }
    best
}

/// How many tokens both end with, at most `max`.
fn common_end(one: &[u32], other: &[u32], max: usize) -> usize {
    let pairs = one.iter().rev().zip(other.iter().rev()).take(max);
    pairs.take_while(|(one, other)| one == other).count()
}

/// Appends what followed position `end`. Where that reaches the end of the sequence it goes on with
/// the proposed tokens themselves, so a repetition is continued at any length.
pub(super) fn continuation(tokens: &[u32], end: usize, count: usize, proposal: &mut Vec<u32>) {
    for position in end..end + count {
        let token = match tokens.get(position) {
            Some(token) => *token,
            None => proposal[position - tokens.len()],
        };
        proposal.push(token);
    }
}
