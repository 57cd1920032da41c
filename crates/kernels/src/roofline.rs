//! What this machine can do at most, measured: multiplications per second by element type, and
//! bytes per second by where they lie.

mod cache;
mod multiply;
mod rate;
mod read;

use std::{num::NonZeroUsize, time::Duration};

use cache::CacheSizes;
use multiply::Multiplier;
use rate::Slice;
use read::{Line, Reader};

/// The bounds of what a program can reach here, as small loops reached them.
#[derive(Clone, Debug)]
pub struct Roofline {
    /// Threads of every figure called `all_cores`.
    pub threads: NonZeroUsize,
    /// Multiplications and additions of 32-bit floats.
    pub f32: Peak,
    /// The same of `bfloat16` with 32-bit sums; `None` where the CPU has no instruction for it.
    pub bf16: Option<Peak>,
    /// The same of bytes (unsigned by signed) with 32-bit sums.
    pub int8: Peak,
    /// How fast memory is read, nearest first.
    pub bandwidth: Vec<Bandwidth>,
    /// Whether the system does not say how large the caches are, so that they were assumed.
    pub caches_assumed: bool,
}

/// Operations per second; a multiplication with its addition counts as two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Instruction set of the loop.
    pub isa: &'static str,
    /// Operations per second by one thread while the other cores are left alone.
    pub one_core: f64,
    /// Operations per second by all threads together.
    pub all_cores: f64,
}

/// Bytes per second that are read from one level of memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bandwidth {
    /// The level.
    pub level: MemoryLevel,
    /// Size of the level in bytes as the system states it; of memory, what was read.
    pub level_bytes: usize,
    /// Bytes per second by one thread.
    pub one_core: f64,
    /// Bytes per second by all threads together.
    pub all_cores: f64,
}

/// Where data lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryLevel {
    /// First-level data cache of a core.
    L1,
    /// Second-level cache, of a core or a few.
    L2,
    /// Cache that cores share.
    L3,
    /// Memory proper.
    Dram,
}

impl MemoryLevel {
    /// Name as people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
            Self::Dram => "memory",
        }
    }
}

impl Roofline {
    /// Measures with one thread and with `threads` threads; takes about `budget` on a machine that
    /// does nothing else, and as long again to touch the memory that is read.
    ///
    /// Every figure is the best of several repetitions of a few milliseconds: what disturbs a
    /// repetition only makes it slower.
    #[must_use]
    pub fn measure(threads: NonZeroUsize, budget: Duration) -> Self {
        let caches = CacheSizes::of_this_machine();
        let bf16 = multiply::bf16();
        let plan = read::plan(&caches);
        let figures = 2 + usize::from(bf16.is_some()) + plan.len();
        let share = u32::try_from(2 * figures).unwrap_or(u32::MAX);
        let slice = Slice { threads: threads.get(), budget: budget / share };
        let bandwidth = bandwidths(&plan, slice);
        Self {
            threads,
            f32: peak(&multiply::f32(), slice, &[1.25; 16], &[0.5; 16]),
            bf16: bf16.map(|kernel| peak(&kernel, slice, &[0x3f80; 32], &[0x3f00; 32])),
            int8: peak(&multiply::int8(), slice, &[1; 64], &[-1; 64]),
            bandwidth,
            caches_assumed: caches.assumed,
        }
    }
}

fn peak<A: Copy + Sync, B: Copy + Sync, const N: usize>(
    kernel: &Multiplier<A, B, N>,
    slice: Slice,
    a: &[A; N],
    b: &[B; N],
) -> Peak {
    let operations = kernel.operations_per_step();
    let (one_core, all_cores) = slice.rates(|_, steps| {
        std::hint::black_box((kernel.run)(steps, a, b));
    });
    Peak { isa: kernel.isa, one_core: one_core * operations, all_cores: all_cores * operations }
}

fn bandwidths(plan: &[read::Level], slice: Slice) -> Vec<Bandwidth> {
    let reader = Reader::best();
    let lines = Line::fill(plan.iter().map(|level| level.lines_in_all).max().unwrap_or(1));
    plan.iter().map(|level| bandwidth(&reader, &lines, *level, slice)).collect()
}

/// One thread reads what it would read alone, several read parts of their own.
fn bandwidth(reader: &Reader, lines: &[Line], level: read::Level, slice: Slice) -> Bandwidth {
    let rate = |threads: usize| {
        let part = level.lines_per_thread(threads);
        let passes = |thread: usize, passes: usize| {
            let own = &lines[thread * part..][..part];
            for _ in 0..passes {
                std::hint::black_box((reader.read)(std::hint::black_box(own)));
            }
        };
        Slice { threads, ..slice }.rate(passes) * (part * size_of::<Line>()) as f64
    };
    let one_core = rate(1);
    let all_cores = if slice.threads == 1 { one_core } else { rate(slice.threads) };
    Bandwidth { level: level.level, level_bytes: level.bytes, one_core, all_cores }
}

#[cfg(test)]
mod tests;
