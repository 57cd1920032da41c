//! One client connection: writes a prebuilt request, reads one answer, does as little else as it can.

mod grpc;
mod http;

use std::net::SocketAddr;

use anyhow::{Result, bail};

use crate::{answer::Answer, payload::Wire};
use grpc::GrpcConnection;
use http::HttpConnection;

/// A connection over which one request is in flight at a time.
#[derive(Debug)]
pub(crate) enum Connection {
    /// HTTP/1.1, kept alive.
    Http(HttpConnection),
    /// HTTP/2 with one stream at a time.
    Grpc(GrpcConnection),
}

impl Connection {
    /// Connects for requests of this kind.
    pub(crate) async fn open(address: SocketAddr, wire: &Wire) -> Result<Self> {
        Ok(match wire {
            Wire::Http(_) => Self::Http(HttpConnection::open(address).await?),
            Wire::Grpc(_) => Self::Grpc(GrpcConnection::open(address).await?),
        })
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// The connection broke, or the answer is no 200 (REST) or no OK (gRPC).
    pub(crate) async fn call(&mut self, wire: &Wire) -> Result<()> {
        match (self, wire) {
            (Self::Http(connection), Wire::Http(request)) => connection.call(request).await,
            (Self::Grpc(connection), Wire::Grpc(message)) => connection.call(message).await,
            _ => bail!("the connection is of another kind than the request"),
        }
    }

    /// The last answer.
    pub(crate) fn answer(&mut self) -> Answer<'_> {
        match self {
            Self::Http(connection) => connection.answer(),
            Self::Grpc(connection) => Answer::Grpc(connection.message()),
        }
    }
}
