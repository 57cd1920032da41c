//! The bare exchange: a request through the same front end that has nothing to decode, to queue for or
//! to compute. What it takes, beside a load, is what network, system and front end take for any
//! request under that load.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serving::Clock;

use crate::clock::pause;

const REQUEST: &[u8] = b"GET /v2/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
/// Rare enough that the load does not feel it.
const INTERVAL: Duration = Duration::from_millis(10);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of a reply's head; the server's has some hundred.
const HEAD_BYTES_MAX: u64 = 16 << 10;

/// Exchanges on a thread of their own, until they are ended.
#[derive(Debug)]
pub(crate) struct BareExchanges {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Vec<Duration>>>,
}

impl BareExchanges {
    /// Begins.
    ///
    /// # Errors
    ///
    /// There is no connection or no thread to be had.
    pub(crate) fn start(address: SocketAddr) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut connection = Connection::new(address)?;
        let stopped = Arc::clone(&stop);
        let exchanges = move || {
            let mut times = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                times.push(connection.exchange()?);
                pause(INTERVAL);
            }
            Ok(times)
        };
        let thread = std::thread::Builder::new().name("bare-exchange".to_owned());
        Ok(Self { stop, thread: thread.spawn(exchanges)? })
    }

    /// Ends; returns how long an exchange took, on average, without the first quarter, which was
    /// before the load was steady.
    ///
    /// # Errors
    ///
    /// The server did not answer.
    pub(crate) fn end(self) -> io::Result<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let times = self.thread.join().map_err(|_| io::Error::other("the thread panicked"))??;
        Ok(mean(&times[times.len() / 4..]))
    }
}

fn mean(times: &[Duration]) -> Duration {
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX).max(1);
    times.iter().sum::<Duration>() / count
}

struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Connection {
    fn new(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut connection = Self { stream: BufReader::new(stream), line: String::new() };
        connection.exchange()?;
        Ok(connection)
    }

    /// Sends the request and reads the reply, which has no body.
    fn exchange(&mut self) -> io::Result<Duration> {
        let start = Clock::now();
        self.stream.get_mut().write_all(REQUEST)?;
        let mut head = self.stream.by_ref().take(HEAD_BYTES_MAX);
        let mut is_first = true;
        loop {
            self.line.clear();
            if head.read_line(&mut self.line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if std::mem::take(&mut is_first) && !self.line.contains(" 200 ") {
                return Err(io::Error::other(format!("the server said {}", self.line.trim())));
            }
            if self.line == "\r\n" {
                return Ok(Clock::now().since(start));
            }
        }
    }
}

#[cfg(test)]
mod tests;
