//! What was measured.

use serde::{Deserialize, Serialize};

/// One measured window.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Sample {
    /// Requests answered within the window.
    pub(crate) requests: u64,
    /// Length of the window.
    pub(crate) seconds: f64,
    /// Throughput.
    pub(crate) requests_per_second: f64,
    /// Median latency.
    pub(crate) p50_ms: f64,
    /// Latency that one of a hundred requests exceeds.
    pub(crate) p99_ms: f64,
    /// CPU time of all of the server's processes per request, in microseconds.
    pub(crate) server_cpu_us: f64,
    /// CPU time of the client per request, in microseconds.
    pub(crate) client_cpu_us: f64,
    /// Resident memory of the server after the window.
    pub(crate) resident_mb: f64,
}

/// One server under one load, over all rounds of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    /// What was sent: `small`, `large`, `minilm`, `mlp`.
    pub(crate) payload: String,
    /// How it travelled.
    pub(crate) protocol: String,
    /// Connections, or for an open loop the most that were open.
    pub(crate) connections: usize,
    /// Which server.
    pub(crate) server: String,
    /// One per round, in time order.
    pub(crate) rounds: Vec<Sample>,
    /// Why there are no figures.
    pub(crate) failure: Option<String>,
}

impl Cell {
    /// Median of a figure over the rounds.
    pub(crate) fn median(&self, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(self.rounds.iter().map(figure).collect())
    }

    /// Median over the rounds of a figure's ratio to that of `base` in the same round.
    pub(crate) fn ratio(&self, base: &Self, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        let pairs = self.rounds.iter().zip(&base.rounds);
        median(pairs.map(|(own, base)| figure(own) / figure(base)).collect())
    }
}

/// The middle value, or the mean of the two middle ones.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        return values.get(middle).copied();
    }
    Some(f64::midpoint(*values.get(middle.checked_sub(1)?)?, values[middle]))
}

#[cfg(test)]
mod tests;
