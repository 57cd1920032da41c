use kernels::{AttentionSpan, KvSlot};

/// The rows of one step: pieces of sequences, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    /// `[rows]`.
    pub(crate) tokens: &'a [u32],
    /// Position of each row in its sequence, `[rows]`.
    pub(crate) positions: &'a [u32],
    /// Where each row's keys and values go, `[rows]`.
    pub(crate) slots: &'a [KvSlot],
    /// Which rows belong together, and what they look back on.
    pub(crate) spans: &'a [AttentionSpan<'a>],
    /// The same for layers that look back a window only.
    pub(crate) local_spans: &'a [AttentionSpan<'a>],
    /// Rows whose results are wanted, ascending.
    pub(crate) wanted: &'a [u32],
}
