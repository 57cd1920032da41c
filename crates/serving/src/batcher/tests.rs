use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::{Strategy, any, prop, proptest};

use super::{Arrival, Batcher, BatcherOptions, QueuePolicy, Refusal, TimeoutAction};
use crate::{BatchReason, Timestamp};

fn options() -> BatcherOptions {
    BatcherOptions {
        batch_rows_max: 4,
        preferred_rows: Vec::new(),
        queue_delay_max: Duration::from_millis(5),
        preserve_ordering: false,
        levels: vec![QueuePolicy::default()],
        default_level: 0,
        queue_requests_max: 8,
        queue_bytes_max: 1000,
    }
}

/// A request that arrives at a millisecond; its item is its name.
#[derive(Clone, Debug)]
struct Push {
    at: u64,
    name: char,
    rows: usize,
    shape: usize,
    priority: u64,
    timeout_ms: Option<u64>,
}

fn push(at: u64, name: char) -> Push {
    Push { at, name, rows: 1, shape: 0, priority: 0, timeout_ms: None }
}

fn ms(ms: u64) -> Timestamp {
    Timestamp::default() + Duration::from_millis(ms)
}

fn arrive(batcher: &mut Batcher<char>, push: &Push) -> Result<(), Refusal<char>> {
    let arrival = Arrival {
        item: push.name,
        rows: push.rows,
        bytes: 10,
        shape: [push.shape].into_iter().collect(),
        priority: push.priority,
        timeout: push.timeout_ms.map(Duration::from_millis),
    };
    batcher.push(arrival, ms(push.at)).map(drop)
}

/// The next batch, if an instance is free.
fn poll_if(
    free: bool,
    batcher: &mut Batcher<char>,
    at: u64,
    expired: &mut Vec<char>,
) -> Option<super::Batch<char>> {
    free.then(|| batcher.poll(ms(at), expired)).flatten()
}

/// Runs twenty milliseconds with an instance that is free from `free_from` on and writes down
/// what leaves: `time:requests:reason`, or `time:-request` for one whose time is over.
fn run(options: BatcherOptions, free_from: u64, pushes: &[Push]) -> String {
    let mut batcher = Batcher::new(options);
    let mut log = Vec::new();
    for at in 0..20 {
        for push in pushes.iter().filter(|push| push.at == at) {
            if let Err(Refusal { rejection, limit, item }) = arrive(&mut batcher, push) {
                log.push(format!("{at}:!{item}:{}:{limit}", rejection.name()));
            }
        }
        let mut expired = Vec::new();
        while let Some(batch) = poll_if(at >= free_from, &mut batcher, at, &mut expired) {
            let names: String = batch.requests.iter().map(|(_, name)| *name).collect();
            log.push(format!("{at}:{names}:{}", batch.reason));
        }
        log.extend(expired.iter().map(|name| format!("{at}:-{name}")));
    }
    assert!(batcher.is_empty(), "left behind: {:?}", batcher.drain());
    log.join(" ")
}

#[track_caller]
fn check(options: BatcherOptions, free_from: u64, pushes: &[Push], expected: &str) {
    assert_eq!(run(options, free_from, pushes), expected);
}

#[test]
fn a_lone_request_waits_for_the_delay() {
    check(options(), 0, &[push(1, 'a')], "6:a:delay");
}

#[test]
fn without_a_delay_nothing_waits() {
    let at_once = BatcherOptions { queue_delay_max: Duration::ZERO, ..options() };
    check(at_once, 0, &[push(1, 'a'), push(2, 'b')], "1:a:idle 2:b:idle");
}

#[test]
fn a_full_batch_leaves_at_once() {
    let five = ['a', 'b', 'c', 'd', 'e'].map(|name| push(1, name));
    check(options(), 0, &five, "1:abcd:full 6:e:delay");
}

#[test]
fn a_request_that_does_not_fit_closes_the_batch() {
    let large = Push { rows: 3, ..push(1, 'b') };
    check(options(), 0, &[push(1, 'a'), push(1, 'x'), large], "1:ax:full 6:b:delay");
}

