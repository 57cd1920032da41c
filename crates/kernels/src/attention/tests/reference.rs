//! The definition: softmax of scaled products, times the values.

use crate::{
    attention::{AttentionBatch, AttentionSpan},
    kv::{BLOCK_TOKENS, KvCache, KvSlot},
};

/// Rows `[heads * head_dim]` of one span, computed with 64 bits from what the cache holds.
pub(super) fn attend(
    cache: &KvCache,
    layer: usize,
    batch: &AttentionBatch<'_>,
    span: &AttentionSpan<'_>,
) -> Vec<Vec<f64>> {
    let (shape, group) = (cache.shape(), batch.heads / cache.shape().kv_heads);
    let mut rows = vec![Vec::new(); span.rows];
    for head in 0..batch.heads {
        let first = span.seen(0).start / BLOCK_TOKENS * BLOCK_TOKENS;
        let tokens: Vec<_> = (first..span.context)
            .map(|token| {
                let block = span.blocks[token / BLOCK_TOKENS];
                let offset = u32::try_from(token % BLOCK_TOKENS).unwrap();
                let slot = KvSlot { block, offset };
                cache.read(layer, slot, head / group)
            })
            .collect();
        for (row, out) in rows.iter_mut().enumerate() {
            let columns = head * shape.head_dim..(head + 1) * shape.head_dim;
            let query = batch.queries.row(span.first_row + row, columns);
            let seen = span.seen(row);
            out.extend(row_of(batch, query, &tokens[seen.start - first..seen.end - first]));
        }
    }
    rows
}

fn row_of(batch: &AttentionBatch<'_>, query: &[f32], tokens: &[(Vec<f32>, Vec<f32>)]) -> Vec<f64> {
    let score = |key: &[f32]| {
        let dot: f64 = query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
        let score = dot * f64::from(batch.scale);
        batch.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh())
    };
    let scores: Vec<f64> = tokens.iter().map(|(key, _)| score(key)).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut out = vec![0.0; query.len()];
    for (weight, (_, value)) in weights.iter().zip(tokens) {
        for (out, value) in out.iter_mut().zip(value) {
            *out += weight / sum * f64::from(*value);
        }
    }
    out
}
