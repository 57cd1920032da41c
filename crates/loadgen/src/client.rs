//! Connections: send one request, read one answer, take the times, do as little else as can be.

mod grpc;
mod head;
mod http;
mod sse;

use std::{net::SocketAddr, time::Instant};

use crate::{
    FailureKind, Protocol,
    answer::{Answer, ServerTiming},
    request::Request,
};

pub(crate) use grpc::{GrpcConnection, GrpcStream};
pub(crate) use head::{Framing, Head};
pub(crate) use http::HttpConnection;
pub(crate) use sse::{Generation, GenerationReader};

/// Why a request has no answer that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallError {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

impl CallError {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn transport(error: &impl std::fmt::Display) -> Self {
        Self::new(FailureKind::Transport, error.to_string())
    }
}

/// When what happened to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamps {
    /// The first byte was about to be written.
    pub(crate) sent: Instant,
    /// The last byte was written.
    pub(crate) written: Instant,
    /// The answer's first bytes were read.
    pub(crate) first_byte: Instant,
}

/// What a call has brought beside its answer.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) stamps: Stamps,
    /// What the server told about its stages, if it was asked and told.
    pub(crate) timing: Option<ServerTiming>,
    /// Of a generation.
    pub(crate) generation: Option<Generation>,
}

/// A connection that makes one call at a time. It connects when it has to, also after a failure.
#[derive(Debug)]
pub(crate) struct Connection {
    wire: Wire,
    /// The body of the request at hand, with fresh random data in it.
    scratch: Vec<u8>,
    /// The request that `scratch` is of.
    scratch_of: Option<usize>,
}

#[derive(Debug)]
enum Wire {
    Http(HttpConnection),
    Grpc(GrpcConnection),
    GrpcStream(GrpcStream),
}

impl Connection {
    /// Not yet connected.
    pub(crate) fn new(address: SocketAddr, protocol: Protocol) -> Self {
        let wire = match protocol {
            Protocol::Grpc => Wire::Grpc(GrpcConnection::new(address)),
            Protocol::GrpcStream => Wire::GrpcStream(GrpcStream::new(address)),
            _ => Wire::Http(HttpConnection::new(address)),
        };
        Self { wire, scratch: Vec::new(), scratch_of: None }
    }

    /// Connects, unless it is.
    pub(crate) async fn connect(&mut self) -> Result<(), CallError> {
        match &mut self.wire {
            Wire::Http(http) => http.connect().await,
            Wire::Grpc(grpc) => grpc.connect().await,
            Wire::GrpcStream(stream) => stream.connect().await,
        }
    }

    /// Gives up the connection, so that the next call makes a new one.
    pub(crate) fn close(&mut self) {
        match &mut self.wire {
            Wire::Http(http) => http.close(),
            Wire::Grpc(grpc) => grpc.close(),
            Wire::GrpcStream(stream) => stream.close(),
        }
    }

    /// Fills the request's body with fresh random data, outside of the time that is measured.
    pub(crate) fn prepare(&mut self, index: usize, request: &Request, random: &mut crate::Random) {
        if request.slots.is_empty() {
            return;
        }
        if self.scratch_of != Some(index) {
            self.scratch.clear();
            self.scratch.extend_from_slice(&request.body);
            self.scratch_of = Some(index);
        }
        request.slots.iter().for_each(|slot| slot.fill(&mut self.scratch, random));
    }

    /// Sends the request as it was prepared and waits for its whole answer.
    ///
    /// # Errors
    ///
    /// Says how it failed; the connection is closed then, unless the answer came whole.
    pub(crate) async fn call(
        &mut self,
        request: &Request,
        explain: bool,
    ) -> Result<Called, CallError> {
        let fresh = (!request.slots.is_empty()).then_some(&*self.scratch);
        let called = match &mut self.wire {
            Wire::Http(http) => {
                let head = if explain { &request.explained_head } else { &request.head };
                let body = fresh.unwrap_or(&request.body);
                match request.generates {
                    Some(reading) => http.generate(head, body, reading).await,
                    None => http.call(head, body).await,
                }
            }
            Wire::Grpc(grpc) => grpc.call(&message(fresh, request), explain).await,
            Wire::GrpcStream(stream) => stream.call(&message(fresh, request)).await,
        };
        if let Err(error) = &called
            && matches!(error.kind, FailureKind::Transport | FailureKind::Timeout)
        {
            self.close();
        }
        called
    }

    /// The last answer, if the last call had one.
    pub(crate) fn answer(&mut self) -> Answer<'_> {
        match &mut self.wire {
            Wire::Http(http) => http.answer(),
            Wire::Grpc(grpc) => Answer::Grpc(grpc.message()),
            Wire::GrpcStream(stream) => Answer::GrpcStream(stream.message()),
        }
    }
}

fn message(fresh: Option<&[u8]>, request: &Request) -> bytes::Bytes {
    fresh.map_or_else(|| request.body.clone(), bytes::Bytes::copy_from_slice)
}