#[test]
fn rows_that_bring_no_gain_are_not_gathered() {
    let mut batcher = Batcher::new(options());
    batcher.set_gather_rows_max(2);
    for push in ['a', 'b', 'c'].map(|name| push(0, name)) {
        arrive(&mut batcher, &push).unwrap();
    }
    let batch = batcher.poll(ms(0), &mut Vec::new()).unwrap();
    assert_eq!((batch.rows, batch.reason), (2, BatchReason::NoGain));
    assert!(batcher.poll(ms(0), &mut Vec::new()).is_none());
    batcher.set_gather_rows_max(0);
    let large = Push { rows: 3, ..push(0, 'l') };
    arrive(&mut batcher, &large).unwrap();
    assert_eq!(batcher.poll(ms(0), &mut Vec::new()).unwrap().rows, 1);
    assert_eq!(batcher.poll(ms(9), &mut Vec::new()).unwrap().rows, 3);
}

#[test]
fn a_preferred_size_leaves_at_once() {
    let preferred = BatcherOptions { preferred_rows: vec![2], ..options() };
    let three = ['a', 'b', 'c'].map(|name| push(1, name));
    check(preferred, 0, &three, "1:ab:preferred 6:c:delay");
}

#[test]
fn other_shapes_are_stepped_over() {
    let other = Push { shape: 1, ..push(1, 'x') };
    let pushes = [push(1, 'a'), other, push(1, 'b')];
    check(options(), 3, &pushes, "3:ab:shape_change 6:x:delay");
}

#[test]
fn other_shapes_are_not_stepped_over_where_order_counts() {
    let ordered = BatcherOptions { preserve_ordering: true, ..options() };
    let other = Push { shape: 1, ..push(1, 'x') };
    let pushes = [push(1, 'a'), other, push(1, 'b')];
    check(ordered, 0, &pushes, "1:a:shape_change 1:x:shape_change 6:b:delay");
}

#[test]
fn a_higher_level_goes_first_and_does_not_wait() {
    let levels = vec![QueuePolicy::default(); 2];
    let two_levels = BatcherOptions { levels, default_level: 1, ..options() };
    let urgent = Push { priority: 1, ..push(2, 'u') };
    check(two_levels, 0, &[push(1, 'a'), urgent], "2:u:priority 6:a:delay");
}

#[test]
fn a_request_without_time_to_wait_leaves_in_time() {
    let hurried = Push { timeout_ms: Some(3), ..push(2, 'h') };
    check(options(), 0, &[push(1, 'a'), hurried], "2:ah:deadline");
}

#[test]
fn time_runs_out_while_no_instance_is_free() {
    let hurried = Push { timeout_ms: Some(3), ..push(1, 'h') };
    check(options(), 10, &[hurried, push(1, 'a')], "10:a:delay 10:-h");
}

#[test]
fn an_overdue_request_may_be_put_last() {
    let policy = QueuePolicy { timeout_action: TimeoutAction::Delay, ..QueuePolicy::default() };
    let delaying = BatcherOptions { levels: vec![policy], batch_rows_max: 1, ..options() };
    let hurried = Push { timeout_ms: Some(3), ..push(1, 'h') };
    check(delaying, 10, &[hurried, push(2, 'a')], "10:a:full 10:h:full");
}

#[test]
fn a_request_can_only_shorten_the_policys_time() {
    let policy = QueuePolicy {
        timeout_default: Some(Duration::from_millis(4)),
        timeout_override: true,
        ..QueuePolicy::default()
    };
    let strict = BatcherOptions { levels: vec![policy], ..options() };
    let longer = Push { timeout_ms: Some(100), ..push(1, 'l') };
    check(strict.clone(), 8, &[longer], "8:-l");
    let fixed = QueuePolicy { timeout_override: false, ..policy };
    let shorter = Push { timeout_ms: Some(1), ..push(1, 's') };
    let not_overridden = BatcherOptions { levels: vec![fixed], ..strict };
    check(not_overridden, 3, &[shorter], "3:s:deadline");
}

