//! On what a profile was made.

use std::{fs, num::NonZeroUsize};

use engines::cpu_features;
use kernels::Roofline;

use crate::{BandwidthFacts, MachineFacts, PeakFacts, RooflineFacts};

/// The load average: read before the profile itself is a load.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

pub(crate) fn facts(
    cores: NonZeroUsize,
    load_average: String,
    roofline: &Roofline,
) -> MachineFacts {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = field(&memory, "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0_u64);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    MachineFacts {
        processor: field(&cpu, "model name").to_owned(),
        cores: cores.get(),
        cpu_features: cpu_features(),
        memory_bytes: kilobytes * 1024,
        kernel: kernel.trim().to_owned(),
        load_average,
        roofline: roofline_facts(roofline),
    }
}

fn roofline_facts(roofline: &Roofline) -> RooflineFacts {
    let peak = |element, peak: Option<&kernels::Peak>| PeakFacts {
        element,
        isa: peak.map(|peak| peak.isa),
        one_core: peak.map_or(0.0, |peak| peak.one_core),
        all_cores: peak.map_or(0.0, |peak| peak.all_cores),
    };
    let level = |level: &kernels::Bandwidth| BandwidthFacts {
        level: level.level.name(),
        bytes: level.level_bytes,
        one_core: level.one_core,
        all_cores: level.all_cores,
    };
    RooflineFacts {
        peaks: vec![
            peak("f32", Some(&roofline.f32)),
            peak("bf16", roofline.bf16.as_ref()),
            peak("int8", Some(&roofline.int8)),
        ],
        bandwidth: roofline.bandwidth.iter().map(level).collect(),
        caches_assumed: roofline.caches_assumed,
    }
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').unwrap_or_default().1.trim()
}
