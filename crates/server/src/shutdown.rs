use tokio::sync::watch;

/// How far the server has got on its way from running to stopped. Only ever moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Business as usual.
    Running,
    /// Not ready any more, still accepting. HTTP/1 answers say `Connection: close`, so that clients
    /// come back on a connection to somebody else.
    Draining,
    /// No new connections; those that there are end with the requests that they carry.
    Closing,
    /// Whatever is left is dropped.
    Aborting,
}

/// Announces the phase; the server holds the only one.
#[derive(Debug)]
pub(crate) struct ShutdownControl(watch::Sender<Phase>);

impl ShutdownControl {
    pub(crate) fn new() -> (Self, Shutdown) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (Self(sender), Shutdown(receiver))
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.0.send_replace(phase);
    }
}

/// What connections and streams look at to know when to end. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<Phase>);

impl Shutdown {
    /// Whether `phase` has been reached.
    pub(crate) fn has_reached(&self, phase: Phase) -> bool {
        *self.0.borrow() >= phase
    }

    /// Waits until `phase` is reached; at once if it is. A server that vanished counts as aborting.
    pub(crate) async fn reached(&mut self, phase: Phase) {
        // The error means that the sender is gone, which is the last phase.
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }
}
