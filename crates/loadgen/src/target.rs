//! The server that is measured: its address, what it says about itself and its models, and its counters.

mod grpc;
mod http;
mod metadata;
mod statistics;

use std::net::{SocketAddr, ToSocketAddrs};

use crate::{Endpoint, MeasureError};

pub use metadata::{ModelMetadata, ServerMetadata, TensorMetadata};
pub use statistics::ModelStatistics;

/// A server under one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it was given, with a scheme.
    pub url: String,
    /// Of the port that requests go to.
    pub address: SocketAddr,
    /// Whether that port speaks gRPC.
    pub is_grpc: bool,
    /// Host header, prefix, headers.
    pub endpoint: Endpoint,
}

impl Target {
    /// Reads `http://HOST:PORT/PREFIX`, `grpc://HOST:PORT` or `HOST:PORT` and looks the host up.
    /// Without a port, REST is on 8000 and gRPC on 8001.
    ///
    /// # Errors
    ///
    /// The address means nothing, or its host has no address.
    pub fn parse(url: &str, is_grpc: bool) -> Result<Self, MeasureError> {
        let unreachable =
            |reason: String| MeasureError::Unreachable { url: url.to_owned(), reason };
        let (scheme, rest) =
            url.split_once("://").unwrap_or((if is_grpc { "grpc" } else { "http" }, url));
        let is_known = matches!((scheme, is_grpc), ("http", _) | ("grpc", true));
        if !is_known {
            return Err(unreachable(match (scheme, is_grpc) {
                ("https" | "grpcs", _) => {
                    "TLS is not supported; measure behind what ends it".into()
                }
                ("grpc", false) => {
                    "a grpc:// address goes with --protocol grpc or grpc-stream".into()
                }
                _ => format!("'{scheme}' is no scheme; say http://HOST:PORT or grpc://HOST:PORT"),
            }));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = if is_grpc { 8001 } else { 8000 };
        let host = match authority.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
            _ => format!("{authority}:{port}"),
        };
        let address = host
            .to_socket_addrs()
            .map_err(|error| unreachable(error.to_string()))?
            .next()
            .ok_or_else(|| unreachable("the host has no address".to_owned()))?;
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        let url = format!("{scheme}://{host}{prefix}");
        let endpoint = Endpoint { host, prefix, headers: Vec::new() };
        Ok(Self { url, address, is_grpc, endpoint })
    }

    /// Whether the server runs on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }
}

#[cfg(test)]
mod tests;
