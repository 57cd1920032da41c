use std::{num::NonZeroUsize, time::Duration};

use super::{MemoryLevel, Roofline};

#[track_caller]
fn check(threads: usize) -> Roofline {
    let threads = NonZeroUsize::new(threads).unwrap();
    let roofline = Roofline::measure(threads, Duration::ZERO);
    assert_eq!(roofline.threads, threads);
    let peaks = [Some(roofline.f32), roofline.bf16, Some(roofline.int8)];
    for peak in peaks.into_iter().flatten() {
        assert!(peak.one_core.is_finite() && peak.one_core > 0.0, "{peak:?}");
        assert!(peak.all_cores.is_finite() && peak.all_cores > 0.0, "{peak:?}");
        assert!(!peak.isa.is_empty());
    }
    for level in &roofline.bandwidth {
        assert!(level.one_core.is_finite() && level.one_core > 0.0, "{level:?}");
        assert!(level.all_cores.is_finite() && level.all_cores > 0.0, "{level:?}");
    }
    roofline
}

#[test]
fn every_figure_is_measured_and_levels_come_nearest_first() {
    let roofline = check(2);
    let levels: Vec<_> = roofline.bandwidth.iter().map(|level| level.level).collect();
    assert!(levels.is_sorted(), "{levels:?}");
    assert!(levels.contains(&MemoryLevel::L1) && levels.contains(&MemoryLevel::Dram));
}

#[test]
fn one_thread_is_all_threads_where_there_is_one() {
    let roofline = check(1);
    assert_eq!(roofline.f32.one_core.to_bits(), roofline.f32.all_cores.to_bits());
    for level in &roofline.bandwidth {
        assert_eq!(level.one_core.to_bits(), level.all_cores.to_bits(), "{level:?}");
    }
}
