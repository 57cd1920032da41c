//! CPU time and memory of a local server: all of its processes, from `/proc`.

mod listener;

use std::{collections::BTreeMap, fs, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

pub use listener::listener;

/// Ticks per second of the times in `/proc/PID/stat`: a constant of Linux's interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// A server's processes: one, its process group, and everything that it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessTree(pub u32);

/// One line of `/proc/PID/stat`, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    parent: u32,
    /// Process group.
    group: u32,
    /// User and system time of reaped children.
    reaped_ticks: u64,
    /// User and system time.
    ticks: u64,
    /// Start in ticks since boot.
    start: u64,
}

impl ProcessTree {
    /// CPU time that all of it has used so far. Processes that ended unseen by their parent are lost.
    #[must_use]
    pub fn cpu_time(self) -> Duration {
        self.members().iter().map(|(process, stat)| cpu_time(*process, stat)).sum()
    }

    /// CPU time of the children that have ended and were waited for.
    #[must_use]
    pub fn reaped_cpu_time(self) -> Duration {
        Stat::read(self.0).map(|stat| seconds(stat.reaped_ticks)).unwrap_or_default()
    }

    /// Resident memory in bytes; pages that the processes share count for each.
    #[must_use]
    pub fn resident_bytes(self) -> u64 {
        self.members().keys().filter_map(|process| resident_bytes(*process)).sum()
    }

    /// Tells the process itself to end (SIGTERM); false if it is not there or somebody else's.
    #[must_use]
    pub fn terminate(self) -> bool {
        let process = i32::try_from(self.0).ok().and_then(Pid::from_raw);
        process.is_some_and(|process| kill_process(process, Signal::TERM).is_ok())
    }

    /// Ids, each with its start in ticks since boot, which tells it from a later owner of its id.
    #[must_use]
    pub fn processes(self) -> BTreeMap<u32, u64> {
        self.members().into_iter().map(|(process, stat)| (process, stat.start)).collect()
    }

    /// Whether the process is there.
    #[must_use]
    pub fn exists(self) -> bool {
        Stat::read(self.0).is_some()
    }

    fn members(self) -> BTreeMap<u32, Stat> {
        let entries = fs::read_dir("/proc").into_iter().flatten();
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        members(self.0, &ids.filter_map(|id| Some((id, Stat::read(id)?))).collect())
    }
}

impl Stat {
    fn parse(line: &str) -> Option<Self> {
        // The command's name may hold anything, so fields are counted behind its last bracket.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let ticks = |from: usize| {
            let two = fields.get(from..from + 2)?.iter();
            Some(two.map(|field| field.parse::<u64>().unwrap_or(0)).sum::<u64>())
        };
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            ticks: ticks(11)?,
            reaped_ticks: ticks(13)?,
            start: fields.get(19)?.parse().ok()?,
        })
    }

    fn read(process: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }
}

fn members(root: u32, all: &BTreeMap<u32, Stat>) -> BTreeMap<u32, Stat> {
    let is_member = |mut id: u32| {
        loop {
            let Some(stat) = all.get(&id) else { return false };
            if id == root || (stat.group == root && root != 0) {
                return true;
            }
            id = stat.parent;
        }
    };
    all.iter().filter(|(id, _)| is_member(**id)).map(|(id, stat)| (*id, *stat)).collect()
}

/// To the nanosecond where the kernel keeps scheduler statistics, else to a tick.
fn cpu_time(process: u32, stat: &Stat) -> Duration {
    let reaped = seconds(stat.reaped_ticks);
    match scheduled(process) {
        Some(time) => time + reaped,
        None => seconds(stat.ticks) + reaped,
    }
}

#[expect(clippy::cast_precision_loss, reason = "ticks of decades are exact in an f64")]
fn seconds(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
}

/// The sum over the threads that are there; those that ended are in no thread's file, so it must not be
/// less than what the process itself counts.
fn scheduled(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut sum = Duration::ZERO;
    for thread in threads {
        let statistics = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        let nanos = statistics.split_ascii_whitespace().next()?.parse().ok()?;
        sum += Duration::from_nanos(nanos);
    }
    let counted = seconds(Stat::read(process)?.ticks);
    let is_whole = sum + Duration::from_millis(20) >= counted;
    (is_whole && sum > Duration::ZERO).then_some(sum)
}

fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests;
