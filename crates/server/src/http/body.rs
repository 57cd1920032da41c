//! A request's body.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::refusal::Refusal;
use crate::HttpLimits;

/// Pieces of a body without a declared length. Each costs more than its bytes do.
const CHUNKS_MAX: usize = 65_536;

/// Memory that a body gets before its bytes are there, whatever length it declares.
const RESERVE_MAX: usize = 4 << 20;

/// A body that nobody wanted is read up to this size, so that its connection can be used again.
const DRAIN_BYTES_MAX: u64 = 64 << 10;

type IncomingFrame = Option<hyper::Result<Frame<Bytes>>>;

/// What is left of a request's body.
#[derive(Debug)]
pub(super) struct RequestBody {
    incoming: Incoming,
    /// Bytes taken out of it, as they came over the wire.
    bytes_read: usize,
    is_finished: bool,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming) -> Self {
        let is_finished = incoming.is_end_stream();
        Self { incoming, bytes_read: 0, is_finished }
    }

    pub(super) fn bytes_read(&self) -> usize {
        self.bytes_read
    }

    /// Reads all of it. A body that comes in one piece is not copied.
    ///
    /// # Errors
    ///
    /// It is or becomes too large, comes in too many or too slow pieces, or breaks off.
    pub(super) async fn read(&mut self, limits: &HttpLimits) -> Result<Bytes, Refusal> {
        let declared = self.incoming.size_hint().exact();
        let bytes_max = limits.body_bytes_max;
        if declared.is_some_and(|len| len > bytes_max as u64) {
            let len = declared.unwrap_or_default();
            return Err(too_large(&format!("the body has {len} bytes"), bytes_max));
        }
        let Some(first) = self.next(limits.body_idle_timeout).await? else {
            return Ok(Bytes::new());
        };
        if self.is_finished {
            return Ok(first);
        }
        let expected = declared.and_then(|len| usize::try_from(len).ok()).unwrap_or(first.len());
        let mut gathered = Vec::with_capacity(expected.min(RESERVE_MAX));
        gathered.extend_from_slice(&first);
        drop(first);
        let mut chunks = 1;
        while let Some(piece) = self.next(limits.body_idle_timeout).await? {
            chunks += 1;
            if declared.is_none() && chunks > CHUNKS_MAX {
                return Err(Refusal::bad_request(format!(
                    "the body comes in more than {CHUNKS_MAX} chunks; send larger ones, or a Content-Length"
                )));
            }
            if gathered.len() + piece.len() > bytes_max {
                return Err(too_large("the body has more bytes than allowed", bytes_max));
            }
            gathered.extend_from_slice(&piece);
        }
        Ok(gathered.into())
    }

    /// Whether all of it has been read, or could be now with little effort.
    pub(super) async fn finish(&mut self, headers: &HeaderMap, limits: &HttpLimits) -> bool {
        if self.is_finished {
            return true;
        }
        let left = self.incoming.size_hint().exact();
        // A client that waits to be told to go on has not sent anything yet.
        if left.is_none_or(|left| left > DRAIN_BYTES_MAX) || headers.contains_key(header::EXPECT) {
            return false;
        }
        while let Ok(Some(_)) = self.next(limits.body_idle_timeout).await {}
        self.is_finished
    }

    async fn wait(&mut self, idle_timeout: Duration) -> Result<IncomingFrame, Refusal> {
        tokio::time::timeout(idle_timeout, self.incoming.frame()).await.map_err(|_| {
            let seconds = idle_timeout.as_secs_f64();
            let message = format!("nothing of the body arrived for {seconds} s");
            Refusal::new(StatusCode::REQUEST_TIMEOUT, message)
        })
    }

    /// The next piece that is not empty.
    async fn next(&mut self, idle_timeout: Duration) -> Result<Option<Bytes>, Refusal> {
        loop {
            if self.is_finished {
                return Ok(None);
            }
            let frame = match ready_now(self.incoming.frame()).await {
                Some(frame) => frame,
                None => self.wait(idle_timeout).await?,
            };
            let Some(frame) = frame else {
                self.is_finished = true;
                return Ok(None);
            };
            let frame = frame.map_err(|error| {
                Refusal::bad_request(format!("the body cannot be read: {error}"))
            })?;
            self.is_finished = self.incoming.is_end_stream();
            // Trailers say nothing that is needed here.
            if let Ok(piece) = frame.into_data()
                && !piece.is_empty()
            {
                self.bytes_read += piece.len();
                return Ok(Some(piece));
            }
        }
    }
}

/// What a future has at once. Most bodies are there with their headers, and need no timer.
async fn ready_now<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    poll_fn(|task| match Pin::new(&mut future).poll(task) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

pub(super) fn too_large(what: &str, bytes_max: usize) -> Refusal {
    Refusal::too_large(&format!("{what}, the limit is {bytes_max}"))
}
