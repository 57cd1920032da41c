//! What the system knows about this process and machine; nothing where there is no `/proc`.

use std::fs;

/// Ticks per second of the CPU times in `/proc`: fixed for user space on every Linux architecture.
const USER_HZ: f64 = 100.0;

/// CPU time of the machine below which a difference says nothing about utilisation, in ticks.
const UTILIZATION_TICKS_MIN: u64 = 20;

/// CPU time and memory of the process and the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Bytes of the process in memory.
    pub(crate) resident_bytes: Option<u64>,
    /// Seconds of CPU time of the process.
    pub(crate) cpu_seconds: Option<f64>,
    /// Share of the machine's CPU time that was not idle, 0 to 1.
    pub(crate) machine_utilization: Option<f64>,
    /// Bytes of memory of the machine.
    pub(crate) memory_total: Option<u64>,
    /// Those that are not available.
    pub(crate) memory_used: Option<u64>,
}

/// Reads [`Usage`]; remembers the last reading, since utilisation is a difference.
#[derive(Debug, Default)]
pub(crate) struct UsageReader {
    last: MachineTicks,
    utilization: Option<f64>,
}

/// CPU time of all cores since the machine started, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct MachineTicks {
    total: u64,
    idle: u64,
}

impl UsageReader {
    /// The present; utilisation since the previous call.
    pub(crate) fn read(&mut self) -> Usage {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        self.update_utilization(machine_ticks(&read("/proc/stat")));
        let meminfo = read("/proc/meminfo");
        let memory_total = kilobytes(&meminfo, "MemTotal:");
        let available = kilobytes(&meminfo, "MemAvailable:");
        Usage {
            resident_bytes: kilobytes(&read("/proc/self/status"), "VmRSS:"),
            cpu_seconds: process_seconds(&read("/proc/self/stat")),
            machine_utilization: self.utilization,
            memory_total,
            memory_used: memory_total
                .zip(available)
                .map(|(total, free)| total.saturating_sub(free)),
        }
    }

    fn update_utilization(&mut self, ticks: Option<MachineTicks>) {
        let Some(now) = ticks else { return };
        let total = now.total.saturating_sub(self.last.total);
        let idle = now.idle.saturating_sub(self.last.idle);
        if total < UTILIZATION_TICKS_MIN {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
        let share = 1.0 - (idle as f64 / total as f64).min(1.0);
        self.utilization = Some(share);
        self.last = now;
    }
}

/// First line of `/proc/stat`: user nice system idle iowait irq softirq steal, then guest times that
/// user and nice contain already.
fn machine_ticks(stat: &str) -> Option<MachineTicks> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = fields.split_whitespace().take(8).map_while(|f| f.parse().ok()).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some(MachineTicks { total: ticks.iter().sum(), idle })
}

/// Value in bytes of a line such as `VmRSS:   1234 kB`.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

/// User and system time in `/proc/self/stat`, whose second field may hold anything in parentheses.
fn process_seconds(stat: &str) -> Option<f64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some((f64::from(ticks()?) + f64::from(ticks()?)) / USER_HZ)
}

#[cfg(test)]
mod tests;
