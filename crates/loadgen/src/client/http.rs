use std::{io::IoSlice, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{CallError, Called, GenerationReader, Head, Stamps, head::Framing};
use crate::{FailureKind, answer::Answer, clock::now, request::GenerationKind};

/// Bytes that the read buffer starts with; it grows to the answer's size.
const BUFFER_BYTES: usize = 16 << 10;

/// Bytes of an answer that are accepted.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Longest line between two chunks of a body.
const CHUNK_LINE_BYTES_MAX: usize = 256;

/// An HTTP/1.1 connection, kept alive.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    /// Fully initialised; `read..filled` was received and not yet looked at.
    buffer: Vec<u8>,
    read: usize,
    filled: usize,
    head: Head,
    /// Where the last answer's body is: in `buffer`, or gathered from chunks in `body`.
    body_at: Option<(usize, usize)>,
    body: Vec<u8>,
}

impl HttpConnection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: vec![0; BUFFER_BYTES],
            read: 0,
            filled: 0,
            head: Head::default(),
            body_at: None,
            body: Vec::new(),
        }
    }

    pub(crate) async fn connect(&mut self) -> Result<(), CallError> {
        if self.stream.is_some() {
            return Ok(());
        }
        let failed =
            |error: std::io::Error| CallError::new(FailureKind::Connect, error.to_string());
        let stream = TcpStream::connect(self.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        self.stream = Some(stream);
        (self.read, self.filled) = (0, 0);
        Ok(())
    }

    pub(crate) fn close(&mut self) {
        self.stream = None;
    }

    /// Sends a request and reads its answer to the end.
    pub(crate) async fn call(&mut self, head: &[u8], body: &[u8]) -> Result<Called, CallError> {
        let stamps = self.exchange(head, body).await?;
        self.read_body().await?;
        self.finish()?;
        Ok(Called { stamps, timing: self.head.timing.take(), generation: None })
    }

    /// The same for an answer that is a generation, whose pieces' times count.
    pub(crate) async fn generate(
        &mut self,
        head: &[u8],
        body: &[u8],
        kind: GenerationKind,
    ) -> Result<Called, CallError> {
        let stamps = self.exchange(head, body).await?;
        if self.head.status != 200 || !kind.is_streamed() {
            self.read_body().await?;
            self.finish()?;
            let generation = Some(kind.read_whole(self.body(), now())?);
            return Ok(Called { stamps, timing: self.head.timing.take(), generation });
        }
        let mut reader = GenerationReader::new(kind);
        self.body_at = None;
        self.body.clear();
        while let Some((from, to)) = self.piece().await? {
            reader.take(&self.buffer[from..to], now())?;
        }
        self.finish()?;
        let generation = Some(reader.finish()?);
        Ok(Called { stamps, timing: self.head.timing.take(), generation })
    }

    pub(crate) fn answer(&self) -> Answer<'_> {
        Answer::Http(self.head.inference_header_bytes, self.body())
    }

    fn body(&self) -> &[u8] {
        match self.body_at {
            Some((from, to)) => &self.buffer[from..to],
            None => &self.body,
        }
    }

    /// Writes the request and reads the answer's head.
    async fn exchange(&mut self, head: &[u8], body: &[u8]) -> Result<Stamps, CallError> {
        self.connect().await?;
        let sent = now();
        self.write(head, body).await?;
        let written = now();
        // What is left of an answer before would be taken for this one's.
        (self.read, self.filled) = (0, 0);
        self.fill(1).await?;
        let first_byte = now();
        self.head = self.read_head().await?;
        Ok(Stamps { sent, written, first_byte })
    }

    async fn write(&mut self, head: &[u8], body: &[u8]) -> Result<(), CallError> {
        let stream = self.stream.as_mut().expect("the connection was just made");
        let all = [IoSlice::new(head), IoSlice::new(body)];
        let written = stream.write_vectored(&all).await.map_err(|e| CallError::transport(&e))?;
        let rest = match written.checked_sub(head.len()) {
            Some(of_body) => &body[of_body..],
            None => {
                let rest = stream.write_all(&head[written..]).await;
                rest.map_err(|error| CallError::transport(&error))?;
                body
            }
        };
        if rest.is_empty() {
            return Ok(());
        }
        stream.write_all(rest).await.map_err(|error| CallError::transport(&error))
    }

    async fn read_head(&mut self) -> Result<Head, CallError> {
        loop {
            if let Some(head) = Head::parse(&self.buffer[self.read..self.filled])? {
                self.read += head.bytes;
                // 100 Continue and its kind announce the answer.
                if head.status >= 200 {
                    return Ok(head);
                }
                continue;
            }
            let held = self.filled - self.read;
            if held > HEAD_BYTES_MAX {
                return Err(CallError::transport(&"the answer's head is too long"));
            }
            self.fill(held + 1).await?;
        }
    }

    /// Takes the whole body.
    async fn read_body(&mut self) -> Result<(), CallError> {
        if let Framing::Length(bytes) = self.head.framing {
            self.fill(bytes).await?;
            self.body_at = Some((self.read, self.read + bytes));
            self.read += bytes;
            return Ok(());
        }
        self.body_at = None;
        self.body.clear();
        while let Some((from, to)) = self.piece().await? {
            if self.body.len() + (to - from) > ANSWER_BYTES_MAX {
                return Err(CallError::transport(&"the answer is too long"));
            }
            self.body.extend_from_slice(&self.buffer[from..to]);
        }
        Ok(())
    }

    /// The next piece of the body as it comes in, as a range of the buffer.
    async fn piece(&mut self) -> Result<Option<(usize, usize)>, CallError> {
        match self.head.framing {
            Framing::Chunked => self.chunk().await,
            Framing::Length(0) => Ok(None),
            Framing::Length(left) => {
                self.fill(1).await?;
                let taken = self.take_at_most(left);
                self.head.framing = Framing::Length(left - (taken.1 - taken.0));
                Ok(Some(taken))
            }
            Framing::Close => {
                self.head.closes = true;
                let any = self.read < self.filled || self.receive().await? > 0;
                Ok(any.then(|| self.take_at_most(usize::MAX)))
            }
        }
    }

    /// One whole chunk; `None` behind the last.
    async fn chunk(&mut self) -> Result<Option<(usize, usize)>, CallError> {
        let size = self.chunk_size().await?;
        if size > 0 {
            self.fill(size + 2).await?;
            let from = self.read;
            self.read += size + 2;
            return Ok(Some((from, from + size)));
        }
        // Trailers, up to an empty line.
        while !self.line().await?.is_empty() {}
        Ok(None)
    }

    async fn chunk_size(&mut self) -> Result<usize, CallError> {
        let line = self.line().await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).ok().filter(|size| *size <= ANSWER_BYTES_MAX);
        size.ok_or_else(|| CallError::transport(&format!("a chunk's size is {digits:?}")))
    }

    async fn line(&mut self) -> Result<String, CallError> {
        let mut seen = 0;
        loop {
            let held = &self.buffer[self.read..self.filled];
            if let Some(end) = held[seen..].windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&held[..seen + end]).into_owned();
                self.read += seen + end + 2;
                return Ok(line);
            }
            seen = held.len().saturating_sub(1);
            if seen > CHUNK_LINE_BYTES_MAX {
                return Err(CallError::transport(&"a line between chunks is too long"));
            }
            self.fill(held.len() + 1).await?;
        }
    }

    fn take_at_most(&mut self, bytes: usize) -> (usize, usize) {
        let from = self.read;
        self.read = self.filled.min(from.saturating_add(bytes));
        (from, self.read)
    }

    /// Receives until at least `bytes` are held that were not looked at.
    async fn fill(&mut self, bytes: usize) -> Result<(), CallError> {
        if bytes > ANSWER_BYTES_MAX {
            return Err(CallError::transport(&format!("the answer has {bytes} bytes")));
        }
        self.make_room(bytes);
        while self.filled - self.read < bytes {
            if self.receive().await? == 0 {
                self.close();
                return Err(CallError::transport(&"the server closed the connection"));
            }
        }
        Ok(())
    }

    /// Moves what is held to the front if `bytes` would not fit behind it, and grows if need be.
    fn make_room(&mut self, bytes: usize) {
        if self.read + bytes > self.buffer.len() {
            self.buffer.copy_within(self.read..self.filled, 0);
            self.filled -= self.read;
            self.read = 0;
        }
        if bytes > self.buffer.len() {
            self.buffer.resize(bytes.next_multiple_of(BUFFER_BYTES), 0);
        }
    }

    async fn receive(&mut self) -> Result<usize, CallError> {
        if self.filled == self.buffer.len() {
            self.make_room(self.filled - self.read + BUFFER_BYTES);
        }
        let stream = self.stream.as_mut().ok_or_else(|| CallError::transport(&"not connected"))?;
        let read = stream.read(&mut self.buffer[self.filled..]).await;
        let read = read.map_err(|error| CallError::transport(&error))?;
        self.filled += read;
        Ok(read)
    }

    /// Closes if the server does, and turns a status that is none of success into a failure.
    fn finish(&mut self) -> Result<(), CallError> {
        if self.head.closes {
            self.close();
        }
        let status = self.head.status;
        let kind = match status {
            200..=299 => return Ok(()),
            429 | 503 => FailureKind::Overloaded,
            400..=499 => FailureKind::Refused,
            _ => FailureKind::Server,
        };
        let text = String::from_utf8_lossy(self.body());
        Err(CallError::new(kind, format!("status {status}: {}", excerpt(&text))))
    }
}

/// As much of a server's text as a message may hold.
pub(super) fn excerpt(text: &str) -> &str {
    let end = text.char_indices().nth(300).map_or(text.len(), |(index, _)| index);
    text[..end].trim_end()
}

#[cfg(test)]
mod tests;
