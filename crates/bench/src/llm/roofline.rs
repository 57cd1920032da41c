//! What this machine could do at most: what speeds are held against.

use std::{fs, num::NonZeroUsize, path::Path, time::Duration};

use kernels::{MemoryLevel, Roofline};
use serde::Serialize;

/// Weights of SmolLM2-135M that every token is multiplied with: layers, and the vocabulary's, of which
/// only tokens that are sampled need a product.
const LAYER_WEIGHTS: f64 =
    30.0 * (2.0 * 576.0 * 576.0 + 2.0 * 576.0 * 192.0 + 3.0 * 576.0 * 1536.0);
const HEAD_WEIGHTS: f64 = 49_152.0 * 576.0;

/// How long the machine is measured.
const BUDGET: Duration = Duration::from_secs(3);

/// The machine's limits and the sizes of the models.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Limits {
    /// Operations on bytes per second, all cores.
    pub(super) int8: f64,
    /// The same of 32-bit floats.
    pub(super) f32: f64,
    /// The instruction set of the byte loop.
    pub(super) isa: &'static str,
    /// Bytes per second from memory, all cores.
    pub(super) memory: f64,
    /// Sizes of the files, of which a step of one sequence reads every byte.
    pub(super) model_bytes: Option<f64>,
    pub(super) billion_bytes: Option<f64>,
}

impl Limits {
    /// Measures the machine; it should do nothing else meanwhile.
    pub(super) fn measure(threads: NonZeroUsize, model: &Path, billion: &Path) -> Self {
        let roofline = Roofline::measure(threads, BUDGET);
        let memory = roofline.bandwidth.iter().find(|level| level.level == MemoryLevel::Dram);
        Self {
            int8: roofline.int8.all_cores,
            f32: roofline.f32.all_cores,
            isa: roofline.int8.isa,
            memory: memory.map_or(0.0, |memory| memory.all_cores),
            model_bytes: size(model),
            billion_bytes: size(billion),
        }
    }

    /// Percentage of the memory's bandwidth that so many steps per second need, each reading `bytes`.
    pub(super) fn share_of_memory(&self, steps: f64, bytes: f64) -> Option<f64> {
        (self.memory > 0.0).then(|| steps * bytes / self.memory * 100.0)
    }

    /// Percentage of the byte operations that prompts at this rate need.
    pub(super) fn share_of_prefill(&self, tokens_per_second: f64) -> Option<f64> {
        self.share_of_int8(2.0 * LAYER_WEIGHTS * tokens_per_second)
    }

    /// Percentage of the byte operations that sampled tokens at this rate need.
    pub(super) fn share_of_decode(&self, tokens_per_second: f64) -> Option<f64> {
        self.share_of_int8(2.0 * (LAYER_WEIGHTS + HEAD_WEIGHTS) * tokens_per_second)
    }

    fn share_of_int8(&self, operations: f64) -> Option<f64> {
        (self.int8 > 0.0).then(|| operations / self.int8 * 100.0)
    }
}

fn size(path: &Path) -> Option<f64> {
    Some(fs::metadata(path).ok()?.len() as f64)
}

#[cfg(test)]
mod tests;
