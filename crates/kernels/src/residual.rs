//! The sum that runs through all layers.

use crate::{
    Threads,
    simd::{self, GROUP, Kernel, Simd},
    threads::{RowPortions, worth_sharing},
};

/// Values that a thread adds before it asks for more.
const PIECE: usize = 4096;

/// Each value of `sums` grows by that of `terms`.
///
/// # Panics
///
/// If there are not as many of them.
pub fn add(sums: &mut [f32], terms: &[f32], threads: &Threads) {
    assert_eq!(sums.len(), terms.len(), "as many terms as sums");
    let shared = worth_sharing(sums.len());
    let portions = RowPortions::new(sums, 1, PIECE);
    let work = |_| {
        while let Some((first, sums)) = portions.next() {
            let terms = &terms[first..][..sums.len()];
            simd::run(Add { sums, terms });
        }
    };
    if shared { threads.run(&work) } else { work(0) }
}

struct Add<'a> {
    sums: &'a mut [f32],
    terms: &'a [f32],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for start in (0..self.sums.len()).step_by(GROUP) {
            let end = self.sums.len().min(start + GROUP);
            let sum = simd.load_part(&self.sums[start..end], 0.0);
            let term = simd.load_part(&self.terms[start..end], 0.0);
            simd.store_part(simd.add(sum, term), &mut self.sums[start..end]);
        }
    }
}

#[cfg(test)]
mod tests;
