//! From sums over sampled requests to where a request's time goes.

use loadgen::{Stage, StageSums};

use crate::StageTime;

/// Stages as people call them, in the order in which they pass.
const LABELS: [(Stage, &str); 11] = [
    (Stage::ClientWait, "wait in the client"),
    (Stage::ClientSend, "send (client)"),
    (Stage::Network, "network, to and fro"),
    (Stage::Decode, "receive and decode"),
    (Stage::Queue, "queue, batch formation"),
    (Stage::ComputeInput, "gather inputs"),
    (Stage::ComputeInfer, "compute"),
    (Stage::ComputeOutput, "split outputs"),
    (Stage::ServerOther, "hand over to the front end"),
    (Stage::Encode, "encode"),
    (Stage::ClientReceive, "receive (client)"),
];

/// Where the time of the sampled requests went, on average.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Account {
    pub(crate) samples: u64,
    pub(crate) mean_ms: f64,
    pub(crate) stages: Vec<StageTime>,
    pub(crate) unexplained_ms: f64,
    pub(crate) explained: f64,
    /// Rows per batch, mean over requests.
    pub(crate) batch_rows: f64,
    /// Time that an instance spent on a request, in milliseconds, shared with its batch.
    pub(crate) instance_ms: f64,
}

/// Makes the account. Between client and server there is what the stamps of neither cover. As much of
/// it is network as a request needs that has nothing to decode, to queue for or to compute,
/// `bare_exchange_ms`, which was measured beside the load; the rest is unexplained.
pub(crate) fn account(sums: &StageSums, request_rows: usize, bare_exchange_ms: f64) -> Account {
    if sums.samples == 0 {
        return Account::default();
    }
    let mean = |stage: Stage| {
        let place = Stage::ALL.iter().position(|own| *own == stage).unwrap_or_default();
        sums.stages[place].as_secs_f64() * 1e3 / sums.samples as f64
    };
    let total: f64 = Stage::ALL.iter().map(|stage| mean(*stage)).sum();
    let outside = mean(Stage::Network);
    let network = outside.min(bare_exchange_ms);
    let unexplained_ms = outside - network;
    let time = |(stage, label): &(Stage, &'static str)| {
        let ms = if *stage == Stage::Network { network } else { mean(*stage) };
        StageTime { name: stage.name(), label, ms, share: ms / total.max(f64::MIN_POSITIVE) }
    };
    // A closed loop has no such wait.
    let is_shown = |(stage, _): &&(Stage, &str)| *stage != Stage::ClientWait || mean(*stage) > 0.0;
    let batch_rows = batch_rows(sums).unwrap_or(request_rows as f64);
    let requests_per_batch = (batch_rows / request_rows.max(1) as f64).max(1.0);
    let instance = [Stage::ComputeInput, Stage::ComputeInfer, Stage::ComputeOutput];
    Account {
        samples: sums.samples,
        mean_ms: total,
        stages: LABELS.iter().filter(is_shown).map(time).collect(),
        unexplained_ms,
        explained: 1.0 - unexplained_ms / total.max(f64::MIN_POSITIVE),
        batch_rows,
        instance_ms: instance.into_iter().map(mean).sum::<f64>() / requests_per_batch,
    }
}

/// Mean over batches, from counts over requests: a batch of four was counted four times.
fn batch_rows(sums: &StageSums) -> Option<f64> {
    let requests: u64 = sums.batch_rows.values().sum();
    let batches: f64 =
        sums.batch_rows.iter().map(|(rows, count)| *count as f64 / (*rows).max(1) as f64).sum();
    (batches > 0.0).then(|| requests as f64 / batches)
}

#[cfg(test)]
mod tests;
