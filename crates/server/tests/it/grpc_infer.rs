use std::time::Duration;

use bytes::Bytes;
use protocol::grpc::{
    InferParameter, ModelInferRequest, infer_parameter::ParameterChoice,
    model_infer_request::InferRequestedOutputTensor,
};
use tensor::{DataType, StringElements, push_string};
use tonic::{Code, Request, codec::CompressionEncoding};

use crate::{
    fixture::{Behaviour, ECHO, Fixture, TYPES, eventually},
    grpc_client::{client, echo_request, floats, raw_request, with_parameter},
};

#[tokio::test]
async fn an_inference_goes_through() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    let response =
        client.model_infer(echo_request("7", 2, &[1.0, 2.0, 3.0, 4.0])).await.unwrap().into_inner();
    assert_eq!((&*response.model_name, &*response.model_version), ("echo", "1"));
    assert_eq!(response.id, "7");
    let output = &response.outputs[0];
    assert_eq!((&*output.name, &*output.datatype, &*output.shape), ("OUTPUT", "FP32", &[2, 2][..]));
    assert!(output.contents.is_none());
    assert_eq!(floats(&response), [1.0, 2.0, 3.0, 4.0]);
}

/// Some bytes of a type, and how many elements they are.
fn elements(data_type: DataType) -> (i64, Bytes) {
    match data_type.size() {
        Some(size) => (3, (0..3 * u8::try_from(size).unwrap()).map(|byte| byte % 2).collect()),
        None => {
            let mut framed = Vec::new();
            push_string(&mut framed, b"with \0 inside");
            push_string(&mut framed, b"");
            (2, framed.into())
        }
    }
}

#[tokio::test]
async fn every_element_type_goes_through() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    for data_type in DataType::ALL {
        let name = data_type.name();
        let (len, raw) = elements(data_type);
        let mut request = raw_request(TYPES, "", name, name, &[len], raw.clone());
        let output = format!("OUT_{name}");
        request.outputs = vec![InferRequestedOutputTensor {
            name: output,
            ..InferRequestedOutputTensor::default()
        }];
        let response = client.model_infer(request).await.unwrap().into_inner();
        assert_eq!(response.outputs[0].datatype, name);
        assert_eq!(response.raw_output_contents, [raw], "{name}");
    }
}

#[tokio::test]
async fn large_tensors_go_both_ways() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    let values: Vec<f32> = (0..3_000_000_u32).map(|index| (index % 1000) as f32).collect();
    for rows in [1, 4] {
        let response = client.model_infer(echo_request("", rows, &values)).await.unwrap();
        assert!(floats(response.get_ref()) == values);
    }
}

#[tokio::test]
async fn classes_are_named() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    let mut request = echo_request("", 2, &[0.25, 3.0, 1.0, 9.0, 7.0, 8.0]);
    let classification = InferParameter { parameter_choice: Some(ParameterChoice::Int64Param(2)) };
    request.outputs = vec![InferRequestedOutputTensor {
        name: "OUTPUT".into(),
        parameters: [("classification".to_owned(), classification)].into(),
    }];
    let response = client.model_infer(request).await.unwrap().into_inner();
    let output = &response.outputs[0];
    assert_eq!((&*output.datatype, &*output.shape), ("BYTES", &[2, 2][..]));
    let classes: Vec<_> = StringElements::new(&response.raw_output_contents[0]).collect();
    let expected: [&[u8]; 4] =
        [b"3.000000:1:one", b"1.000000:2:two", b"9.000000:0:zero", b"8.000000:2:two"];
    assert_eq!(classes, expected);
}

/// Sends a request and checks the error.
async fn check_error(fixture: &Fixture, request: ModelInferRequest, code: Code, text: &str) {
    let mut client = client(fixture.grpc()).await;
    let status = client.model_infer(request).await.unwrap_err();
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(text), "{status}");
}

#[tokio::test]
async fn wrong_requests_are_told_what_is_wrong() {
    let fixture = Fixture::start();
    let echo = || echo_request("", 1, &[1.0]);
    let unknown = ModelInferRequest { model_name: "none".into(), ..echo() };
    check_error(&fixture, unknown, Code::NotFound, "unknown model: 'none'").await;
    let version = ModelInferRequest { model_version: "9".into(), ..echo() };
    check_error(&fixture, version, Code::NotFound, "9").await;
    let version = ModelInferRequest { model_version: "x".into(), ..echo() };
    check_error(&fixture, version, Code::InvalidArgument, "'x'").await;
    let rows = echo_request("", 9, &[0.0; 9]);
    check_error(&fixture, rows, Code::InvalidArgument, "batch-size must be <= 8 for 'echo'").await;
    let mut input = echo();
    input.inputs[0].name = "IN".into();
    check_error(&fixture, input, Code::InvalidArgument, "'IN'").await;
    let mut shape = echo();
    shape.inputs[0].shape = vec![1, 2];
    check_error(&fixture, shape, Code::InvalidArgument, "takes 8 bytes, got 4").await;
    let priority = with_parameter(echo(), "priority", ParameterChoice::Int64Param(-1));
    check_error(&fixture, priority, Code::InvalidArgument, "'priority'").await;
}

