use std::time::Duration;

use protocol::grpc::{
    ModelInferRequest, ModelStreamInferResponse, infer_parameter::ParameterChoice,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};

use crate::{
    fixture::{Behaviour, Fixture, Setup, pause},
    grpc_client::{client, echo_request, floats, parameter},
};

/// An open stream.
struct Call {
    requests: mpsc::Sender<ModelInferRequest>,
    answers: Streaming<ModelStreamInferResponse>,
}

impl Call {
    async fn open(fixture: &Fixture, metadata: &[(&'static str, &'static str)]) -> Self {
        let (requests, receiver) = mpsc::channel(1000);
        let mut request = Request::new(ReceiverStream::new(receiver));
        for (name, value) in metadata {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        let mut client = client(fixture.grpc()).await;
        let answers = client.model_stream_infer(request).await.unwrap().into_inner();
        Self { requests, answers }
    }

    async fn send(&self, request: ModelInferRequest) {
        self.requests.send(request).await.unwrap();
    }

    async fn next(&mut self) -> Result<Option<ModelStreamInferResponse>, Status> {
        let next = tokio::time::timeout(Duration::from_secs(10), self.answers.message());
        next.await.expect("an answer within ten seconds")
    }
}

#[tokio::test]
async fn answers_come_in_the_order_of_requests_that_run_together() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let mut call = Call::open(&fixture, &[]).await;
    for index in 0..40_u16 {
        // Alternating shapes keep them from sharing a batch.
        let values = vec![f32::from(index); usize::from(1 + index % 2)];
        call.send(echo_request(&index.to_string(), 1, &values)).await;
    }
    fixture.until_in_flight(40).await;
    fixture.until_busy(2).await;
    fixture.controls.set(Behaviour::Echo);
    for index in 0..40_u16 {
        let answer = call.next().await.unwrap().unwrap();
        assert_eq!(answer.error_message, "");
        let response = answer.infer_response.unwrap();
        assert_eq!((&*response.id, floats(&response)[0]), (&*index.to_string(), f32::from(index)));
        let last = parameter(&response, "triton_final_response");
        assert_eq!(last, Some(ParameterChoice::BoolParam(true)));
    }
    drop(call.requests);
    assert!(call.answers.message().await.unwrap().is_none(), "the stream ends well");
}

#[tokio::test]
async fn an_error_is_an_answer_and_the_stream_goes_on() {
    let fixture = Fixture::start();
    let mut call = Call::open(&fixture, &[]).await;
    call.send(echo_request("a", 9, &[1.0; 9])).await;
    call.send(ModelInferRequest {
        model_name: "none".into(),
        id: "b".into(),
        ..echo_request("", 1, &[1.0])
    })
    .await;
    call.send(echo_request("c", 1, &[1.0])).await;
    for (id, text) in [("a", "batch-size"), ("b", "'none'"), ("c", "")] {
        let answer = call.next().await.unwrap().unwrap();
        assert!(answer.error_message.contains(text), "{}", answer.error_message);
        assert_eq!(answer.error_message.is_empty(), text.is_empty());
        assert_eq!(answer.infer_response.unwrap().id, id);
    }
}

#[tokio::test]
async fn an_error_ends_the_stream_if_it_was_opened_so() {
    let fixture = Fixture::start();
    let mut call = Call::open(&fixture, &[("triton_grpc_error", "true")]).await;
    call.send(echo_request("a", 1, &[1.0])).await;
    call.send(echo_request("b", 9, &[1.0; 9])).await;
    assert_eq!(call.next().await.unwrap().unwrap().infer_response.unwrap().id, "a");
    let status = call.next().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
}

#[tokio::test]
async fn a_stream_runs_a_bounded_number_of_requests() {
    let mut setup = Setup::default();
    setup.options.grpc.stream_requests_max = 3;
    let fixture = setup.start();
    fixture.controls.set(Behaviour::Hold);
    let mut call = Call::open(&fixture, &[]).await;
    for index in 0..10_u8 {
        call.send(echo_request(&index.to_string(), 1, &[1.0])).await;
    }
    fixture.until_in_flight(3).await;
    pause(Duration::from_millis(50)).await;
    assert_eq!(fixture.repository.in_flight(), 3);
    fixture.controls.set(Behaviour::Echo);
    for index in 0..10_u8 {
        let answer = call.next().await.unwrap().unwrap();
        assert_eq!(answer.infer_response.unwrap().id, index.to_string());
    }
}

#[tokio::test]
async fn large_tensors_and_timing_fit_into_streams() {
    let fixture = Fixture::start();
    let mut call = Call::open(&fixture, &[("hone-explain", "1")]).await;
    let values = vec![0.5; 200_000];
    call.send(echo_request("", 1, &values)).await;
    let response = call.next().await.unwrap().unwrap().infer_response.unwrap();
    assert!(floats(&response) == values);
    let Some(ParameterChoice::StringParam(timing)) = parameter(&response, "server-timing") else {
        panic!("no timing");
    };
    crate::server_timing::check(&timing);
}

#[tokio::test]
async fn a_client_that_drops_its_stream_cancels_what_it_asked_for() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let call = Call::open(&fixture, &[]).await;
    for _ in 0..5 {
        call.send(echo_request("", 8, &[1.0; 8])).await;
    }
    fixture.until_in_flight(5).await;
    drop(call);
    fixture.until_in_flight(0).await;
    fixture.controls.set(Behaviour::Echo);
}

#[tokio::test]
async fn a_shutdown_answers_what_was_sent_and_says_why_it_ends() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let controls = fixture.controls.clone();
    let mut call = Call::open(&fixture, &[]).await;
    for index in 0..5_u8 {
        call.send(echo_request(&index.to_string(), 1, &[1.0])).await;
    }
    fixture.until_in_flight(5).await;
    let shutdown = tokio::spawn(fixture.shutdown());
    pause(Duration::from_millis(50)).await;
    controls.set(Behaviour::Echo);
    for index in 0..5_u8 {
        let answer = call.next().await.unwrap().unwrap();
        assert_eq!(answer.infer_response.unwrap().id, index.to_string());
    }
    let status = call.next().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        status.message(),
        "GRPC server is shutting down and has stopped accepting new requests."
    );
    assert_eq!(shutdown.await.unwrap().dropped_requests, 0);
}
