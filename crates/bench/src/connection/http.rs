use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::answer::Answer;

/// Bytes that the read buffer starts with; it grows to the answer's size.
const BUFFER_BYTES: usize = 16 << 10;

/// Bytes of an answer's head or body that are accepted.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// An HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    stream: TcpStream,
    /// Fully initialised; `..filled` was read.
    buffer: Vec<u8>,
    filled: usize,
    /// Of the last answer.
    head: Head,
    body: Vec<u8>,
}

/// What matters of an answer's head.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Head {
    /// Bytes of the head with its empty line.
    bytes: usize,
    status: u16,
    /// `None` if the body is chunked.
    body_bytes: Option<usize>,
    inference_header_bytes: Option<usize>,
}

impl HttpConnection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let buffer = vec![0; BUFFER_BYTES];
        Ok(Self { stream, buffer, filled: 0, head: Head::default(), body: Vec::new() })
    }

    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        self.head = self.read_head().await?;
        match self.head.body_bytes {
            Some(bytes) => self.fill_to(self.head.bytes + bytes).await?,
            None => self.read_chunks().await?,
        }
        if self.head.status != 200 {
            let body = String::from_utf8_lossy(self.body()).into_owned();
            bail!("status {}: {body}", self.head.status);
        }
        Ok(())
    }

    pub(crate) fn answer(&self) -> Answer<'_> {
        Answer::Http(self.head.inference_header_bytes, self.body())
    }

    fn body(&self) -> &[u8] {
        match self.head.body_bytes {
            Some(bytes) => &self.buffer[self.head.bytes..][..bytes],
            None => &self.body,
        }
    }

    async fn read_head(&mut self) -> Result<Head> {
        loop {
            self.fill_to(self.filled + 1).await?;
            let read = &self.buffer[..self.filled];
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                return parse_head(&read[..end + 4]);
            }
        }
    }

    /// Reads until at least `bytes` are there.
    async fn fill_to(&mut self, bytes: usize) -> Result<()> {
        ensure!(bytes <= ANSWER_BYTES_MAX, "the answer has {bytes} bytes");
        if bytes > self.buffer.len() {
            self.buffer.resize(bytes.next_multiple_of(BUFFER_BYTES), 0);
        }
        while self.filled < bytes {
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            ensure!(read > 0, "the server closed the connection within an answer");
            self.filled += read;
        }
        Ok(())
    }

    async fn read_chunks(&mut self) -> Result<()> {
        self.body.clear();
        let mut at = self.head.bytes;
        loop {
            let (size, start) = self.read_chunk_size(at).await?;
            self.fill_to(start + size + 2).await?;
            self.body.extend_from_slice(&self.buffer[start..start + size]);
            at = start + size + 2;
            if size == 0 {
                return Ok(());
            }
        }
    }

    /// Size of the chunk whose line starts at `at`, and where its data starts.
    async fn read_chunk_size(&mut self, at: usize) -> Result<(usize, usize)> {
        let mut end = at;
        loop {
            self.fill_to(end + 2).await?;
            if &self.buffer[end..end + 2] == b"\r\n" {
                let line = std::str::from_utf8(&self.buffer[at..end])?;
                let digits = line.split(';').next().unwrap_or_default().trim();
                return Ok((usize::from_str_radix(digits, 16)?, end + 2));
            }
            end += 1;
        }
    }
}

fn parse_head(head: &[u8]) -> Result<Head> {
    let status = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = number(status.context("no HTTP/1.1 answer")?)?;
    let mut parsed = Head { bytes: head.len(), status: u16::try_from(status)?, ..Head::default() };
    let mut chunked = false;
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            parsed.body_bytes = Some(number(value)?);
        } else if name.eq_ignore_ascii_case(b"inference-header-content-length") {
            parsed.inference_header_bytes = Some(number(value)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            chunked = value.eq_ignore_ascii_case(b"chunked");
        }
    }
    ensure!(chunked || parsed.body_bytes.is_some(), "the answer does not tell its length");
    Ok(parsed)
}

fn number(digits: &[u8]) -> Result<usize> {
    Ok(std::str::from_utf8(digits)?.parse()?)
}

#[cfg(test)]
mod tests;
