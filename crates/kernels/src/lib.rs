//! Code that is written for one instruction set, behind safe doors. The only crate with SIMD.

mod attention;
mod clock;
mod exp;
mod float16;
mod isa;
mod kv;
mod linear;
mod roofline;
mod rows;
mod stored;
mod threads;
mod vectors;

pub use attention::{AttentionBatch, AttentionScratch, AttentionSpan, attend};
pub use kv::{BLOCK_TOKENS, KvCache, KvError, KvFormat, KvShape, KvSlot};
pub use linear::{
    ActivationKind, ActivationRow, Activations, Int8RowMut, Output, PackError, Precision, Weights,
};
pub use roofline::{Bandwidth, MemoryLevel, Peak, Roofline};
pub use rows::Rows;
pub use stored::{BLOCK, Int4Block, Int8Block, Stored, StoredError, StoredFormat};
pub use threads::{ColumnTile, ColumnTiles, Portions, RowPortions, Threads, ThreadsOptions};
