//! What an instance's runs have in common: a switch that ends them, and when the library's memory
//! is made smaller.

use ort::session::RunOptions;
use parking_lot::Mutex;

/// After so many runs in a row that are much smaller than the largest, the memory of that one is
/// given back.
const SMALL_RUNS: u32 = 256;
/// Much smaller is less than one part in this many.
const SMALL_PART: usize = 4;
const SHRINKAGE: &str = "memory.enable_memory_arena_shrinkage";

/// Options of an instance's runs.
pub(super) struct Runs {
    usual: RunOptions,
    /// As above, and the arena gives back what it does not use.
    shrinking: Option<RunOptions>,
    sizes: Mutex<Sizes>,
}

/// Sizes of the runs since memory was last given back, in bytes of input.
#[derive(Debug, Default)]
struct Sizes {
    largest: usize,
    small_runs: u32,
}

impl Runs {
    /// Options for a model whose configuration names the devices that give memory back after every
    /// run; else those `arenas` do now and then.
    pub(super) fn new(always: Option<&str>, arenas: Option<&str>) -> Result<Self, ort::Error> {
        let mut usual = RunOptions::new()?;
        if let Some(devices) = always {
            usual.set(SHRINKAGE, devices)?;
        }
        let shrinking = match arenas.filter(|_| always.is_none()) {
            Some(devices) => {
                let mut options = RunOptions::new()?;
                options.set(SHRINKAGE, devices)?;
                Some(options)
            }
            None => None,
        };
        Ok(Self { usual, shrinking, sizes: Mutex::default() })
    }

    /// Options of the next run, which has so many bytes of input.
    pub(super) fn next(&self, input_bytes: usize) -> &RunOptions {
        match &self.shrinking {
            Some(shrinking) if self.sizes.lock().is_peak_over(input_bytes) => shrinking,
            _ => &self.usual,
        }
    }

    /// Ends the run that goes on, at the next node of its graph.
    pub(super) fn end(&self) -> Result<(), ort::Error> {
        self.usual.terminate()?;
        self.shrinking.as_ref().map_or(Ok(()), |options| options.terminate())
    }
}

impl Sizes {
    fn is_peak_over(&mut self, bytes: usize) -> bool {
        if bytes >= self.largest / SMALL_PART {
            self.largest = self.largest.max(bytes);
            self.small_runs = 0;
            return false;
        }
        self.small_runs += 1;
        if self.small_runs < SMALL_RUNS {
            return false;
        }
        *self = Self { largest: bytes, small_runs: 0 };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{SMALL_RUNS, Sizes};

    /// Numbers, from 1, of the runs after which memory is given back.
    fn shrinks(runs: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut sizes = Sizes::default();
        let runs = runs.into_iter().enumerate();
        runs.filter(|(_, bytes)| sizes.is_peak_over(*bytes)).map(|(index, _)| index + 1).collect()
    }

    #[test]
    fn memory_is_given_back_once_a_peak_is_over() {
        let small = |count: u32| std::iter::repeat_n(1, count as usize);
        assert_eq!(shrinks(small(1000)), [0; 0]);
        assert_eq!(shrinks([100].into_iter().chain(small(1000))), [1 + SMALL_RUNS as usize]);
        let again = small(SMALL_RUNS - 1).chain([100]).chain(small(SMALL_RUNS - 1));
        assert_eq!(shrinks([100].into_iter().chain(again)), [0; 0], "the peak came again in time");
        let half = std::iter::repeat_n(50, 1000);
        assert_eq!(shrinks([100].into_iter().chain(half)), [0; 0], "half is not small");
    }
}
