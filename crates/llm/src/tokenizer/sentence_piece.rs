//! SentencePiece vocabularies as merges.
//!
//! SentencePiece joins the two neighbours whose union has the best score. The library joins by a list of
//! pairs in order; the same comes out if the list has every pair that makes a token, best scores first.

use std::collections::HashMap;

/// A pair that becomes a token.
pub(super) type Merge = (String, String);

/// Pairs of `tokens` that make a token, best first. `mergeable` says which take part.
pub(super) fn merges(tokens: &[&str], scores: &[f32], mergeable: &[bool]) -> Vec<Merge> {
    let ids: HashMap<&str, usize> = tokens
        .iter()
        .enumerate()
        .filter(|(id, _)| mergeable[*id])
        .map(|(id, token)| (*token, id))
        .collect();
    let mut found = Vec::new();
    for (id, token) in tokens.iter().enumerate().filter(|(id, _)| mergeable[*id]) {
        // Pairs of one token come in the order of their parts, as in the library's conversion.
        let first = found.len();
        for (cut, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(cut);
            if let (Some(left), Some(right)) = (ids.get(left), ids.get(right)) {
                found.push((id, *left, *right));
            }
        }
        found[first..].sort_unstable_by_key(|(_, left, right)| (*left, *right));
    }
    found.sort_by(|a, b| scores[b.0].total_cmp(&scores[a.0]));
    let text = |id: usize| tokens[id].to_owned();
    found.into_iter().map(|(_, left, right)| (text(left), text(right))).collect()
}
