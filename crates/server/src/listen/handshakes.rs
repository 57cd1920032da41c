//! Closing a listener without resetting connections that their clients already have.
//!
//! A client has its connection as soon as the kernel has answered its SYN; whatever the listener has
//! not accepted when it is closed is reset. So SYNs are left unanswered for a while first: what has
//! been answered can still be accepted, and who comes now is refused once the listener is gone.

use socket2::SockRef;
use tokio::net::TcpListener;
use tracing::debug;

/// Leaves the SYNs that come from now on unanswered, where the system can do that.
pub(super) fn stop(listener: &TcpListener) {
    if let Err(error) = drop_syns(&SockRef::from(listener)) {
        debug!(%error, "the listener cannot leave handshakes unanswered");
    }
}

#[cfg(target_os = "linux")]
fn drop_syns(socket: &SockRef<'_>) -> std::io::Result<()> {
    use socket2::SockFilter;

    /// Where a TCP header has its flags, and those of an opening packet.
    const FLAGS: (u32, u32, u32) = (13, SYN | ACK, SYN);
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;

    let (offset, mask, opening) = FLAGS;
    socket.attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, offset),
        SockFilter::new(AND, 0, 0, mask),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, opening),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(target_os = "linux"))]
fn drop_syns(_: &SockRef<'_>) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests;
