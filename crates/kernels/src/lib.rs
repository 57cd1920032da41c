//! Code that is written for one instruction set, behind safe doors. The only crate with SIMD.

mod clock;
mod float16;
mod isa;
mod linear;
mod roofline;
mod stored;
mod threads;

pub use linear::{
    ActivationKind, ActivationRow, Activations, Int8RowMut, Output, PackError, Precision, Weights,
};
pub use roofline::{Bandwidth, MemoryLevel, Peak, Roofline};
pub use stored::{BLOCK, Int4Block, Int8Block, Stored, StoredError, StoredFormat};
pub use threads::{ColumnTile, ColumnTiles, Portions, RowPortions, Threads, ThreadsOptions};
