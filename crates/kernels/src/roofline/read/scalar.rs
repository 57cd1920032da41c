//! The definition.

use super::{Line, Reader};

pub(super) fn reader() -> Reader {
    Reader { isa: "baseline", read: Box::new(xor) }
}

/// The exclusive or of all words. One sum per word of a line, so that no sum waits for another.
pub(super) fn xor(lines: &[Line]) -> u64 {
    let mut sums = [0; 8];
    for line in lines {
        for (sum, word) in sums.iter_mut().zip(line.0) {
            *sum ^= word;
        }
    }
    sums.into_iter().fold(0, |all, sum| all ^ sum)
}
