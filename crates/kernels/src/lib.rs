//! Code that is written for one instruction set, behind safe doors. The only crate with SIMD.

mod clock;
mod isa;
mod roofline;

pub use roofline::{Bandwidth, MemoryLevel, Peak, Roofline};
