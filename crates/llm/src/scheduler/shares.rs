use smallvec::SmallVec;

#[cfg(test)]
mod tests;

/// A prompt that is not computed yet, or not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    /// Lower values first.
    pub(super) priority: i32,
    /// Tokens to compute.
    pub(super) tokens: usize,
}

/// Divides the rows of a step between prompts, given in order of service.
///
/// Each takes what it needs of what is left, but leaves half of that if a shorter one of the same
/// priority comes later: a short prompt behind a long one starts soon, equal ones are served one
/// after the other, and the first one always gets on.
pub(super) fn divide(budget: usize, demands: &[Demand]) -> SmallVec<[usize; 8]> {
    let mut left = budget;
    let mut shares: SmallVec<[usize; 8]> = SmallVec::new();
    for (index, demand) in demands.iter().enumerate() {
        let yields = demands[index + 1..]
            .iter()
            .any(|later| later.priority == demand.priority && later.tokens < demand.tokens);
        let share = demand.tokens.min(if yields { left.div_ceil(2) } else { left });
        left -= share;
        shares.push(share);
    }
    for (share, demand) in shares.iter_mut().zip(demands) {
        let more = left.min(demand.tokens - *share);
        left -= more;
        *share += more;
    }
    shares
}
