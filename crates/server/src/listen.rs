mod handshakes;

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::JoinSet,
};
use tracing::warn;

use crate::{
    error::StartError,
    network::NetworkThreads,
    shutdown::{Phase, Shutdown},
};

/// Quiet time after which the kernel asks a peer whether it is still there, and asks again.
const KEEP_ALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(20));

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
    // Accepted connections inherit it. Peers that vanished are found without a word of protocol.
    socket.set_tcp_keepalive(&KEEP_ALIVE)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections for one front end, at most so many at a time, until the server closes.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) listener: TcpListener,
    pub(crate) connections_max: usize,
    pub(crate) shutdown: Shutdown,
    /// Written to a connection that is one too many, before it is closed.
    pub(crate) refusal: &'static [u8],
    /// How long connections are still accepted whose handshake had begun when the server closed.
    pub(crate) last_call: Duration,
    /// Whether the last connection was refused: what is said once need not be said of each.
    pub(crate) is_full: AtomicBool,
    /// Who drives the connections; `None` is the thread that accepts them.
    pub(crate) network: Option<Arc<NetworkThreads>>,
}

impl Acceptor {
    /// Runs `serve` in a task for each connection and returns when the server closes and all of them
    /// have ended, or when it aborts.
    ///
    /// Connections that their clients have are served, also at the end: none is reset unseen.
    pub(crate) async fn run<S, F>(mut self, serve: S)
    where
        S: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut connections = JoinSet::new();
        let mut shutdown = self.shutdown.clone();
        let closing = shutdown.reached(Phase::Closing);
        self.accept_until(closing, &mut connections, &serve).await;
        if !self.last_call.is_zero() {
            handshakes::stop(&self.listener);
            let last_call = pause(self.last_call);
            self.accept_until(last_call, &mut connections, &serve).await;
        }
        while let Some((stream, peer)) = self.accept_now() {
            self.admit(stream, peer, &mut connections, &serve);
        }
        drop(self.listener);
        tokio::select! {
            () = all_ended(&mut connections) => {}
            () = self.shutdown.reached(Phase::Aborting) => connections.shutdown().await,
        }
    }

    async fn accept_until<S, F>(
        &self,
        end: impl Future<Output = ()>,
        connections: &mut JoinSet<()>,
        serve: &S,
    ) where
        S: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut end = pin!(end);
        loop {
            let accepted = tokio::select! {
                biased;
                () = end.as_mut() => return,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, connections, serve),
                Err(error) => pause_after(&error).await,
            }
        }
    }

    fn admit<S, F>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        connections: &mut JoinSet<()>,
        serve: &S,
    ) where
        S: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        if connections.len() >= self.connections_max {
            let connections_max = self.connections_max;
            if !self.is_full.swap(true, Ordering::Relaxed) {
                warn!(%peer, connections_max, "refusing connections: there are as many as may be");
            }
            // A fresh socket's send buffer is empty: what fits is sent, and nothing is waited for.
            let _ = stream.try_write(self.refusal);
            return;
        }
        self.is_full.store(false, Ordering::Relaxed);
        // Not every socket can; it is only a matter of speed.
        let _ = stream.set_nodelay(true);
        match self.network.as_ref().and_then(|network| network.next()) {
            None => _ = connections.spawn(serve(stream, peer)),
            Some(thread) => hand_over(stream, thread, connections, |stream| serve(stream, peer)),
        }
    }

    /// A connection that is waiting already, if there is one; asks the kernel itself, since the
    /// runtime may not have heard of it yet.
    fn accept_now(&self) -> Option<(TcpStream, SocketAddr)> {
        let (socket, peer) = SockRef::from(&self.listener).accept().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(socket.into()).ok()?, peer.as_socket()?))
    }
}

/// Gives a connection to another thread, whose runtime is then told of what happens on it.
fn hand_over<F>(
    stream: TcpStream,
    thread: &Handle,
    connections: &mut JoinSet<()>,
    serve: impl FnOnce(TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let moved = stream.into_std().and_then(|stream| {
        let _inside = thread.enter();
        TcpStream::from_std(stream)
    });
    match moved {
        Ok(stream) => _ = connections.spawn_on(serve(stream), thread),
        Err(error) => warn!(%error, "lost a connection between two threads"),
    }
}

async fn all_ended(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// Waits where trying again at once would only burn the processor.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return;
    }
    warn!(%error, "cannot accept a connection; trying again");
    pause(ACCEPT_PAUSE).await;
}

async fn pause(duration: Duration) {
    let never = std::future::pending::<()>();
    let _ = tokio::time::timeout(duration, never).await;
}
