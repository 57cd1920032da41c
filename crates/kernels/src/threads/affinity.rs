//! Which CPU a thread keeps to.

use super::ThreadsOptions;

/// One CPU for each thread, or none where threads are not to be pinned.
pub(super) fn cpus_to_pin(options: ThreadsOptions) -> Vec<usize> {
    let cpus = if options.pin { allowed_cpus() } else { Vec::new() };
    if cpus.len() == options.count.get() { cpus } else { Vec::new() }
}

#[cfg(target_os = "linux")]
fn allowed_cpus() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

/// Keeps the calling thread on `cpu`. If the system refuses, it stays where the system wants it.
#[cfg(target_os = "linux")]
pub(super) fn pin(cpu: Option<usize>) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if let Some(cpu) = cpu {
        let mut set = CpuSet::new();
        set.set(cpu);
        let _refused = sched_setaffinity(None, &set);
    }
}

#[cfg(not(target_os = "linux"))]
fn allowed_cpus() -> Vec<usize> {
    Vec::new()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn pin(_: Option<usize>) {}
