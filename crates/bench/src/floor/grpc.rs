use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use anyhow::Result;
use bytes::Bytes;
use protocol::grpc::{
    ModelInferRequest, ModelInferResponse, model_infer_response::InferOutputTensor,
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, Service},
    server::{Grpc, NamedService, UnaryService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

/// What `tonic` generates for a service of this one unary method.
#[derive(Clone)]
struct InferenceService;

#[derive(Clone)]
struct Echo;

/// Answers `ModelInfer` with its own tensors.
pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(Server::builder().add_service(InferenceService).serve_with_incoming(incoming).await?)
}

impl NamedService for InferenceService {
    const NAME: &'static str = "inference.GRPCInferenceService";
}

impl Service<http::Request<Body>> for InferenceService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            if !request.uri().path().ends_with("/ModelInfer") {
                return Ok(Status::unimplemented("the floor has ModelInfer only").into_http());
            }
            Ok(Grpc::new(ProstCodec::default()).unary(Echo, request).await)
        })
    }
}

impl UnaryService<ModelInferRequest> for Echo {
    type Response = ModelInferResponse;
    type Future = Ready<Result<Response<ModelInferResponse>, Status>>;

    fn call(&mut self, request: Request<ModelInferRequest>) -> Self::Future {
        ready(Ok(Response::new(echo(request.into_inner()))))
    }
}

fn echo(request: ModelInferRequest) -> ModelInferResponse {
    let outputs = request.inputs.into_iter().enumerate();
    let outputs = outputs.map(|(index, input)| InferOutputTensor {
        name: format!("OUTPUT{index}"),
        datatype: input.datatype,
        shape: input.shape,
        ..InferOutputTensor::default()
    });
    // The buffers that an engine would read from, and write to.
    let tensors: Vec<Vec<u8>> = request.raw_input_contents.iter().map(|raw| raw.to_vec()).collect();
    ModelInferResponse {
        model_name: request.model_name,
        model_version: "1".into(),
        outputs: outputs.collect(),
        raw_output_contents: tensors.into_iter().map(Bytes::from).collect(),
        ..ModelInferResponse::default()
    }
}
