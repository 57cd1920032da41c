use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use super::{Threads, ThreadsOptions};

fn threads(count: usize, spin: Duration) -> Threads {
    let count = NonZeroUsize::new(count).unwrap();
    Threads::new(ThreadsOptions { spin, ..ThreadsOptions::new(count) }).unwrap()
}

/// Every thread must be called once by each of `runs` runs.
#[track_caller]
fn check(count: usize, spin: Duration, runs: usize) {
    let threads = threads(count, spin);
    let calls: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
    for run in 1..=runs {
        threads.run(&|thread| {
            calls[thread].fetch_add(1, Ordering::Relaxed);
        });
        let all = calls.iter().all(|calls| calls.load(Ordering::Relaxed) == run);
        assert!(all, "{count} threads, run {run}: {calls:?}");
    }
}

#[test]
fn every_thread_runs_every_task_once() {
    for count in [1, 2, 3, 7] {
        check(count, Duration::from_micros(50), 300);
    }
}

#[test]
fn threads_that_sleep_at_once_wake_up() {
    for count in [2, 4] {
        check(count, Duration::ZERO, 2000);
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_threads_live_on() {
    let threads = threads(3, Duration::from_micros(50));
    for culprit in [0, 1, 2, 1] {
        let run = || threads.run(&|thread| assert_ne!(thread, culprit, "thread {culprit} fails"));
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        let message = payload.downcast_ref::<String>().unwrap();
        assert!(message.contains(&format!("thread {culprit} fails")), "{message}");
        let calls = AtomicUsize::new(0);
        threads.run(&|_| {
            calls.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(calls.into_inner(), 3);
    }
}

#[test]
fn all_threads_may_panic_at_once() {
    let threads = threads(3, Duration::ZERO);
    for _ in 0..50 {
        let run = || threads.run(&|_| std::panic::resume_unwind(Box::new("gone")));
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    }
}

#[test]
fn callers_take_turns() {
    let threads = threads(2, Duration::from_micros(20));
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let calls = AtomicUsize::new(0);
    let caller = || {
        for _ in 0..500 {
            threads.run(&|_| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                calls.fetch_add(1, Ordering::Relaxed);
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(caller);
        scope.spawn(caller);
    });
    assert_eq!(calls.into_inner(), 2 * 500 * 2);
    assert!(most.into_inner() <= 2, "two tasks ran at once");
}

#[test]
fn a_task_may_run_another() {
    let threads = threads(2, Duration::from_micros(20));
    let calls = AtomicUsize::new(0);
    threads.run(&|_| {
        threads.run(&|_| {
            calls.fetch_add(1, Ordering::Relaxed);
        });
    });
    assert_eq!(calls.into_inner(), 4);
}

#[test]
fn a_single_thread_is_the_caller() {
    let (threads, caller) = (Threads::single(), std::thread::current().id());
    threads.run(&|thread| assert_eq!((thread, std::thread::current().id()), (0, caller)));
}

#[test]
fn threads_that_never_ran_end() {
    for _ in 0..50 {
        drop(threads(4, Duration::ZERO));
    }
}
