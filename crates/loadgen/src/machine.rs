use std::{fs, thread};

use crate::Machine;

/// Instruction sets that make inference faster, by the names that the system gives them.
const CPU_FEATURES: [&str; 16] = [
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
];

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let value = |keys: [&str; 2]| value_of(&cpu, keys).unwrap_or_default();
        let flags = value(["flags", "Features"]);
        let has = |feature: &&&str| flags.split_ascii_whitespace().any(|flag| flag == **feature);
        let name = value(["model name", "CPU implementer"]);
        Self {
            cpu: if name.is_empty() { std::env::consts::ARCH.to_owned() } else { name.to_owned() },
            cores: thread::available_parallelism().map_or(1, usize::from),
            cpu_features: CPU_FEATURES.iter().filter(has).map(ToString::to_string).collect(),
            memory_bytes: memory_bytes(&read("/proc/meminfo")).unwrap_or_default(),
            system: format!(
                "{} {}",
                std::env::consts::OS,
                read("/proc/sys/kernel/osrelease").trim()
            )
            .trim()
            .to_owned(),
        }
    }
}

/// Of lines such as `model name : AMD EPYC`.
fn value_of<'a>(text: &'a str, keys: [&str; 2]) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        keys.contains(&key.trim()).then(|| value.trim())
    })
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{Machine, value_of};

    #[test]
    fn this_machine_is_described() {
        let machine = Machine::this();
        assert!(machine.cores > 0 && machine.memory_bytes > 1 << 28, "{machine:?}");
        assert!(!machine.cpu.is_empty() && machine.system.starts_with("linux "), "{machine:?}");
    }

    #[test]
    fn values_are_found_by_either_key() {
        let text = "processor : 0\nmodel name\t: AMD EPYC: 7\n";
        assert_eq!(value_of(text, ["model name", "x"]), Some("AMD EPYC: 7"));
        assert_eq!(value_of(text, ["y", "x"]), None);
    }
}
