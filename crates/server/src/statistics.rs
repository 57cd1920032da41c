//! A model's counters in the forms of the statistics API: gRPC messages and REST's JSON.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::SystemTime,
};

use protocol::grpc::{InferBatchStatistics, InferStatistics, ModelStatistics, StatisticDuration};
use serde::Serialize;
use serving::{BatchReason, DurationStat, Model, Repository, ServeError, Statistics};

/// The model versions that a name and version stand for: no name is all, no version is all of it.
///
/// # Errors
///
/// There is none.
pub(crate) fn select(
    repository: &Repository,
    name: &str,
    version: &str,
) -> Result<Vec<Arc<Model>>, ServeError> {
    if name.is_empty() {
        return Ok(repository.models());
    }
    let model = repository.model(name, version)?;
    if !version.is_empty() {
        return Ok(vec![model]);
    }
    Ok(repository.models().into_iter().filter(|model| model.name() == name).collect())
}

/// The gRPC message of one model version.
pub(crate) fn model_statistics(model: &Model) -> ModelStatistics {
    to_message(model.name(), model.version_text(), &model.statistics())
}

/// REST's document for several model versions.
pub(crate) fn to_json(models: &[Arc<Model>]) -> Vec<u8> {
    let messages: Vec<_> = models
        .iter()
        .map(|model| {
            let statistics = model.statistics();
            (to_message(model.name(), model.version_text(), &statistics), statistics)
        })
        .collect();
    document(&messages)
}

fn document(models: &[(ModelStatistics, Statistics)]) -> Vec<u8> {
    let model_stats = models.iter().map(|(message, own)| ModelJson::new(message, own)).collect();
    serde_json::to_vec(&Document { model_stats })
        .expect("names and numbers under string keys always serialise")
}

fn to_message(name: &str, version: &str, statistics: &Statistics) -> ModelStatistics {
    let batch_stats = statistics.batches.iter().map(|(rows, batch)| InferBatchStatistics {
        batch_size: *rows as u64,
        compute_input: duration(batch.compute_input),
        compute_infer: duration(batch.compute_infer),
        compute_output: duration(batch.compute_output),
    });
    ModelStatistics {
        name: name.to_owned(),
        version: version.to_owned(),
        last_inference: statistics.last_inference.map_or(0, epoch_millis),
        inference_count: statistics.inference_count,
        execution_count: statistics.execution_count,
        inference_stats: Some(InferStatistics {
            success: duration(statistics.success),
            fail: duration(statistics.fail),
            queue: duration(statistics.queue),
            compute_input: duration(statistics.compute_input),
            compute_infer: duration(statistics.compute_infer),
            compute_output: duration(statistics.compute_output),
            // There is no response cache: nothing was looked up in it.
            cache_hit: duration(DurationStat::default()),
            cache_miss: duration(DurationStat::default()),
        }),
        batch_stats: batch_stats.collect(),
        memory_usage: Vec::new(),
        response_stats: HashMap::new(),
    }
}

fn duration(stat: DurationStat) -> Option<StatisticDuration> {
    let DurationStat { count, ns } = stat;
    Some(StatisticDuration { count, ns })
}

fn epoch_millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Serialize)]
struct Document<'a> {
    model_stats: Vec<ModelJson<'a>>,
}

#[derive(Serialize)]
struct ModelJson<'a> {
    name: &'a str,
    version: &'a str,
    last_inference: u64,
    inference_count: u64,
    execution_count: u64,
    inference_stats: InferJson,
    /// Only requests with several responses have any.
    response_stats: HashMap<&'a str, ()>,
    batch_stats: Vec<BatchJson>,
    memory_usage: Vec<()>,
    /// Our own: why batches left the queue when they did.
    batch_reasons: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct InferJson {
    success: DurationJson,
    fail: DurationJson,
    queue: DurationJson,
    compute_input: DurationJson,
    compute_infer: DurationJson,
    compute_output: DurationJson,
    cache_hit: DurationJson,
    cache_miss: DurationJson,
}

#[derive(Serialize)]
struct BatchJson {
    batch_size: u64,
    compute_input: DurationJson,
    compute_infer: DurationJson,
    compute_output: DurationJson,
}

#[derive(Default, Serialize)]
struct DurationJson {
    count: u64,
    ns: u64,
}

impl<'a> ModelJson<'a> {
    fn new(message: &'a ModelStatistics, statistics: &Statistics) -> Self {
        let reasons = BatchReason::ALL.iter().zip(statistics.batch_reasons);
        Self {
            name: &message.name,
            version: &message.version,
            last_inference: message.last_inference,
            inference_count: message.inference_count,
            execution_count: message.execution_count,
            inference_stats: InferJson::new(&message.inference_stats.unwrap_or_default()),
            response_stats: HashMap::new(),
            batch_stats: message.batch_stats.iter().map(BatchJson::new).collect(),
            memory_usage: Vec::new(),
            batch_reasons: reasons.map(|(reason, count)| (reason.name(), count)).collect(),
        }
    }
}

impl InferJson {
    fn new(stats: &InferStatistics) -> Self {
        Self {
            success: stats.success.into(),
            fail: stats.fail.into(),
            queue: stats.queue.into(),
            compute_input: stats.compute_input.into(),
            compute_infer: stats.compute_infer.into(),
            compute_output: stats.compute_output.into(),
            cache_hit: stats.cache_hit.into(),
            cache_miss: stats.cache_miss.into(),
        }
    }
}

impl BatchJson {
    fn new(stats: &InferBatchStatistics) -> Self {
        Self {
            batch_size: stats.batch_size,
            compute_input: stats.compute_input.into(),
            compute_infer: stats.compute_infer.into(),
            compute_output: stats.compute_output.into(),
        }
    }
}

impl From<Option<StatisticDuration>> for DurationJson {
    fn from(stat: Option<StatisticDuration>) -> Self {
        stat.map_or_else(Self::default, |StatisticDuration { count, ns }| Self { count, ns })
    }
}

#[cfg(test)]
mod tests;
