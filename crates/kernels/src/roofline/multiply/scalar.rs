//! The definition, and the loop for a CPU without any vector instructions that are known here.

use std::hint::black_box;

use super::{BYTES, FLOATS, Multiplier};

pub(super) fn f32() -> Multiplier<f32, f32, FLOATS> {
    let run = |steps: usize, a: &[f32; FLOATS], b: &[f32; FLOATS]| {
        let mut sums = [0.0; FLOATS];
        for _ in 0..steps {
            // Else the products would be taken out of the loop.
            let a = black_box(a);
            for lane in 0..FLOATS {
                sums[lane] += a[lane] * b[lane];
            }
        }
        sums.into_iter().map(f64::from).sum()
    };
    Multiplier { isa: "baseline", dots_per_step: 1, run: Box::new(run) }
}

pub(super) fn int8() -> Multiplier<u8, i8, BYTES> {
    let run = |steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]| {
        let mut sums = [0; BYTES];
        for _ in 0..steps {
            let a = black_box(a);
            for lane in 0..BYTES {
                sums[lane] += i32::from(a[lane]) * i32::from(b[lane]);
            }
        }
        sums.into_iter().map(f64::from).sum()
    };
    Multiplier { isa: "baseline", dots_per_step: 1, run: Box::new(run) }
}
