//! A few rows by a few panels, with all sums in registers.

use super::{Element, PANEL};
use crate::simd::Simd;

/// `HEIGHT` rows of activations and `WIDTH` panels of weights for the same columns.
pub(super) struct Tile<'a, E: Element, const HEIGHT: usize, const WIDTH: usize> {
    pub(super) weights: [&'a [E::Step]; WIDTH],
    pub(super) x: [&'a [E::Inputs]; HEIGHT],
}

impl<E: Element, const HEIGHT: usize, const WIDTH: usize> Tile<'_, E, HEIGHT, WIDTH> {
    /// Adds to `sums`, of which there may be fewer rows.
    #[inline(always)]
    pub(super) fn accumulate<S: Simd>(self, simd: S, sums: &mut [[[f32; PANEL]; WIDTH]]) {
        let mut registers = [[simd.splat(0.0); WIDTH]; HEIGHT];
        for (registers, sums) in registers.iter_mut().zip(&*sums) {
            for (register, sum) in registers.iter_mut().zip(sums) {
                *register = simd.load(sum);
            }
        }
        self.multiply(simd, &mut registers);
        for (registers, sums) in registers.iter().zip(sums) {
            for (register, sum) in registers.iter().zip(sums) {
                simd.store(*register, sum);
            }
        }
    }

    #[inline(always)]
    fn multiply<S: Simd>(self, simd: S, sums: &mut [[S::Floats; WIDTH]; HEIGHT]) {
        let Self { mut weights, mut x } = self;
        let steps = weights[0].len();
        // Known to be of one length, none has to be checked within the loop.
        for weights in &mut weights {
            *weights = &weights[..steps];
        }
        for x in &mut x {
            *x = &x[..steps];
        }
        for step in 0..steps {
            for column in 0..E::COLUMNS {
                for (panel, weights) in weights.iter().enumerate() {
                    let weights = E::weights(simd, &weights[step], column);
                    for (sums, x) in sums.iter_mut().zip(x) {
                        let x = simd.splat(x[step][column]);
                        sums[panel] = simd.mul_add(x, weights, sums[panel]);
                    }
                }
            }
        }
    }
}
