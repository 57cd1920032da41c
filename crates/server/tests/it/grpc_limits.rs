use std::{net::SocketAddr, time::Duration};

use prost::Message as _;
use protocol::grpc::ServerLiveRequest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Request, client::Grpc, codec::CompressionEncoding};

use crate::{
    fixture::{Fixture, Setup},
    grpc_client::{channel, client, echo_request},
};

#[tokio::test]
async fn every_call_of_the_service_is_known() {
    let fixture = Fixture::start();
    let files = prost_types::FileDescriptorSet::decode(protocol::FILE_DESCRIPTOR_SET).unwrap();
    let services = files.file.iter().flat_map(|file| &file.service);
    let mut calls = 0;
    for method in services.flat_map(|service| &service.method) {
        let path = format!("/inference.GRPCInferenceService/{}", method.name());
        let status = call(&fixture, &path).await;
        let is_unknown = status.is_some_and(|status| status.message().contains("unknown method"));
        assert!(!is_unknown, "{path}");
        calls += 1;
    }
    assert_eq!(calls, 20);
    let status = call(&fixture, "/inference.GRPCInferenceService/Dance").await.unwrap();
    assert_eq!(status.code(), Code::Unimplemented);
    let status = call(&fixture, "/other.Service/Call").await.unwrap();
    assert_eq!(status.code(), Code::Unimplemented);
}

/// Sends an empty message to a path.
async fn call(fixture: &Fixture, path: &str) -> Option<tonic::Status> {
    let mut grpc = Grpc::new(channel(fixture.grpc()).await);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    grpc.unary(Request::new(()), path.parse().unwrap(), codec).await.err()
}

#[tokio::test]
async fn messages_over_the_limit_are_refused() {
    let mut setup = Setup::default();
    setup.options.grpc.message_bytes_max = 1000;
    let fixture = setup.start();
    let mut plain = client(fixture.grpc()).await;
    plain.model_infer(echo_request("", 1, &[1.0; 100])).await.unwrap();
    let status = plain.model_infer(echo_request("", 1, &[1.0; 1000])).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains("1000 bytes"), "{status}");
    let mut bomb = client(fixture.grpc()).await.send_compressed(CompressionEncoding::Gzip);
    let status = bomb.model_infer(echo_request("", 1, &[1.0; 5000])).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains("after decompression"), "{status}");
}

/// Reads until the server closes.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes));
    // A reset is an end too.
    let _ = read.await.expect("the server closes the connection");
    bytes
}

async fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

#[tokio::test]
async fn silent_and_odd_clients_are_let_go() {
    let mut setup = Setup::default();
    setup.options.grpc.handshake_timeout = Duration::from_millis(100);
    let fixture = setup.start();
    let address = fixture.grpc();
    for greeting in [&b""[..], b"PRI * HT", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", &[0xff; 100]] {
        let mut stream = send(address, greeting).await;
        read_to_end(&mut stream).await;
    }
    client(address).await.server_live(ServerLiveRequest {}).await.unwrap();
}

#[tokio::test]
async fn one_connection_too_many_is_refused() {
    let mut setup = Setup::default();
    setup.options.grpc.connections_max = 2;
    let fixture = setup.start();
    let address = fixture.grpc();
    let mut first = client(address).await;
    let mut second = client(address).await;
    for client in [&mut first, &mut second] {
        client.server_live(ServerLiveRequest {}).await.unwrap();
    }
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(read_to_end(&mut third).await, b"");
    drop(first);
    for _ in 0..500 {
        let mut again = client(address).await;
        if again.server_live(ServerLiveRequest {}).await.is_ok() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("no room after a connection ended");
}

#[tokio::test]
async fn a_request_that_stops_half_way_is_given_up() {
    let mut setup = Setup::default();
    setup.options.grpc.body_idle_timeout = Duration::from_millis(100);
    let fixture = setup.start();
    let (body, sender) = tokio::sync::mpsc::channel(1);
    let mut grpc = Grpc::new(channel(fixture.grpc()).await);
    grpc.ready().await.unwrap();
    // A client that streams where one message is due, and sends none.
    let stream = tokio_stream::wrappers::ReceiverStream::new(sender);
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = "/inference.GRPCInferenceService/ModelInfer".parse().unwrap();
    let status = grpc.client_streaming(Request::new(stream), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    drop(body);
    fixture.until_in_flight(0).await;
}