#[tokio::test]
async fn a_request_of_a_sequence_is_refused() {
    let fixture = Fixture::start();
    let with_id = |id| with_parameter(echo_request("", 1, &[1.0]), "sequence_id", id);
    for none in [ParameterChoice::Int64Param(0), ParameterChoice::StringParam(String::new())] {
        client(fixture.grpc()).await.model_infer(with_id(none)).await.unwrap();
    }
    let request = with_id(ParameterChoice::Int64Param(7));
    check_error(&fixture, request, Code::Unimplemented, "sequences are not supported").await;
    let request = with_id(ParameterChoice::BoolParam(true));
    check_error(&fixture, request, Code::InvalidArgument, "int64_param or string_param").await;
}

#[tokio::test]
async fn a_model_that_fails_or_panics_fails_its_request_alone() {
    let fixture = Fixture::start();
    let refused = (Behaviour::Fail, Code::InvalidArgument, "told to fail");
    let panicked = (Behaviour::Panic, Code::Internal, "told to panic");
    for (behaviour, code, text) in [refused, panicked] {
        fixture.controls.set(behaviour);
        check_error(&fixture, echo_request("", 1, &[1.0]), code, text).await;
        fixture.controls.set(Behaviour::Echo);
        let repository = fixture.repository.clone();
        eventually(move || repository.readiness().is_ok()).await;
        let mut client = client(fixture.grpc()).await;
        client.model_infer(echo_request("", 1, &[1.0])).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_request_along() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let mut client = client(fixture.grpc()).await;
    let infer = tokio::spawn(async move { client.model_infer(echo_request("", 1, &[1.0])).await });
    fixture.until_in_flight(1).await;
    infer.abort();
    fixture.until_in_flight(0).await;
    fixture.controls.set(Behaviour::Echo);
}

#[tokio::test]
async fn a_deadline_ends_a_request_while_all_instances_are_busy() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let mut client = client(fixture.grpc()).await;
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.model_infer(echo_request("", 8, &[1.0; 8])).await })
        })
        .collect();
    fixture.until_busy(2).await;

    let mut request = Request::new(echo_request("", 1, &[1.0]));
    request.set_timeout(Duration::from_millis(50));
    let status = client.model_infer(request).await.unwrap_err();
    // The client's own timer may be first; either way the server lets go of the request.
    let expected = [Code::DeadlineExceeded, Code::Cancelled, Code::Unavailable];
    assert!(expected.contains(&status.code()), "{status}");
    fixture.until_in_flight(4).await;

    let timeout = ParameterChoice::Int64Param(20_000);
    let request = with_parameter(echo_request("", 1, &[1.0]), "timeout", timeout);
    let status = client.model_infer(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");

    fixture.controls.set(Behaviour::Echo);
    for infer in busy {
        infer.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let client = client(fixture.grpc()).await;
    let send = |_| {
        let mut client = client.clone();
        tokio::spawn(async move { client.model_infer(echo_request("", 8, &[1.0; 8])).await })
    };
    let mut requests: Vec<_> = (0..2).map(send).collect();
    fixture.until_busy(2).await;
    requests.extend((0..70).map(send));
    // Two run, 64 wait; the refused ones have gone.
    fixture.until_in_flight(66).await;
    let statistics = || fixture.repository.model(ECHO, "").unwrap().statistics();
    let refused = || statistics().fail.count;
    eventually(|| refused() == 6).await;
    fixture.controls.set(Behaviour::Echo);
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap());
    }
    let errors: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 6);
    for status in errors {
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert!(status.metadata().contains_key("grpc-retry-pushback-ms"), "{status:?}");
    }
}

#[tokio::test]
async fn a_request_may_ask_where_its_time_went() {
    let fixture = Fixture::start();
    let mut client = client(fixture.grpc()).await;
    let response = client.model_infer(echo_request("", 1, &[1.0])).await.unwrap();
    assert!(response.metadata().get("server-timing").is_none());
    let mut request = Request::new(echo_request("", 3, &[1.0; 3]));
    request.metadata_mut().insert("hone-explain", "1".parse().unwrap());
    let response = client.model_infer(request).await.unwrap();
    let timing = response.metadata().get("server-timing").unwrap().to_str().unwrap();
    crate::server_timing::check(timing);
    assert!(timing.contains(r#"batch;desc="rows=3 requests=1 reason="#), "{timing}");
}

#[tokio::test]
async fn compression_works_both_ways() {
    let fixture = Fixture::start();
    let values = vec![1.0; 10_000];
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Deflate] {
        let mut client =
            client(fixture.grpc()).await.send_compressed(encoding).accept_compressed(encoding);
        let response = client.model_infer(echo_request("", 1, &values)).await.unwrap();
        assert_eq!(
            response.metadata().get("grpc-encoding").unwrap(),
            encoding.to_string().as_str()
        );
        assert_eq!(floats(response.get_ref()), values);
        let mut client =
            crate::grpc_client::client(fixture.grpc()).await.accept_compressed(encoding);
        let response = client.model_infer(echo_request("", 1, &values)).await.unwrap();
        assert!(response.metadata().get("grpc-encoding").is_none());
    }
}
