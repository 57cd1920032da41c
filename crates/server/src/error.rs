use std::{io, net::SocketAddr};

use serving::ServeError;

/// Why the server did not start. The message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken, or the address is not of this machine.
    #[error("cannot listen on {address}: {source}; free it or choose another with {flag}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The flag that chooses it.
        flag: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Traces were asked for that cannot be had.
    #[error(transparent)]
    Trace(ServeError),
    /// The system gave no thread, timer or descriptor.
    #[error("cannot start {what}")]
    Start {
        /// What was not started.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}
