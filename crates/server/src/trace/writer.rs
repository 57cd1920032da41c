//! The thread that writes trace files. Whatever the disk does, requests do not wait for it.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tracing::warn;

use super::{Counts, Epoch, SharedCounts, file::push_trace};
use crate::{StartError, record::Record};

/// Bytes of tensors that wait for the disk.
const QUEUE_BYTES_MAX: usize = 64 << 20;

/// Bytes that a server writes into trace files during its life.
const WRITTEN_BYTES_MAX: u64 = 4 << 30;

/// Bytes of traces that are put together before they are written.
const CHUNK_BYTES: usize = 256 << 10;

/// How long what is on its way may take at the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What requests are handed to.
#[derive(Debug)]
pub(super) struct FileWriter {
    /// Gone when the server ends, which ends the thread.
    queue: Mutex<Option<SyncSender<Box<Record>>>>,
    /// Bytes of tensors in the queue.
    queued_bytes: Arc<AtomicUsize>,
    counts: SharedCounts,
    stopped: Mutex<Option<oneshot::Receiver<()>>>,
}

impl FileWriter {
    /// Starts the thread. The file is created when there is something to write.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub(super) fn start(path: PathBuf, queue_max: usize) -> Result<Self, StartError> {
        let (sender, receiver) = sync_channel(queue_max.max(1));
        let (ended, stopped) = oneshot::channel();
        let counts = SharedCounts::default();
        let queued_bytes = Arc::<AtomicUsize>::default();
        let worker = Worker {
            queue: receiver,
            queued_bytes: Arc::clone(&queued_bytes),
            counts: Arc::clone(&counts),
            files: Files::new(path),
            is_failing: false,
        };
        thread::Builder::new()
            .name("hone-trace-file".into())
            .spawn(move || {
                worker.run();
                // Nobody listens if the server was dropped.
                let _ = ended.send(());
            })
            .map_err(|source| StartError::Start { what: "the trace file's thread", source })?;
        let (queue, stopped) = (Mutex::new(Some(sender)), Mutex::new(Some(stopped)));
        Ok(Self { queue, queued_bytes, counts, stopped })
    }

    /// Takes a request; drops it if too many wait.
    pub(super) fn submit(&self, record: Box<Record>) {
        let bytes = tensor_bytes(&record);
        let before = self.queued_bytes.fetch_add(bytes, Relaxed);
        let has_room = before + bytes <= QUEUE_BYTES_MAX;
        let sent = match &*self.queue.lock() {
            Some(queue) if has_room => queue.try_send(record),
            _ => Err(TrySendError::Full(record)),
        };
        if sent.is_err() {
            self.queued_bytes.fetch_sub(bytes, Relaxed);
            self.counts.add_dropped(1);
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Lets what waits be written, and ends the thread.
    pub(super) async fn stop(&self) {
        self.queue.lock().take();
        let stopped = self.stopped.lock().take();
        if let Some(stopped) = stopped
            && tokio::time::timeout(STOP_TIMEOUT, stopped).await.is_err()
        {
            warn!("the last traces could not be written in time");
        }
    }
}

fn tensor_bytes(record: &Record) -> usize {
    record.tensors.iter().map(super::TracedTensor::byte_len).sum()
}

/// What the thread works with.
struct Worker {
    queue: Receiver<Box<Record>>,
    queued_bytes: Arc<AtomicUsize>,
    counts: SharedCounts,
    files: Files,
    /// The last write failed, which has been said.
    is_failing: bool,
}

impl Worker {
    /// Writes what comes until nobody can send any more.
    fn run(mut self) {
        // One look at the clock for all, so that differences between traces are exact.
        let epoch = Epoch::now();
        while let Ok(first) = self.queue.recv() {
            let mut next = Some(first);
            while let Some(record) = next {
                next = self.write_with_others(&record, epoch);
            }
        }
    }

    /// Writes a request, and those that wait and go into the same file; returns the first that does
    /// not.
    fn write_with_others(&mut self, first: &Record, epoch: Epoch) -> Option<Box<Record>> {
        let mut chunk = Vec::new();
        let mut traces = 0;
        let mut left_over = None;
        let room = self.files.room(frequency(first));
        self.push(&mut chunk, first, epoch, &mut traces);
        while traces < room && chunk.len() < CHUNK_BYTES {
            let Ok(record) = self.queue.try_recv() else { break };
            if frequency(&record) != frequency(first) {
                left_over = Some(record);
                break;
            }
            self.push(&mut chunk, &record, epoch, &mut traces);
        }
        match self.files.append(&chunk, traces, frequency(first)) {
            Ok(()) => {
                self.is_failing = false;
                self.counts.add_done(traces);
            }
            Err(error) => self.fail(&error, traces),
        }
        left_over
    }

    fn push(&self, chunk: &mut Vec<u8>, record: &Record, epoch: Epoch, traces: &mut usize) {
        self.queued_bytes.fetch_sub(tensor_bytes(record), Relaxed);
        if !chunk.is_empty() {
            chunk.extend_from_slice(b",\n");
        }
        push_trace(chunk, record, epoch);
        *traces += 1;
    }

    fn fail(&mut self, error: &io::Error, traces: usize) {
        self.counts.add_dropped(traces);
        if !self.is_failing {
            let path = self.files.path.display();
            warn!(%path, %error, "traces cannot be written; this is not said again until they can");
        }
        self.is_failing = true;
    }
}

fn frequency(record: &Record) -> usize {
    let frequency = record.sample.as_ref().map_or(0, |sample| sample.settings.log_frequency);
    usize::try_from(frequency).unwrap_or(usize::MAX)
}

/// The files of one `--trace-file`: one for all traces, or numbered ones of a certain size.
#[derive(Debug)]
struct Files {
    path: PathBuf,
    /// Takes what is not split.
    whole: Option<TraceFile>,
    /// Takes the next traces of what is split.
    part: Option<TraceFile>,
    next_part: u64,
    written: u64,
}

/// A file that holds an array; it is closed after every write, so that it can be read at any time.
#[derive(Debug)]
struct TraceFile {
    file: File,
    traces: usize,
}

impl Files {
    fn new(path: PathBuf) -> Self {
        Self { path, whole: None, part: None, next_part: 0, written: 0 }
    }

    /// Traces that still go into the file that is written to at this frequency.
    fn room(&self, frequency: usize) -> usize {
        let traces = self.part.as_ref().map_or(0, |part| part.traces);
        if frequency == 0 { usize::MAX } else { frequency.saturating_sub(traces).max(1) }
    }

    fn append(&mut self, chunk: &[u8], traces: usize, frequency: usize) -> io::Result<()> {
        if self.written + chunk.len() as u64 > WRITTEN_BYTES_MAX {
            let text = format!("{WRITTEN_BYTES_MAX} bytes have been written since the start");
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, text));
        }
        let file = if frequency == 0 {
            match &mut self.whole {
                Some(file) => file,
                whole => whole.insert(TraceFile::create(&self.path)?),
            }
        } else {
            match &mut self.part {
                Some(file) => file,
                part => {
                    let file = TraceFile::create(&numbered(&self.path, self.next_part))?;
                    self.next_part += 1;
                    part.insert(file)
                }
            }
        };
        file.append(chunk, traces)?;
        self.written += chunk.len() as u64;
        if frequency > 0 && file.traces >= frequency {
            self.part = None;
        }
        Ok(())
    }
}

fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

const OPENING: &[u8] = b"[\n";
const CLOSING: &[u8] = b"\n]\n";

impl TraceFile {
    fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        file.write_all(&[OPENING, CLOSING].concat())?;
        Ok(Self { file, traces: 0 })
    }

    /// Writes over the end of the array, and ends it again.
    fn append(&mut self, chunk: &[u8], traces: usize) -> io::Result<()> {
        let closing_len = i64::try_from(CLOSING.len()).unwrap_or(0);
        let end = self.file.seek(SeekFrom::End(-closing_len))?;
        let separator: &[u8] = if self.traces == 0 { b"" } else { b",\n" };
        let written = self.file.write_all(&[separator, chunk, CLOSING].concat());
        if written.is_err() {
            // What was written in part is taken out again, if the disk lets us.
            self.file.set_len(end)?;
            self.file.seek(SeekFrom::Start(end))?;
            self.file.write_all(CLOSING)?;
        }
        written?;
        self.traces += traces;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
