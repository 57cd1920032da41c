use super::{CacheSizes, Line, MemoryLevel, Reader, plan};

#[test]
fn readers_agree_with_the_definition_at_every_remainder() {
    let lines: Vec<Line> = (1_u64..40)
        .map(|line| Line(std::array::from_fn(|word| line.wrapping_mul(0x9e37_79b9) << word)))
        .collect();
    for len in 0..lines.len() {
        let words = lines[..len].iter().flat_map(|line| line.0);
        let expected = words.fold(0, |all, word| all ^ word);
        for reader in Reader::all() {
            assert_eq!((reader.read)(&lines[..len]), expected, "{reader:?}, {len} lines");
        }
    }
}

#[test]
fn what_is_read_fits_the_level_that_it_measures() {
    let caches = CacheSizes { l1: 32 << 10, l2: 1 << 20, l3: Some(32 << 20), assumed: false };
    let levels = plan(&caches);
    let names: Vec<_> = levels.iter().map(|level| level.level).collect();
    use MemoryLevel::{Dram, L1, L2, L3};
    assert_eq!(names, [L1, L2, L3, Dram]);
    let bytes = |level: usize, threads| levels[level].lines_per_thread(threads) * size_of::<Line>();
    assert_eq!([bytes(0, 1), bytes(0, 8)], [16 << 10, 16 << 10]);
    assert_eq!([bytes(1, 1), bytes(1, 8)], [512 << 10, 512 << 10]);
    assert_eq!([bytes(2, 1), bytes(2, 8)], [16 << 20, 2 << 20]);
    assert_eq!([bytes(3, 1), bytes(3, 8)], [128 << 20, 16 << 20]);
}

#[track_caller]
fn check_room(caches: CacheSizes) {
    for threads in [1, 2, 7, 64, 5000] {
        for level in plan(&caches) {
            let lines = level.lines_per_thread(threads);
            assert!(lines > 0 && lines * threads <= level.lines_in_all, "{level:?}, {threads}");
        }
    }
}

#[test]
fn threads_never_read_beyond_what_is_there() {
    check_room(CacheSizes { l1: 32 << 10, l2: 1 << 20, l3: None, assumed: false });
    check_room(CacheSizes { l1: 1, l2: 2, l3: Some(1 << 30), assumed: false });
    check_room(CacheSizes::of_this_machine());
}
