//! Long texts in parts.

/// Cuts `text` into parts that are little longer than `bytes`, each but the first beginning with a space
/// that stands between two ASCII words.
///
/// Every known expression that cuts texts into words starts a new one there: a space belongs to the
/// letters behind it, and never to letters or digits before it.
pub(super) fn word_parts(text: &str, bytes: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (part, behind) = rest.split_at(cut(rest.as_bytes(), bytes));
        rest = behind;
        Some(part)
    })
}

/// The first place to cut at or behind `from`, else the end.
fn cut(text: &[u8], from: usize) -> usize {
    let between = |window: &[u8]| {
        let [before, space, behind] = window else { return false };
        before.is_ascii_alphanumeric() && *space == b' ' && behind.is_ascii_alphabetic()
    };
    let tail = text.get(from.max(1) - 1..).unwrap_or_default();
    tail.windows(3).position(between).map_or(text.len(), |found| from.max(1) + found)
}
