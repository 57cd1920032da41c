//! Loops that do nothing but read.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use std::fmt;

use super::{MemoryLevel, cache::CacheSizes};
#[cfg(target_arch = "x86_64")]
use crate::isa::{Avx2, Avx512};

/// Memory must be read from beyond every cache, but not for ever.
const DRAM_BYTES: std::ops::RangeInclusive<usize> = 64 << 20..=256 << 20;

/// A line of a cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Line([u64; 8]);

impl Line {
    /// Memory with something in it: untouched pages would all be one page of zeros.
    pub(super) fn fill(lines: usize) -> Vec<Self> {
        (0..lines as u64).map(|index| Self([index; 8])).collect()
    }
}

/// Reads lines and returns the exclusive or of their words, which [`scalar`] defines.
pub(super) struct Reader {
    isa: &'static str,
    pub(super) read: Read,
}

type Read = Box<dyn Fn(&[Line]) -> u64 + Send + Sync>;

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({})", self.isa)
    }
}

impl Reader {
    /// The widest one.
    pub(super) fn best() -> Self {
        Self::all().swap_remove(0)
    }

    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx512::detect().map(avx512::reader));
            all.extend(Avx2::detect().map(avx2::reader));
        }
        all.extend([scalar::reader()]);
        all
    }
}

/// A level of memory and how much is read to measure it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) level: MemoryLevel,
    /// Of the level itself, or of what is read if that is memory.
    pub(super) bytes: usize,
    /// Lines that fit it with room for other things.
    lines: usize,
    /// Whether every thread has one of its own.
    own: bool,
    /// Lines that have to be there.
    pub(super) lines_in_all: usize,
}

impl Level {
    /// Lines that each of so many threads reads.
    pub(super) fn lines_per_thread(&self, threads: usize) -> usize {
        if self.own {
            // All threads may read more than there is room for only where there are very many.
            return self.lines.min(self.lines_in_all / threads).max(1);
        }
        (self.lines / threads).max(1)
    }
}

/// What to read, nearest first.
pub(super) fn plan(caches: &CacheSizes) -> Vec<Level> {
    let dram = (caches.l3.unwrap_or(caches.l2) * 4).clamp(*DRAM_BYTES.start(), *DRAM_BYTES.end());
    let lines_in_all = dram / size_of::<Line>();
    let half = |level, bytes: usize, own| Level {
        level,
        bytes,
        lines: (bytes / 2 / size_of::<Line>()).min(lines_in_all),
        own,
        lines_in_all,
    };
    let mut levels =
        vec![half(MemoryLevel::L1, caches.l1, true), half(MemoryLevel::L2, caches.l2, true)];
    levels.extend(caches.l3.map(|bytes| half(MemoryLevel::L3, bytes, false)));
    let level = MemoryLevel::Dram;
    levels.push(Level { level, bytes: dram, lines: lines_in_all, own: false, lines_in_all });
    levels
}

#[cfg(test)]
mod tests;
