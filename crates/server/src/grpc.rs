//! The gRPC front end: the inference service, health and reflection over HTTP/2.
//!
//! Calls are taken from hyper's HTTP/2 connection and answered directly, without a router or a
//! service stack in between: a message that arrives in one piece becomes tensors without a copy,
//! and output tensors leave as they are. `tonic` brings statuses, generated types and reflection.

mod control;
mod decode;
mod dispatch;
mod encode;
mod encoding;
mod health;
mod infer;
mod message;
mod reply;
mod repository;
mod stream;
mod trace;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tracing::debug;

use crate::{GrpcLimits, shutdown::Phase};

pub(crate) use dispatch::Context;

/// Length of the greeting that every HTTP/2 client sends first.
const PREFACE_LEN: usize = 24;

/// Pause between two looks at a greeting that came in part.
const PREFACE_PAUSE: Duration = Duration::from_millis(20);

/// What a client may send on one call before it is read: an image of 1x3x224x224 floats fits twice.
const STREAM_WINDOW: u32 = 2 << 20;

/// The same for all calls of a connection together.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// Frames up to this size are taken: a message that fits into one is not copied.
const FRAME_BYTES_MAX: u32 = 1 << 20;

/// Bytes of one call's headers.
const HEADER_BYTES_MAX: u32 = 16 << 10;

/// Drives one connection to its end.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, context: Arc<Context>) {
    let limits = context.limits;
    match tokio::time::timeout(limits.handshake_timeout, preface(&stream)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return debug!(%peer, %error, "connection ended before it began"),
        Err(_) => return debug!(%peer, "no HTTP/2 within the handshake timeout"),
    }
    let mut shutdown = context.state.shutdown.clone();
    // In a box, a call moves into its task as a pointer.
    let service =
        service_fn(move |request| Box::pin(dispatch::answer(request, peer, Arc::clone(&context))));
    let mut connection = pin!(builder(&limits).serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = connection.as_mut() => return log_end(peer, ended),
        () = shutdown.reached(Phase::Closing) => connection.as_mut().graceful_shutdown(),
    }
    log_end(peer, connection.await);
}

fn builder(limits: &GrpcLimits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_concurrent_streams(limits.streams_max);
    builder
}

/// Waits for a whole greeting without taking it: a client that connects and is silent would
/// otherwise hold its connection for ever.
async fn preface(stream: &TcpStream) -> io::Result<()> {
    let mut greeting = [0; PREFACE_LEN];
    let mut pause = tokio::time::interval(PREFACE_PAUSE);
    loop {
        match stream.peek(&mut greeting).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            PREFACE_LEN.. => return Ok(()),
            _ => _ = pause.tick().await,
        }
    }
}

fn log_end(peer: SocketAddr, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        debug!(%peer, %error, "connection ended with an error");
    }
}
