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
    Backend, Clock, EmbeddingRequest, ErrorKind, Generation, GenerationRequest, InferRequest,
    InferResponse, LanguageModel, Rejection, Responder, ServeError, Statistics, TensorSpec,
    TextEncoder, Timestamp,
    interface::Interface,
    reply::{self, Responses},
    scheduler::{Pending, Scheduler, Submitted},
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
    pub(crate) text_encoder: Option<Arc<dyn TextEncoder>>,
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
            Runner::Own(backend) => backend.statistics(),
        };
        Statistics { load_duration: self.load_duration, ..statistics }
    }

    /// The model as one that continues text, if it is one.
    #[must_use]
    pub fn language_model(&self) -> Option<&dyn LanguageModel> {
        match &self.runner {
            Runner::Scheduled(_) => None,
            Runner::Own(backend) => backend.language_model(),
        }
    }

    /// What makes the model's inputs of a text, where it takes tokens as a tensor.
    #[must_use]
    pub fn text_encoder(&self) -> Option<&Arc<dyn TextEncoder>> {
        self.text_encoder.as_ref()
    }

    /// Starts a generation; dropping what is returned cancels it.
    ///
    /// # Errors
    ///
    /// Those of [`LanguageModel::generate`], and [`ErrorKind::Unsupported`](crate::ErrorKind) of a
    /// model that does not generate text.
    pub fn generate(&self, request: GenerationRequest) -> Result<Generation, ServeError> {
        let stay = self.in_flight.stay();
        Ok(self.text_model()?.generate(request)?.within(stay))
    }

    /// Embeds a text by its last hidden states.
    ///
    /// # Errors
    ///
    /// Those of [`LanguageModel::embed`], and [`ErrorKind::Unsupported`](crate::ErrorKind) of a
    /// model that does not generate text.
    pub fn embed(&self, request: EmbeddingRequest) -> Result<Generation, ServeError> {
        let stay = self.in_flight.stay();
        Ok(self.text_model()?.embed(request)?.within(stay))
    }

    fn text_model(&self) -> Result<&dyn LanguageModel, ServeError> {
        self.language_model().ok_or_else(|| {
            let message = format!("model `{}` does not generate text; use /v2/models", self.name);
            ServeError::new(ErrorKind::Unsupported, message)
        })
    }

    /// Runs one request. It is checked and queued by the call itself; the future waits for the answer,
    /// and dropping it cancels the request: what waits is taken out of the queue, what runs is not
    /// answered.
    ///
    /// # Errors
    ///
    /// The request does not fit the model, the queue is full, its time is over, or the model failed.
    pub fn infer(
        &self,
        request: InferRequest,
    ) -> impl Future<Output = Result<InferResponse, ServeError>> + Send + '_ {
        let begun = self.begin(request);
        async move { begun?.answer().await }
    }

    fn begin(&self, request: InferRequest) -> Result<Begun<'_>, ServeError> {
        let inside = self.in_flight.enter();
        let (responder, responses) = reply::channel();
        let waiting = match &self.runner {
            Runner::Scheduled(scheduler) => Some(self.submit(scheduler, request, responder)?),
            Runner::Own(backend) => {
                backend.submit(request, responder);
                None
            }
        };
        Ok(Begun { waiting, responses, _inside: inside })
    }

    fn submit<'a>(
        &self,
        scheduler: &'a Scheduler,
        request: InferRequest,
        responder: Responder,
    ) -> Result<Waiting<'a>, ServeError> {
        let InferRequest { priority, timeout, mut received, .. } = request;
        if received == Timestamp::default() {
            received = Clock::now();
        }
        let admitted = self.interface.admit(request).inspect_err(|_| {
            scheduler.record_rejection(Rejection::Invalid, received);
        })?;
        let pending = Box::new(Pending { admitted, responder, received });
        let submitted = scheduler.submit(pending, priority, timeout)?;
        Ok(Waiting { scheduler, submitted, is_answered: false })
    }

    /// Ends the model once nobody else holds it: runs what waits, joins its threads.
    pub(crate) fn close(&self) {
        match &self.runner {
            Runner::Scheduled(scheduler) => scheduler.close(),
            Runner::Own(backend) => backend.close(),
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

/// A request that is on its way.
struct Begun<'a> {
    /// Dropped before `responses`, so that what waits is not taken for what runs.
    waiting: Option<Waiting<'a>>,
    responses: Responses,
    _inside: Inside<'a>,
}

/// A request's place in a scheduler's queue; given up when it is dropped.
struct Waiting<'a> {
    scheduler: &'a Scheduler,
    submitted: Submitted,
    is_answered: bool,
}

impl Begun<'_> {
    async fn answer(mut self) -> Result<InferResponse, ServeError> {
        let answer = match &mut self.waiting {
            None => self.responses.next().await,
            Some(waiting) => waiting.answer(&mut self.responses).await,
        };
        answer.unwrap_or_else(|| Err(ServeError::internal("the model ended without an answer")))
    }
}

impl Waiting<'_> {
    async fn answer(
        &mut self,
        responses: &mut Responses,
    ) -> Option<Result<InferResponse, ServeError>> {
        if self.submitted.leads {
            // What else has come in on this thread joins the batch.
            tokio::task::yield_now().await;
            self.submitted.leads = false;
            self.scheduler.lead();
        }
        let answer = match self.submitted.deadline {
            None => responses.next().await,
            Some(deadline) => self.answer_until(deadline, responses).await,
        };
        self.is_answered = true;
        answer
    }

    async fn answer_until(
        &self,
        deadline: Timestamp,
        responses: &mut Responses,
    ) -> Option<Result<InferResponse, ServeError>> {
        let deadline = Clock::instant(deadline).into();
        if let Ok(answer) = tokio::time::timeout_at(deadline, responses.next()).await {
            return answer;
        }
        match self.scheduler.withdraw(self.submitted.ticket, Rejection::Timeout) {
            Some(error) => Some(Err(error)),
            None => responses.next().await,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.scheduler.withdraw(self.submitted.ticket, Rejection::Canceled);
        }
        if self.submitted.leads {
            self.scheduler.resign();
        }
    }
}

impl InFlight {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn stay(&self) -> Stay {
        self.0.fetch_add(1, Ordering::AcqRel);
        Stay(self.clone())
    }

    fn enter(&self) -> Inside<'_> {
        self.0.fetch_add(1, Ordering::AcqRel);
        Inside(self)
    }
}

struct Inside<'a>(&'a InFlight);

/// The same for as long as an answer of many parts takes.
#[derive(Debug)]
pub(crate) struct Stay(InFlight);

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
