use std::{fs, net::SocketAddr};

/// State of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The process of this machine that listens on an address; `None` if there is none, or if it belongs to
/// somebody else.
#[must_use]
pub fn listener(address: SocketAddr) -> Option<u32> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = fs::read_to_string(table).ok()?;
        table.lines().find_map(|line| listening_inode(line, address.port()))
    })?;
    owner(&format!("socket:[{inode}]"))
}

/// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode`.
fn listening_inode(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let local_port = u16::from_str_radix(fields.get(1)?.rsplit_once(':')?.1, 16).ok()?;
    let is_listener = local_port == port && *fields.get(3)? == LISTENING;
    is_listener.then(|| fields.get(9)?.parse().ok()).flatten()
}

fn owner(socket: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?;
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    // The parent of a server of several processes shares its socket; it came first.
    let mut owners: Vec<u32> = ids.filter(|process| holds(*process, socket)).collect();
    owners.sort_unstable();
    owners.first().copied()
}

fn holds(process: u32, socket: &str) -> bool {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
    files
        .filter_map(Result::ok)
        .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.to_str() == Some(socket)))
}
