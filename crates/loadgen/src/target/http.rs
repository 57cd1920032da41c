use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use super::Target;
use crate::{
    MeasureError,
    client::{Framing, Head},
};

/// Time for one document.
const DOCUMENT_WAIT: Duration = Duration::from_secs(30);

/// Bytes of one document.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

impl Target {
    pub(super) fn unreachable(&self, reason: &impl std::fmt::Display) -> MeasureError {
        MeasureError::Unreachable { url: self.url.clone(), reason: reason.to_string() }
    }

    /// Gets a document by a connection of its own: how the server describes itself, outside of any
    /// measured time.
    ///
    /// # Errors
    ///
    /// Nobody answers, or with another status than 200, or with no JSON.
    pub(crate) fn get(&self, path: &str) -> Result<Value, MeasureError> {
        let exchange = self.exchange("GET", path, b"");
        let (status, body) = exchange.map_err(|error| self.unreachable(&error))?;
        self.document(path, status, &body)
    }

    /// Posts a document and gets one.
    pub(crate) fn post(&self, path: &str, document: &Value) -> Result<Value, MeasureError> {
        let body = document.to_string();
        let exchange = self.exchange("POST", path, body.as_bytes());
        let (status, body) = exchange.map_err(|error| self.unreachable(&error))?;
        self.document(path, status, &body)
    }

    fn document(&self, path: &str, status: u16, body: &[u8]) -> Result<Value, MeasureError> {
        let text = String::from_utf8_lossy(body);
        let shown: String = text.chars().take(300).collect();
        if status != 200 {
            let what = format!("{}{path} answers with status {status}: {shown}", self.url);
            return Err(MeasureError::Unexpected { what });
        }
        serde_json::from_str(&text).map_err(|_| MeasureError::Unexpected {
            what: format!("{}{path} answers with no JSON: {shown}", self.url),
        })
    }

    fn exchange(&self, method: &str, path: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect_timeout(&self.address, DOCUMENT_WAIT)?;
        stream.set_read_timeout(Some(DOCUMENT_WAIT))?;
        let mut head = format!(
            "{method} {}{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\naccept: application/json\r\n",
            self.endpoint.prefix, self.endpoint.host
        );
        for (name, value) in &self.endpoint.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head +=
                &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        stream.write_all(body)?;
        receive(&mut stream)
    }
}

/// Reads one answer: to the end that its head tells, since some servers keep the connection.
fn receive(stream: &mut TcpStream) -> std::io::Result<(u16, Vec<u8>)> {
    let mut read = Vec::new();
    let mut piece = vec![0; 16 << 10];
    loop {
        let bytes = stream.read(&mut piece)?;
        read.extend_from_slice(&piece[..bytes]);
        let is_over = bytes == 0;
        if let Some(answer) = parse(&read, is_over) {
            return Ok(answer);
        }
        if is_over || read.len() > DOCUMENT_BYTES_MAX {
            return Err(std::io::Error::other("what answers does not speak HTTP"));
        }
    }
}

/// Status and body, if the answer is whole; without a length it is when the connection ends.
fn parse(read: &[u8], is_over: bool) -> Option<(u16, Vec<u8>)> {
    let head = Head::parse(read).ok()??;
    if head.framing == Framing::Close && !is_over {
        return None;
    }
    let body = &read[head.bytes..];
    Some((head.status, head.framing.unframe(body)?))
}
