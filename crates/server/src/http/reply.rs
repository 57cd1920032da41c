use std::{
    convert::Infallible,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    vec,
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;

use super::{live::Live, openai::Events, watch::Watch};
use crate::dashboard::Viewer;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer's body: pieces that are sent from where they are.
#[derive(Debug, Default)]
pub(super) struct ReplyBody {
    pieces: Pieces,
    /// Bytes that have not been handed over.
    left: usize,
    /// Told when the answer has been handed over.
    watch: Option<Arc<Watch>>,
}

/// Pieces, the next one first.
#[derive(Debug, Default)]
enum Pieces {
    #[default]
    None,
    One(Bytes),
    Many(vec::IntoIter<Bytes>),
    /// Nobody knows how many.
    Live(Live),
    /// Somebody generates them.
    Events(Box<Events>),
}

impl ReplyBody {
    /// A body of pieces that are not empty.
    pub(super) fn of_pieces(pieces: Vec<Bytes>) -> Self {
        let left = pieces.iter().map(Bytes::len).sum();
        Self { pieces: Pieces::Many(pieces.into_iter()), left, watch: None }
    }

    /// A body of events.
    pub(super) fn live(viewer: Viewer) -> Self {
        Self { pieces: Pieces::Live(Live::new(viewer)), left: 0, watch: None }
    }

    /// A body of what is being generated.
    pub(super) fn events(events: Events) -> Self {
        Self { pieces: Pieces::Events(Box::new(events)), left: 0, watch: None }
    }

    fn is_live(&self) -> bool {
        matches!(self.pieces, Pieces::Live(_) | Pieces::Events(_))
    }

    /// Bytes of the whole body, if nothing of it has been handed over.
    pub(super) fn byte_len(&self) -> usize {
        self.left
    }

    /// Tells `watch` when the answer has been handed over.
    pub(super) fn watched(&mut self, watch: Arc<Watch>) {
        self.watch = Some(watch);
    }
}

impl From<Bytes> for ReplyBody {
    fn from(bytes: Bytes) -> Self {
        let left = bytes.len();
        let pieces = if left == 0 { Pieces::None } else { Pieces::One(bytes) };
        Self { pieces, left, watch: None }
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.answered();
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut self.pieces {
            Pieces::Many(pieces) => pieces.next(),
            Pieces::Live(live) => {
                return live.poll_next(task).map(|piece| piece.map(|piece| Ok(Frame::data(piece))));
            }
            Pieces::Events(events) => {
                let piece = events.poll_next(task);
                return piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))));
            }
            single => match mem::take(single) {
                Pieces::One(piece) => Some(piece),
                Pieces::None | Pieces::Many(_) | Pieces::Live(_) | Pieces::Events(_) => None,
            },
        };
        self.left -= piece.as_ref().map_or(0, Bytes::len);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && !self.is_live()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_live() { SizeHint::default() } else { SizeHint::with_exact(self.left as u64) }
    }
}

/// 200 with JSON text.
pub(super) fn json(text: impl Into<Bytes>) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::from(text.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// 200 with a document as JSON.
pub(super) fn json_document(document: &impl Serialize) -> Response<ReplyBody> {
    json(serde_json::to_vec(document).expect("documents have string keys and finite numbers"))
}

/// A status without a body.
pub(super) fn empty(status: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::default());
    *response.status_mut() = status;
    response
}
