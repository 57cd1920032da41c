use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tracing::warn;

use crate::{
    error::StartError,
    shutdown::{Phase, Shutdown},
};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1024;

/// Pause after the process ran out of file descriptors or memory for one more connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds a listener for a front end; `flag` is what the user would change.
///
/// # Errors
///
/// Names the address and the flag.
pub(crate) fn bind(
    host: IpAddr,
    port: u16,
    flag: &'static str,
) -> Result<std::net::TcpListener, StartError> {
    let address = SocketAddr::new(host, port);
    open(address).map_err(|source| StartError::Bind { address, flag, source })
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier process that are still saying goodbye do not keep the port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections for one front end, at most so many at a time, until the server closes.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) listener: TcpListener,
    /// At least 1; more than [`Semaphore::MAX_PERMITS`] is as many.
    pub(crate) connections_max: usize,
    pub(crate) shutdown: Shutdown,
    /// Written to a connection that is one too many, before it is closed.
    pub(crate) refusal: &'static [u8],
}

impl Acceptor {
    /// Runs `serve` in a task for each connection and returns when the server closes and all of them
    /// have ended, or when it aborts.
    ///
    /// Connections that the kernel has completed are served, also at the end: none is reset unseen.
    pub(crate) async fn run<S, F>(mut self, serve: S)
    where
        S: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let connections_max = self.connections_max.clamp(1, u32::MAX as usize >> 3);
        let permits = Arc::new(Semaphore::new(connections_max));
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.reached(Phase::Closing) => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, &permits, &serve),
                Err(error) => pause_after(&error).await,
            }
        }
        while let Some((stream, peer)) = self.accept_now() {
            self.admit(stream, peer, &permits, &serve);
        }
        drop(self.listener);
        // Every connection holds one permit.
        let all = u32::try_from(connections_max).unwrap_or(u32::MAX);
        tokio::select! {
            _ = permits.acquire_many(all) => {}
            () = self.shutdown.reached(Phase::Aborting) => {}
        }
    }

    fn admit<S, F>(&self, stream: TcpStream, peer: SocketAddr, permits: &Arc<Semaphore>, serve: &S)
    where
        S: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let Ok(permit) = Arc::clone(permits).try_acquire_owned() else {
            warn!(%peer, connections_max = self.connections_max, "refused one connection too many");
            // A fresh socket's send buffer is empty: what fits is sent, and nothing is waited for.
            let _ = stream.try_write(self.refusal);
            return;
        };
        // Not every socket can; it is only a matter of speed.
        let _ = stream.set_nodelay(true);
        tokio::spawn(until_abort(serve(stream, peer), self.shutdown.clone(), permit));
    }

    /// A connection that is waiting already, if there is one.
    fn accept_now(&self) -> Option<(TcpStream, SocketAddr)> {
        let mut context = Context::from_waker(Waker::noop());
        match self.listener.poll_accept(&mut context) {
            Poll::Ready(Ok(accepted)) => Some(accepted),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        }
    }
}

async fn until_abort(
    connection: impl Future<Output = ()>,
    mut shutdown: Shutdown,
    permit: OwnedSemaphorePermit,
) {
    let connection = pin!(connection);
    tokio::select! {
        () = connection => {}
        () = shutdown.reached(Phase::Aborting) => {}
    }
    drop(permit);
}

/// Waits where trying again at once would only burn the processor.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return;
    }
    warn!(%error, "cannot accept a connection; trying again");
    let never = std::future::pending::<()>();
    let _ = tokio::time::timeout(ACCEPT_PAUSE, never).await;
}
