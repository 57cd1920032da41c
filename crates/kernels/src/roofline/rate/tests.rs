use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Barrier, Slice, covered, rounds_of_a_repetition};
use crate::clock::now;

/// Takes the time that it is told to.
fn spin(duration: Duration) {
    let start = now();
    while now().saturating_duration_since(start) < duration {
        std::hint::spin_loop();
    }
}

#[test]
fn a_rate_counts_the_rounds_of_every_thread() {
    let threads = Mutex::new(BTreeSet::new());
    let rounds_done = AtomicUsize::new(0);
    let slice = Slice { threads: 3, budget: Duration::ZERO };
    let rate = slice.rate(|thread, rounds| {
        threads.lock().unwrap().insert(thread);
        rounds_done.fetch_add(rounds, Ordering::Relaxed);
        spin(Duration::from_micros(20) * u32::try_from(rounds).unwrap());
    });
    assert_eq!(threads.into_inner().unwrap(), BTreeSet::from([0, 1, 2]));
    // Three threads cannot do a round in less time than it takes.
    assert!(rate > 0.0 && rate <= 3.0 * 50_000.0, "{rate}");
    // At least three repetitions of each thread.
    assert!(rounds_done.into_inner() >= 9);
}

#[test]
fn a_repetition_lasts_from_the_first_start_to_the_last_end() {
    let zero = now();
    let at = |micros| zero + Duration::from_micros(micros);
    let spans: Vec<Vec<(Instant, Instant)>> =
        vec![vec![(at(0), at(5)), (at(10), at(20))], vec![(at(1), at(4)), (at(12), at(27))]];
    assert_eq!(covered(&spans, 0), Duration::from_micros(5));
    assert_eq!(covered(&spans, 1), Duration::from_micros(17));
}

#[test]
fn rounds_are_found_by_doubling() {
    let tried = Mutex::new(Vec::new());
    let rounds = rounds_of_a_repetition(|rounds| {
        tried.lock().unwrap().push(rounds);
        spin(Duration::from_micros(300) * u32::try_from(rounds).unwrap());
    });
    let tried = tried.into_inner().unwrap();
    assert!(tried.iter().enumerate().all(|(index, rounds)| *rounds == 1 << index), "{tried:?}");
    assert!(rounds >= *tried.last().unwrap());
}

#[test]
fn nobody_passes_a_barrier_before_everybody_has_come() {
    let (barrier, rounds) = (Barrier::new(3), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..50 {
                    rounds.fetch_add(1, Ordering::Relaxed);
                    barrier.wait();
                    assert!(rounds.load(Ordering::Relaxed) >= 3 * (round + 1));
                    barrier.wait();
                }
            });
        }
    });
    assert_eq!(rounds.into_inner(), 150);
}
