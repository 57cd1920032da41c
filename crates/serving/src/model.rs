use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use protocol::model_config::ModelConfig;
use tensor::DataType;

use crate::{
    Backend, Clock, InferRequest, InferResponse, Rejection, ServeError, Statistics, TensorSpec,
    Ticket, Timestamp,
    interface::Interface,
    reply,
    scheduler::{Pending, Scheduler},
};

/// One version of one model, loaded and warmed up. Whoever holds it can use it, also while a newer
/// version takes its place.
pub struct Model {
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) version_text: String,
    pub(crate) config: ModelConfig,
    pub(crate) platform: String,
    pub(crate) description: String,
    pub(crate) interface: Arc<Interface>,
    pub(crate) labels: Vec<(String, Vec<String>)>,
    pub(crate) runner: Runner,
    pub(crate) load_duration: Duration,
    /// Requests inside any model of the repository.
    pub(crate) in_flight: InFlight,
    /// Files that came with the request to load the model; gone with it.
    pub(crate) uploaded: Option<tempfile::TempDir>,
}

/// What runs a model's requests.
#[derive(Debug)]
pub(crate) enum Runner {
    Scheduled(Scheduler),
    Own(Arc<dyn Backend>),
}

/// Counts requests while they are inside.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<AtomicUsize>);

impl Model {
    /// Name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Version, as protocols write it.
    #[must_use]
    pub fn version_text(&self) -> &str {
        &self.version_text
    }

    /// The configuration in force: what was given, completed from the model.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The engine, under the name that metadata gives it.
    #[must_use]
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// One line about how the model runs: engine, device, threads.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Inputs as clients see them: with a leading -1 where the model batches.
    #[must_use]
    pub fn inputs(&self) -> &[TensorSpec] {
        &self.interface.input_specs
    }

    /// Outputs as clients see them: with a leading -1 where the model batches.
    #[must_use]
    pub fn outputs(&self) -> &[TensorSpec] {
        &self.interface.output_specs
    }

    /// Whether the outermost dimension of every tensor is the batch's.
    #[must_use]
    pub fn batches(&self) -> bool {
        self.interface.batches()
    }

    /// Whether a request may have several answers, or none.
    #[must_use]
    pub fn is_decoupled(&self) -> bool {
        self.config.model_transaction_policy.as_ref().is_some_and(|policy| policy.decoupled)
    }

    /// The label of one class of a classification output.
    #[must_use]
    pub fn label(&self, output: &str, index: usize) -> Option<&str> {
        let (_, labels) = self.labels.iter().find(|(name, _)| name == output)?;
        labels.get(index).map(String::as_str)
    }

    /// The element type of an input.
    #[must_use]
    pub fn input_type(&self, name: &str) -> Option<DataType> {
        self.inputs().iter().find(|input| input.name == name).map(|input| input.data_type)
    }

    /// Whether an inference would go through now.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn check(&self) -> Result<(), String> {
        match &self.runner {
            Runner::Scheduled(scheduler) => scheduler.check(),
            Runner::Own(backend) => backend.check(),
        }
    }

    /// The counters since the model was loaded.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let statistics = match &self.runner {
            Runner::Scheduled(scheduler) => scheduler.statistics(),
            Runner::Own(_) => Statistics::default(),
        };
        Statistics { load_duration: self.load_duration, ..statistics }
    }

    /// Runs one request. Dropping the future cancels it: what waits is taken out of the queue, what
    /// runs is not answered.
    ///
    /// # Errors
    ///
    /// The request does not fit the model, the queue is full, its time is over, or the model failed.
    pub async fn infer(&self, mut request: InferRequest) -> Result<InferResponse, ServeError> {
        let _inside = self.in_flight.enter();
        if request.received == Timestamp::default() {
            request.received = Clock::now();
        }
        match &self.runner {
            Runner::Scheduled(scheduler) => self.schedule(scheduler, request).await,
            Runner::Own(backend) => self.forward(backend, request).await,
        }
    }

    async fn schedule(
        &self,
        scheduler: &Scheduler,
        request: InferRequest,
    ) -> Result<InferResponse, ServeError> {
        let InferRequest { received, priority, timeout, .. } = request;
        let admitted = self.interface.admit(request).inspect_err(|_| {
            scheduler.record_rejection(Rejection::Invalid, received);
        })?;
        let (responder, mut responses) = reply::channel();
        let pending = Pending { admitted, responder, received };
        let admission = scheduler.submit(pending, priority, timeout)?;
        let mut waiting = Waiting { scheduler, ticket: Some(admission.ticket) };
        let answer = match admission.deadline {
            None => responses.next().await,
            Some(deadline) => {
                let deadline = Clock::instant(deadline).into();
                match tokio::time::timeout_at(deadline, responses.next()).await {
                    Ok(answer) => answer,
                    Err(_) => match scheduler.withdraw(admission.ticket, Rejection::Timeout) {
                        Some(error) => Some(Err(error)),
                        None => responses.next().await,
                    },
                }
            }
        };
        waiting.ticket = None;
        answer.unwrap_or_else(|| Err(ServeError::internal("the model ended without an answer")))
    }

    async fn forward(
        &self,
        backend: &Arc<dyn Backend>,
        request: InferRequest,
    ) -> Result<InferResponse, ServeError> {
        let (responder, mut responses) = reply::channel();
        backend.submit(request, responder);
        let answer = responses.next().await;
        answer.unwrap_or_else(|| Err(ServeError::internal("the model ended without an answer")))
    }

    /// Ends the model once nobody else holds it: runs what waits, joins its threads.
    pub(crate) fn close(&self) {
        if let Runner::Scheduled(scheduler) = &self.runner {
            scheduler.close();
        }
    }

    /// Looks after the model's instances.
    pub(crate) fn watch(&self, now: Timestamp) {
        if let Runner::Scheduled(scheduler) = &self.runner {
            scheduler.watch(now);
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Takes a request out of the queue if its future is dropped.
struct Waiting<'a> {
    scheduler: &'a Scheduler,
    ticket: Option<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.scheduler.withdraw(ticket, Rejection::Canceled);
        }
    }
}

impl InFlight {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn enter(&self) -> Inside<'_> {
        self.0.fetch_add(1, Ordering::AcqRel);
        Inside(self)
    }
}

struct Inside<'a>(&'a InFlight);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
