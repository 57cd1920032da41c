use std::{fmt, str::FromStr};

use http::Uri;

/// Where an OpenTelemetry collector takes traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEndpoint {
    pub(crate) protocol: TraceProtocol,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path of the request.
    pub(crate) path: String,
}

/// How it takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceProtocol {
    /// OTLP/HTTP with protobuf bodies.
    Http,
    /// OTLP/gRPC.
    Grpc,
}

/// Path of an OTLP/HTTP collector whose URL has none.
const HTTP_PATH: &str = "/v1/traces";

/// The one path of OTLP/gRPC.
const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

impl TraceEndpoint {
    /// A base URL, as `OTEL_EXPORTER_OTLP_ENDPOINT` gives it: the path of traces is added to its own.
    ///
    /// # Errors
    ///
    /// See [`FromStr`].
    pub fn from_base(url: &str, protocol: TraceProtocol) -> Result<Self, String> {
        let endpoint = Self::parse(url, Some(protocol))?;
        if endpoint.protocol == TraceProtocol::Grpc || endpoint.path == HTTP_PATH {
            return Ok(endpoint);
        }
        let path = format!("{}{HTTP_PATH}", endpoint.path.trim_end_matches('/'));
        Ok(Self { path, ..endpoint })
    }

    fn parse(url: &str, asked: Option<TraceProtocol>) -> Result<Self, String> {
        let invalid = || {
            format!(
                "'{url}' is no collector's URL; it looks like http://host:4318 (OTLP over HTTP) or \
                 grpc://host:4317 (OTLP over gRPC)"
            )
        };
        let uri: Uri = url.trim().parse().map_err(|_| invalid())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let protocol = match uri.scheme_str() {
            Some("http") => asked.unwrap_or(TraceProtocol::Http),
            Some("grpc") => TraceProtocol::Grpc,
            Some("https" | "grpcs") => {
                return Err(format!(
                    "'{url}' asks for TLS, which traces are not sent over; give a collector near by, \
                     which can pass them on over TLS"
                ));
            }
            _ => return Err(invalid()),
        };
        let (port, path) = match protocol {
            TraceProtocol::Http if matches!(uri.path(), "" | "/") => (4318, HTTP_PATH),
            TraceProtocol::Http => (4318, uri.path()),
            TraceProtocol::Grpc => (4317, GRPC_PATH),
        };
        Ok(Self { protocol, host, port: uri.port_u16().unwrap_or(port), path: path.to_owned() })
    }

    /// Host and port, as a request names them.
    pub(crate) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl FromStr for TraceEndpoint {
    type Err = String;

    /// `http://host:4318`, with a path if it is not `/v1/traces`, or `grpc://host:4317`.
    fn from_str(url: &str) -> Result<Self, String> {
        Self::parse(url, None)
    }
}

impl fmt::Display for TraceEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            TraceProtocol::Http => write!(f, "http://{}{}", self.authority(), self.path),
            TraceProtocol::Grpc => write!(f, "grpc://{}", self.authority()),
        }
    }
}

#[cfg(test)]
mod tests;
