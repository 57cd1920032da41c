//! Code that is written for one instruction set, behind safe doors. The only crate with SIMD.

mod activation;
mod attention;
mod clock;
mod exponential;
mod float16;
mod heads;
mod isa;
mod kv;
mod linear;
mod logits;
mod norm;
mod prefetch;
mod residual;
mod roofline;
mod rotary;
mod row_values;
mod rows;
mod simd;
mod stored;
mod threads;
mod token_weights;

pub use activation::{gated_gelu, gated_silu};
pub use attention::{AttentionBatch, AttentionScratch, AttentionSpan, attend};
pub use heads::HeadRows;
pub use kv::{BLOCK_TOKENS, KvCache, KvError, KvFormat, KvShape, KvSlot};
pub use linear::{
    ActivationKind, ActivationRow, Activations, Int8RowMut, Output, PackError, Precision, Weights,
};
pub use logits::{argmax, log_sum_exp, softcap};
pub use norm::{rms_norm, rms_norm_heads};
pub use residual::add;
pub use roofline::{Bandwidth, MemoryLevel, Peak, Roofline};
pub use rotary::{Rotary, RotaryStyle};
pub use rows::Rows;
pub use stored::{BLOCK, Int4Block, Int8Block, Stored, StoredError, StoredFormat};
pub use threads::{ColumnTile, ColumnTiles, Portions, RowPortions, Threads, ThreadsOptions};
pub use token_weights::{PEAK_BLOCK, Weighing, block_peaks, sum_at_least, token_weights};
