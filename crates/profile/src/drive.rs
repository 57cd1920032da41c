//! Sends the request through the front end and takes down where its time went.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use loadgen::{
    Distribution, Endpoint, InferRequest, InputData, InputTensor, Load, MeasureError, Plan,
    Protocol, Recording, Request, Sampling, StabilityOptions, StageSums, Workload,
};
use serving::Model;

use crate::{
    LatencyFacts, LoadProfile, ProfileError,
    cores::{CoreCounts, CoreShares},
    exchange::BareExchanges,
    sample::Sample,
    serve::Served,
    stages::{self, Account},
};

/// Threads that send at the saturating load: one can be too slow for a model that takes microseconds.
const SENDERS: usize = 2;

/// A load that lasted so long without an answer is not tried for longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request and where it goes.
pub(crate) struct Drive {
    workload: Workload,
    request_rows: usize,
    instances: usize,
    cores: NonZeroUsize,
}

/// Instances that serve a model.
pub(crate) fn instances(model: &Arc<Model>) -> usize {
    let counts = model.statistics().instances;
    (counts.idle + counts.busy + counts.replacing).max(1)
}

impl Drive {
    /// Builds the request, with its tensors as binary data.
    ///
    /// # Errors
    ///
    /// The request is too large.
    pub(crate) fn new(
        served: &Served,
        sample: &Sample,
        instances: usize,
        cores: NonZeroUsize,
    ) -> Result<Self, ProfileError> {
        let workload = Workload {
            address: served.address,
            protocol: Protocol::Http,
            requests: vec![request(served, sample)?],
            conversation: None,
        };
        Ok(Self { workload, request_rows: sample.rows(), instances, cores })
    }

    /// Keeps one request per connection under way for a time, after a warm-up of a quarter of it; for
    /// longer if the model is so slow that no request ends in that time.
    ///
    /// # Errors
    ///
    /// No request is answered.
    pub(crate) fn load(
        &self,
        name: &'static str,
        connections: usize,
        mut time: Duration,
    ) -> Result<LoadProfile, ProfileError> {
        loop {
            match self.load_once(name, connections, time) {
                Err(ProfileError::Load(MeasureError::NoAnswer { .. })) if time < PATIENCE => {
                    time *= 4;
                }
                Err(ProfileError::Load(MeasureError::NothingSucceeded { message, .. })) => {
                    return Err(ProfileError::Refused(message));
                }
                outcome => return outcome,
            }
        }
    }

    fn load_once(
        &self,
        name: &'static str,
        connections: usize,
        time: Duration,
    ) -> Result<LoadProfile, ProfileError> {
        let exchanges = BareExchanges::start(self.workload.address)?;
        let before = CoreCounts::now();
        let recorded = loadgen::measure(&self.workload, &self.plan(connections, time), &mut ());
        let cores = CoreCounts::now().zip(before).map(|(now, before)| now.since(before));
        let exchange = exchanges.end();
        let (recording, exchange) = (recorded?, exchange?);
        let profile = self.profile(name, connections, &recording, exchange);
        let CoreShares { own, elsewhere } = cores.unwrap_or_default();
        Ok(LoadProfile { cores_here: own, cores_elsewhere: elsewhere, ..profile })
    }

    fn plan(&self, connections: usize, time: Duration) -> Plan {
        let senders = NonZeroUsize::new(connections.min(SENDERS)).unwrap_or(NonZeroUsize::MIN);
        let warm_up = StabilityOptions {
            window: time / 12,
            completions_min: 2,
            warm_up_max: time / 4,
            ..StabilityOptions::default()
        };
        Plan {
            duration: time * 3 / 4,
            warm_up,
            threads: senders.min(self.cores),
            explain: Sampling::Always,
            verify: Sampling::Never,
            ..Plan::new(Load::Closed { callers: connections })
        }
    }

    fn profile(
        &self,
        name: &'static str,
        connections: usize,
        recording: &Recording,
        exchange: Duration,
    ) -> LoadProfile {
        let slices = &recording.slices;
        let mut sums = StageSums::default();
        slices.iter().for_each(|slice| sums.merge(&slice.stages));
        let latency = Distribution::merged(slices.iter().map(|slice| &slice.latency));
        let seconds: f64 = slices.iter().map(|slice| slice.length.as_secs_f64()).sum();
        let completed: u64 = slices.iter().map(|slice| slice.completed).sum();
        let rate = completed as f64 / seconds.max(1e-9);
        let account = stages::account(&sums, self.request_rows, exchange.as_secs_f64() * 1e3);
        let Account { samples, stages, unexplained_ms, explained, .. } = account;
        LoadProfile {
            name,
            connections,
            requests: completed,
            failures: slices.iter().flat_map(|slice| slice.failures.values()).sum(),
            requests_per_second: rate,
            latency: latency_facts(&latency),
            samples,
            stages,
            unexplained_ms,
            explained,
            batch_rows: account.batch_rows,
            instances_busy: rate * account.instance_ms / 1e3 / self.instances as f64,
            // Known when the batch sizes are.
            cores_in_model: 0.0,
            cores_here: 0.0,
            cores_elsewhere: 0.0,
        }
    }
}

fn request(served: &Served, sample: &Sample) -> Result<Request, ProfileError> {
    let inputs = sample.tensors().into_iter().map(|input| InputTensor {
        name: input.name,
        data_type: input.tensor.data_type(),
        shape: input.tensor.shape().iter().copied().collect(),
        data: InputData::Given(input.tensor.into_data().into()),
    });
    let request = InferRequest {
        model: served.model.name().to_owned(),
        version: served.model.version_text().to_owned(),
        inputs: inputs.collect(),
        ..InferRequest::default()
    };
    let endpoint =
        Endpoint { host: served.address.to_string(), prefix: String::new(), headers: Vec::new() };
    let built = request.build(Protocol::Http, &endpoint);
    built.map_err(|error| ProfileError::Input(error.to_string()))
}

fn latency_facts(latency: &Distribution) -> LatencyFacts {
    let at = |quantile: f64| latency.quantile(quantile) as f64 / 1e6;
    LatencyFacts {
        mean_ms: latency.mean() / 1e6,
        p50_ms: at(0.5),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
    }
}
