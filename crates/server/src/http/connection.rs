//! One connection: its socket, its limits in time and its end.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serving::Clock;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::{JoinError, JoinHandle},
    time::{Interval, MissedTickBehavior},
};
use tracing::{debug, error};

use super::{Context, answer::answer, watch::Watch};
use crate::{HttpLimits, shutdown::Phase};

/// Bytes of a request's line and headers.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Headers of a request.
const HEADERS_MAX: usize = 128;

/// Longest pause between two looks at a connection's limits in time.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Shortest one.
const LOOK_MIN: Duration = Duration::from_millis(5);

/// The pause while the server ends.
const CLOSING_LOOK: Duration = Duration::from_millis(100);

/// What the requests of one connection share.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) context: Arc<Context>,
    pub(super) watch: Arc<Watch>,
    pub(super) peer: SocketAddr,
}

/// Serves one connection to its end.
///
/// HTTP runs in a task of its own, so that a request wakes nothing else. This one looks at the limits
/// in time now and then.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, context: Arc<Context>) {
    let limits = context.limits;
    let mut shutdown = context.state.shutdown.clone();
    let watch = Arc::new(Watch::new());
    let mut driver = Driver(tokio::spawn(drive(stream, peer, context, Arc::clone(&watch))));
    let mut look = looks(look_period(&limits));
    let mut is_closing = false;
    loop {
        tokio::select! {
            biased;
            ended = &mut driver.0 => return log_panic(peer, ended),
            () = shutdown.reached(Phase::Closing), if !is_closing => {
                // Answers say from now on that they are the connection's last.
                is_closing = true;
                watch.start_anew();
                look = looks(CLOSING_LOOK);
            }
            _ = look.tick() => {
                if watch.is_overdue(Clock::now(), &limits, is_closing) {
                    return debug!(%peer, "closed a connection that took too long");
                }
            }
        }
    }
}

/// A connection's task; it ends with whoever waits for it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn drive(stream: TcpStream, peer: SocketAddr, context: Arc<Context>, watch: Arc<Watch>) {
    let socket = Socket { stream, watch: Arc::clone(&watch), is_shut: false };
    let connection = Arc::new(Connection { context, watch, peer });
    let service = service_fn(move |request| answer(request, Arc::clone(&connection)));
    if let Err(error) = builder().serve_connection(TokioIo::new(socket), service).await {
        debug!(%peer, %error, "connection ended with an error");
    }
}

fn log_panic(peer: SocketAddr, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%peer, %error, "answering a request panicked");
    }
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_header_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    builder
}

fn looks(period: Duration) -> Interval {
    let mut look = tokio::time::interval(period);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look
}

fn look_period(limits: &HttpLimits) -> Duration {
    let shortest = limits.header_timeout.min(limits.keep_alive).min(limits.body_idle_timeout);
    (shortest / 4).clamp(LOOK_MIN, LOOK_MAX)
}

/// A socket that tells the watch what happens on it.
struct Socket {
    stream: TcpStream,
    watch: Arc<Watch>,
    is_shut: bool,
}

impl Socket {
    fn wrote<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.watch.set_blocked(written.is_pending());
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(task, buffer);
        if buffer.filled().len() > before {
            self.watch.received();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(task, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(task, pieces);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    /// A socket that is closed while the client still sends would be reset, and the answer lost that
    /// may be on its way. So what the client still sends is thrown away for a while.
    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(task))?;
            self.is_shut = true;
        }
        let mut waste = [0; 4096];
        while self.watch.finished() {
            let mut buffer = ReadBuf::new(&mut waste);
            ready!(Pin::new(&mut self.stream).poll_read(task, &mut buffer))?;
            if buffer.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
