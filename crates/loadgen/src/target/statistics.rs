use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::Target;
use crate::{BatchCount, Stage, StageSums};

/// A model's counters, as the V2 statistics extension gives them; sums over its versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelStatistics {
    /// Requests answered.
    pub requests: u64,
    /// Their time in the server.
    pub total: Duration,
    /// In the queue.
    pub queue: Duration,
    /// Gathering inputs.
    pub compute_input: Duration,
    /// The engine.
    pub compute_infer: Duration,
    /// Splitting outputs.
    pub compute_output: Duration,
    /// Batches by rows.
    pub batches: BTreeMap<u64, u64>,
}

impl Target {
    /// Reads a model's counters; `None` if the server has none.
    #[must_use]
    pub fn statistics(&self, model: &str) -> Option<ModelStatistics> {
        if self.is_grpc {
            return self.grpc_statistics(model).ok();
        }
        let document = self.get(&format!("/v2/models/{model}/stats")).ok()?;
        let versions = document["model_stats"].as_array()?;
        let mut sum = ModelStatistics::default();
        versions.iter().for_each(|version| sum.add(version));
        Some(sum)
    }
}

impl ModelStatistics {
    fn add(&mut self, version: &Value) {
        let inference = &version["inference_stats"];
        let time = |stage: &str| Duration::from_nanos(inference[stage]["ns"].as_u64().unwrap_or(0));
        self.requests += inference["success"]["count"].as_u64().unwrap_or(0);
        self.total += time("success");
        self.queue += time("queue");
        self.compute_input += time("compute_input");
        self.compute_infer += time("compute_infer");
        self.compute_output += time("compute_output");
        for batch in version["batch_stats"].as_array().into_iter().flatten() {
            let rows = batch["batch_size"].as_u64().unwrap_or(0);
            let runs = batch["compute_infer"]["count"].as_u64().unwrap_or(0);
            *self.batches.entry(rows).or_default() += runs;
        }
    }

    /// What happened since an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let batches = self.batches.iter().map(|(rows, runs)| {
            (*rows, runs.saturating_sub(earlier.batches.get(rows).copied().unwrap_or(0)))
        });
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            total: self.total.saturating_sub(earlier.total),
            queue: self.queue.saturating_sub(earlier.queue),
            compute_input: self.compute_input.saturating_sub(earlier.compute_input),
            compute_infer: self.compute_infer.saturating_sub(earlier.compute_infer),
            compute_output: self.compute_output.saturating_sub(earlier.compute_output),
            batches: batches.filter(|(_, runs)| *runs > 0).collect(),
        }
    }

    /// Batches by rows, for a result.
    #[must_use]
    pub fn batch_counts(&self) -> Vec<BatchCount> {
        self.batches
            .iter()
            .map(|(rows, batches)| BatchCount { rows: *rows, batches: *batches })
            .collect()
    }

    /// The stages that the counters tell, with everything between client and server as the network; for
    /// clients whose requests take `latency` on average.
    #[must_use]
    pub fn stages(&self, latency: Duration) -> StageSums {
        let mut sums = StageSums { samples: self.requests, ..StageSums::default() };
        let mut add = |stage: Stage, duration: Duration| {
            sums.stages[stage as usize] = duration;
        };
        add(Stage::Queue, self.queue);
        add(Stage::ComputeInput, self.compute_input);
        add(Stage::ComputeInfer, self.compute_infer);
        add(Stage::ComputeOutput, self.compute_output);
        let named = self.queue + self.compute_input + self.compute_infer + self.compute_output;
        add(Stage::ServerOther, self.total.saturating_sub(named));
        let requests = u32::try_from(self.requests).unwrap_or(u32::MAX);
        add(Stage::Network, (latency * requests).saturating_sub(self.total.max(named)));
        sums
    }
}

#[cfg(test)]
mod tests;
