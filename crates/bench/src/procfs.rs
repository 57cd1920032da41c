//! CPU time and memory of a server: all of its processes, from `/proc`.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context, Result};

/// Ticks per second of the times in `/proc/PID/stat`: a constant of Linux's interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// One line of `/proc/PID/stat`, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stat {
    /// Parent process.
    pub(crate) parent: u32,
    /// Process group.
    pub(crate) group: u32,
    /// User and system time, that of reaped children too.
    pub(crate) ticks: u64,
    /// Start time in ticks since boot; with the id it names a process for good.
    pub(crate) start: u64,
}

impl Stat {
    fn parse(line: &str) -> Option<Self> {
        // The command's name may hold anything, so fields are counted behind its last bracket.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let ticks = fields.get(11..15)?.iter().map(|field| field.parse().unwrap_or(0));
        Some(Self {
            parent: fields[1].parse().ok()?,
            group: fields[2].parse().ok()?,
            ticks: ticks.sum::<u64>(),
            start: fields.get(19)?.parse().ok()?,
        })
    }

    fn read(process: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }
}

/// A process and everything that it started: its group and all descendants.
pub(crate) fn tree(root: u32) -> Result<BTreeMap<u32, Stat>> {
    let entries = fs::read_dir("/proc").context("cannot list /proc")?;
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let all: BTreeMap<u32, Stat> = ids.filter_map(|id| Some((id, Stat::read(id)?))).collect();
    Ok(members(root, &all))
}

fn members(root: u32, all: &BTreeMap<u32, Stat>) -> BTreeMap<u32, Stat> {
    let is_member = |mut id: u32| {
        loop {
            let Some(stat) = all.get(&id) else { return false };
            if id == root || stat.group == root {
                return true;
            }
            id = stat.parent;
        }
    };
    all.iter().filter(|(id, _)| is_member(**id)).map(|(id, stat)| (*id, *stat)).collect()
}

/// CPU time that the tree has used so far. Processes that ended unseen by their parent are lost.
pub(crate) fn cpu_time(root: u32) -> Result<Duration> {
    let ticks: u64 = tree(root)?.values().map(|stat| stat.ticks).sum();
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND))
}

/// CPU time that this process has used so far, without its children.
pub(crate) fn own_cpu_time() -> Result<Duration> {
    let line = fs::read_to_string("/proc/self/stat")?;
    let fields = line.rsplit_once(')').context("/proc/self/stat has no name")?.1;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(Duration::from_secs_f64(ticks.sum::<Result<u64, _>>()? as f64 / TICKS_PER_SECOND))
}

/// Resident memory of the tree in bytes; pages that its processes share count for each.
pub(crate) fn resident_bytes(root: u32) -> Result<u64> {
    let resident = tree(root)?.into_keys().filter_map(|process| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    Ok(resident.sum::<u64>() * 1024)
}

#[cfg(test)]
mod tests;
