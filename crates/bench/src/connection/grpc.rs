use std::{future::poll_fn, net::SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use h2::{RecvStream, client::SendRequest};
use http::{HeaderMap, Request};
use tokio::net::TcpStream;

/// Flow-control window, so that the largest answer here never waits for the client.
const WINDOW_BYTES: u32 = 16 << 20;

/// An HTTP/2 connection that carries one call at a time.
#[derive(Debug)]
pub(crate) struct GrpcConnection {
    sender: SendRequest<Bytes>,
    request: Request<()>,
    /// DATA of the last answer.
    frames: Vec<Bytes>,
    message: BytesMut,
}

impl GrpcConnection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = h2::client::Builder::new()
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .handshake(stream)
            .await?;
        // Ends when the sender is dropped; what goes wrong is seen by the call.
        tokio::task::spawn_local(async move { drop(driver.await) });
        let request =
            Request::post(format!("http://{address}/inference.GRPCInferenceService/ModelInfer"))
                .version(http::Version::HTTP_2)
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(())?;
        Ok(Self { sender, request, frames: Vec::new(), message: BytesMut::new() })
    }

    pub(crate) async fn call(&mut self, message: &Bytes) -> Result<()> {
        self.frames.clear();
        poll_fn(|context| self.sender.poll_ready(context)).await?;
        let (answer, mut body) = self.sender.send_request(self.request.clone(), false)?;
        body.send_data(message.clone(), true)?;
        let (head, stream) = answer.await?.into_parts();
        ensure!(head.status == 200, "HTTP status {}", head.status);
        let trailers = self.receive(stream).await?;
        check_status(trailers.as_ref().unwrap_or(&head.headers))
    }

    async fn receive(&mut self, mut stream: RecvStream) -> Result<Option<HeaderMap>> {
        while let Some(frame) = stream.data().await {
            let frame = frame?;
            stream.flow_control().release_capacity(frame.len())?;
            self.frames.push(frame);
        }
        Ok(stream.trailers().await?)
    }

    /// The last answer with its length prefix.
    pub(crate) fn message(&mut self) -> &[u8] {
        self.message.clear();
        self.frames.iter().for_each(|frame| self.message.extend_from_slice(frame));
        &self.message
    }
}

fn check_status(headers: &HeaderMap) -> Result<()> {
    let status = headers.get("grpc-status").context("the answer has no grpc-status")?;
    if status != "0" {
        let message =
            headers.get("grpc-message").map(|value| String::from_utf8_lossy(value.as_bytes()));
        bail!("gRPC status {status:?}: {}", message.unwrap_or_default());
    }
    Ok(())
}
