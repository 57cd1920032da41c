use super::{MachineTicks, UsageReader, kilobytes, machine_ticks, process_seconds};

#[test]
fn the_system_files_are_read() {
    let stat = "cpu  10 1 5 80 4 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
    assert_eq!(machine_ticks(stat), Some(MachineTicks { total: 100, idle: 84 }));
    assert_eq!(kilobytes("Name: x\nVmRSS:\t    2048 kB\n", "VmRSS:"), Some(2 << 20));
    let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 3 0 9 9 9";
    assert_eq!(process_seconds(stat), Some(2.0));
}

#[test]
fn what_is_not_there_is_left_out() {
    assert_eq!(machine_ticks(""), None);
    assert_eq!(kilobytes("VmRSS: some", "VmRSS:"), None);
    assert_eq!(process_seconds("7"), None);
}

#[track_caller]
fn check_utilization(reader: &mut UsageReader, total: u64, idle: u64, expected: f64) {
    reader.update_utilization(Some(MachineTicks { total, idle }));
    assert_eq!(reader.utilization, Some(expected));
}

#[test]
fn utilization_is_that_since_the_last_reading() {
    let mut reader = UsageReader::default();
    check_utilization(&mut reader, 1000, 500, 0.5);
    check_utilization(&mut reader, 1100, 525, 0.75);
    // Too soon after the last to say anything.
    check_utilization(&mut reader, 1101, 526, 0.75);
}

#[test]
fn this_machine_has_what_it_has() {
    let usage = UsageReader::default().read();
    if cfg!(target_os = "linux") {
        assert!(usage.resident_bytes.is_some_and(|bytes| bytes > 100_000));
        assert!(usage.memory_used < usage.memory_total);
        assert!(usage.machine_utilization.is_some_and(|share| (0.0..=1.0).contains(&share)));
        assert!(usage.cpu_seconds.is_some());
    }
}
