use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{
    fixture::{ECHO, Fixture},
    grpc_client::channel,
};

fn request(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.into() }
}

#[tokio::test]
async fn server_service_and_models_have_a_health() {
    let fixture = Fixture::start();
    let mut client = HealthClient::new(channel(fixture.grpc()).await);
    for service in ["", "inference.GRPCInferenceService", ECHO] {
        let answer = client.check(request(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    assert_eq!(client.check(request("none")).await.unwrap_err().code(), Code::NotFound);
    let mut unknown = client.watch(request("none")).await.unwrap().into_inner();
    let first = unknown.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::ServiceUnknown);

    fixture.repository.begin_drain();
    let answer = client.check(request("")).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::NotServing);
}

#[tokio::test]
async fn those_who_watch_are_told_of_changes() {
    let fixture = Fixture::start();
    let mut client = HealthClient::new(channel(fixture.grpc()).await);
    let mut watches = Vec::new();
    for service in ["", ECHO] {
        let mut watch = client.watch(request(service)).await.unwrap().into_inner();
        let first = watch.message().await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::Serving);
        watches.push(watch);
    }
    let shutdown = tokio::spawn(fixture.shutdown());
    for mut watch in watches {
        let next = watch.message().await.unwrap().unwrap();
        assert_eq!(next.status(), ServingStatus::NotServing);
        let end = watch.message().await.unwrap_err();
        assert_eq!(end.code(), Code::Unavailable, "{end}");
    }
    assert_eq!(shutdown.await.unwrap().dropped_requests, 0);
}

#[tokio::test]
async fn reflection_lists_the_services() {
    let fixture = Fixture::start();
    let mut client = ServerReflectionClient::new(channel(fixture.grpc()).await);
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = client.server_reflection_info(tokio_stream::once(list)).await.unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("not a list: {answer:?}");
    };
    let services: Vec<_> = list.service.iter().map(|service| &*service.name).collect();
    for service in ["inference.GRPCInferenceService", "grpc.health.v1.Health"] {
        assert!(services.contains(&service), "{services:?}");
    }
}
