//! The ways to multiply a panel, and the choice among them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod check;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
mod unpacked;

use std::sync::OnceLock;

use super::{
    activations::{TILE, TileRows},
    panels::{PANEL, Panel},
};
#[cfg(target_arch = "x86_64")]
use crate::isa::{Avx2, Avx512Vnni};
#[cfg(target_arch = "aarch64")]
use crate::isa::{NeonDotProd, NeonI8mm};

pub(super) use unpacked::Scratch;

/// For a row of activations, its products with the rows of a panel.
pub(super) type Sums = [f32; PANEL];
/// For a tile of them.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct TileSums(pub(super) [Sums; TILE]);

impl TileSums {
    pub(super) const ZERO: Self = Self([[0.0; PANEL]; TILE]);
}

/// Code for one instruction set. All give the same bits: the sum over a block is an exact integer,
/// and [`scalar`] defines the order of what is done with floats.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    #[cfg(target_arch = "aarch64")]
    NeonDotProd(NeonDotProd),
    #[cfg(target_arch = "aarch64")]
    NeonI8mm(NeonI8mm),
}

impl Kernel {
    /// The fastest here, of those that give the bits of the definition: not every instruction set
    /// was at hand when its code was written.
    pub(super) fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        let sound = || Self::all().into_iter().find(|kernel| check::agrees(*kernel));
        *BEST.get_or_init(|| sound().unwrap_or(Self::Scalar))
    }

    /// Every one that this CPU can run, the fastest first.
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx512Vnni::detect().map(Self::Avx512Vnni));
            all.extend(Avx2::detect().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        {
            all.extend(NeonI8mm::detect().map(Self::NeonI8mm));
            all.extend(NeonDotProd::detect().map(Self::NeonDotProd));
        }
        all.push(Self::Scalar);
        all
    }

    /// Whether products of bytes with bytes are faster with activations in 16 bits.
    pub(super) fn wants_wide(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => true,
            _ => false,
        }
    }

    /// Adds the products of the panel and `rows` to `sums`, block by block, in units of the rows'
    /// scales.
    pub(super) fn accumulate(
        self,
        panel: Panel<'_>,
        rows: TileRows<'_>,
        scratch: &mut Scratch,
        sums: &mut [TileSums],
    ) {
        debug_assert_eq!(rows.tiles.len(), sums.len() * panel.blocks(), "equal columns");
        debug_assert_eq!(rows.rows.div_ceil(TILE), sums.len(), "sums for each row");
        match self {
            Self::Scalar => scalar::accumulate(panel, rows, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(isa) => avx2::accumulate(isa, panel, rows, scratch, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(isa) => avx512::accumulate(isa, panel, rows.tiles, sums),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDotProd(isa) => neon::dot_products(isa, panel, rows, scratch, sums),
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm(isa) => neon::matrices(isa, panel, rows, scratch, sums),
        }
    }
}