#[test]
fn a_full_queue_refuses() {
    let small = BatcherOptions { queue_requests_max: 2, queue_bytes_max: 15, ..options() };
    let three = ['a', 'b'].map(|name| push(1, name));
    check(small.clone(), 9, &three, "1:!b:queue_bytes:15 9:a:delay");
    let wide = BatcherOptions { queue_bytes_max: 1000, ..small };
    let three = ['a', 'b', 'c'].map(|name| push(1, name));
    check(wide, 9, &three, "1:!c:queue_full:2 9:ab:delay");
}

#[test]
fn a_removed_request_frees_its_place() {
    let mut batcher = Batcher::new(BatcherOptions { queue_requests_max: 1, ..options() });
    let arrival = |item| Arrival {
        item,
        rows: 1,
        bytes: 1,
        shape: [0].into_iter().collect(),
        priority: 0,
        timeout: None,
    };
    let first = batcher.push(arrival('a'), ms(0)).unwrap();
    assert_eq!(batcher.remove(first.ticket), Some('a'));
    assert_eq!(batcher.remove(first.ticket), None);
    assert!(batcher.push(arrival('b'), ms(0)).is_ok());
}

fn pushes() -> impl Strategy<Value = Vec<Push>> {
    let one = (0..12_u64, 1..=4_usize, 0..3_usize, 0..4_u64, any::<bool>(), 1..6_u64);
    prop::collection::vec(one, 0..24).prop_map(|all| {
        let named = ('a'..='z').zip(all);
        named
            .map(|(name, (at, rows, shape, priority, hurried, timeout))| Push {
                at,
                name,
                rows,
                shape,
                priority,
                timeout_ms: hurried.then_some(timeout),
            })
            .collect()
    })
}

proptest! {
    /// Each request is refused, expired or run exactly once, in a batch of its own shape and within
    /// the limits; requests of one level and shape run in the order in which they came.
    #[test]
    fn no_request_is_lost_late_or_run_twice(
        pushes in pushes(),
        free_from in 0..12_u64,
        preserve_ordering in any::<bool>(),
        delay_ms in 0..6_u64,
    ) {
        let levels = vec![QueuePolicy::default(); 3];
        let queue_delay_max = Duration::from_millis(delay_ms);
        let options =
            BatcherOptions { levels, preserve_ordering, queue_delay_max, ..options() };
        let mut batcher = Batcher::new(options);
        let mut fates: BTreeMap<char, &str> = BTreeMap::new();
        let by_name: BTreeMap<char, &Push> = pushes.iter().map(|push| (push.name, push)).collect();
        let mut order: BTreeMap<(usize, u64), Vec<(u64, char)>> = BTreeMap::new();
        for at in 0..20 {
            for push in pushes.iter().filter(|push| push.at == at) {
                if let Err(refusal) = arrive(&mut batcher, push) {
                    assert_eq!(fates.insert(refusal.item, "refused"), None);
                }
            }
            let mut expired = Vec::new();
            while let Some(batch) = poll_if(at >= free_from, &mut batcher, at, &mut expired) {
                let members: Vec<&Push> = batch.requests.iter().map(|(_, n)| by_name[n]).collect();
                assert!(batch.rows <= 4 && !members.is_empty());
                assert_eq!(batch.rows, members.iter().map(|push| push.rows).sum::<usize>());
                assert!(members.iter().all(|push| push.shape == members[0].shape));
                for push in members {
                    let level = if push.priority == 0 { 1 } else { push.priority };
                    order.entry((push.shape, level)).or_default().push((push.at, push.name));
                    assert_eq!(fates.insert(push.name, "run"), None);
                    assert!(push.timeout_ms.is_none_or(|timeout| at < push.at + timeout));
                }
            }
            for name in expired {
                assert_eq!(fates.insert(name, "expired"), None);
                let push = by_name[&name];
                assert!(push.timeout_ms.is_some_and(|timeout| at >= push.at + timeout));
            }
        }
        assert_eq!(fates.len(), pushes.len());
        assert!(order.values().all(|times| times.is_sorted_by_key(|(at, _)| *at)));
        assert_eq!((batcher.requests, batcher.bytes), (0, 0));
    }
}
