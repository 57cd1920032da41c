use std::sync::Arc;

use parking_lot::Mutex;
use tensor::{DataType, Tensor};

use super::{InFlight, Model, Runner};
use crate::{
    Backend, GenerationStatistics, InferRequest, InferResponse, NamedTensor, Responder, ServeError,
    Signature, Statistics, interface::Interface,
};

/// Keeps every request until it is told to answer: a model that schedules for itself.
#[derive(Debug, Default)]
struct Keeping {
    signature: Signature,
    kept: Mutex<Vec<(InferRequest, Responder)>>,
}

impl Backend for Keeping {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn description(&self) -> String {
        "keeps".to_owned()
    }

    fn submit(&self, request: InferRequest, responder: Responder) {
        self.kept.lock().push((request, responder));
    }

    fn check(&self) -> Result<(), String> {
        Err("never ready".to_owned())
    }

    fn statistics(&self) -> Statistics {
        let waiting = self.kept.lock().len();
        let generation = GenerationStatistics { waiting, ..GenerationStatistics::default() };
        Statistics { generation: Some(generation), ..Statistics::default() }
    }
}

fn model() -> (Arc<Keeping>, Arc<Model>) {
    let backend = Arc::new(Keeping::default());
    let interface = Interface::new(&Default::default(), &backend.signature).unwrap();
    let model = Model {
        name: "m".to_owned(),
        version: 1,
        version_text: "1".to_owned(),
        config: Default::default(),
        platform: String::new(),
        description: String::new(),
        interface: Arc::new(interface),
        labels: Vec::new(),
        runner: Runner::Own(backend.clone()),
        text_encoder: None,
        load_duration: std::time::Duration::ZERO,
        in_flight: InFlight::default(),
        uploaded: None,
    };
    (backend, Arc::new(model))
}

async fn kept(backend: &Keeping) -> (InferRequest, Responder) {
    loop {
        if let Some(kept) = backend.kept.lock().pop() {
            return kept;
        }
        tokio::task::yield_now().await;
    }
}

fn ask(model: &Arc<Model>) -> tokio::task::JoinHandle<Result<InferResponse, ServeError>> {
    let model = model.clone();
    let request = InferRequest { id: "r".to_owned(), ..InferRequest::default() };
    tokio::spawn(async move { model.infer(request).await })
}

#[tokio::test]
async fn a_backend_that_schedules_for_itself_answers_through_the_responder() {
    let (backend, model) = model();
    let asked = ask(&model);
    let (request, responder) = kept(&backend).await;
    assert_eq!((request.id.as_str(), model.in_flight.count()), ("r", 1));
    let tensor = Tensor::new(DataType::Int8, [1].into(), vec![7].into()).unwrap();
    let outputs = vec![NamedTensor { name: "y".to_owned(), tensor }];
    let response = InferResponse { outputs, timing: Default::default() };
    assert!(responder.finish(Ok(response)));
    assert!(!responder.finish(Err(ServeError::internal("too late"))));
    assert_eq!(asked.await.unwrap().unwrap().outputs[0].name, "y");
    assert_eq!((model.in_flight.count(), model.check()), (0, Err("never ready".to_owned())));
}

#[tokio::test]
async fn a_backend_keeps_statistics_of_its_own() {
    let (backend, model) = model();
    let waiting = || model.statistics().generation.unwrap().waiting;
    assert_eq!(waiting(), 0);
    let asked = ask(&model);
    let kept = kept(&backend).await;
    backend.kept.lock().push(kept);
    assert_eq!(waiting(), 1);
    asked.abort();
}

#[tokio::test]
async fn a_request_that_a_backend_drops_is_answered_all_the_same() {
    let (backend, model) = model();
    let asked = ask(&model);
    drop(kept(&backend).await);
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the model dropped the request unanswered");
}

#[tokio::test]
async fn a_backend_sees_that_the_asker_has_gone() {
    let (backend, model) = model();
    let asked = ask(&model);
    let (_, responder) = kept(&backend).await;
    assert!(!responder.is_cancelled());
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    assert!(responder.is_cancelled());
    assert_eq!(model.in_flight.count(), 0);
}
