use proptest::prelude::{any, prop, proptest};

use super::{FairQueue, QueueEntry, TenantId};
use crate::SequenceId;

/// The sequence of a tenant that arrives as number `arrival`.
fn entry(tenant: u32, arrival: u32, tokens: usize) -> QueueEntry {
    QueueEntry {
        sequence: SequenceId { slot: arrival, generation: 0 },
        priority: 0,
        tenant: TenantId(tenant),
        arrival: u64::from(arrival),
        tokens,
    }
}

fn queue(entries: &[QueueEntry]) -> FairQueue {
    let mut queue = FairQueue::new();
    entries.iter().for_each(|entry| queue.push(*entry));
    queue
}

/// Arrival numbers in the order of service.
fn drain(queue: &mut FairQueue) -> Vec<u64> {
    let mut order = Vec::new();
    while let Some(next) = queue.peek().copied() {
        assert_eq!(queue.pop(), Some(next));
        order.push(next.arrival);
    }
    assert!(queue.is_empty());
    order
}

#[track_caller]
fn check(queue: &mut FairQueue, expected: &[u64]) {
    assert_eq!(drain(queue), expected);
}

#[test]
fn one_tenant_is_served_in_order() {
    check(&mut queue(&[entry(1, 0, 9), entry(1, 1, 1), entry(1, 2, 5)]), &[0, 1, 2]);
}

#[test]
fn tenants_take_turns_by_tokens() {
    let entries = [entry(1, 0, 10), entry(1, 1, 10), entry(1, 2, 10), entry(2, 3, 5)];
    let more = [entry(2, 4, 5), entry(2, 5, 5), entry(2, 6, 5)];
    check(&mut queue(&[&entries[..], &more].concat()), &[0, 3, 4, 1, 5, 6, 2]);
}

#[test]
fn a_priority_comes_before_all_shares() {
    let urgent = |arrival| QueueEntry { priority: -1, ..entry(1, arrival, 100) };
    let entries = [entry(2, 0, 1), urgent(1), entry(3, 2, 1), urgent(3)];
    check(&mut queue(&entries), &[1, 3, 0, 2]);
}

#[test]
fn preempted_ones_come_first_within_their_tenant() {
    let mut queue = queue(&[entry(1, 7, 10), entry(2, 8, 10)]);
    queue.push(entry(1, 5, 0));
    queue.push(entry(1, 3, 0));
    check(&mut queue, &[3, 5, 7, 8]);
}

#[test]
fn who_is_behind_was_served_less_by_weight() {
    let mut queue = queue(&[entry(1, 0, 10), entry(2, 1, 10)]);
    queue.set_weight(TenantId(1), 3);
    let behind = |queue: &FairQueue| {
        let [one, two] = [1, 2].map(TenantId);
        [queue.is_behind(0, one, two), queue.is_behind(0, two, one), queue.is_behind(7, one, two)]
    };
    assert_eq!(behind(&queue), [false; 3]);
    queue.pop();
    assert_eq!(behind(&queue), [false, true, false]);
    queue.pop();
    assert_eq!(behind(&queue), [true, false, false]);
}

#[test]
fn a_weight_is_a_share() {
    let mut queue = FairQueue::new();
    queue.set_weight(TenantId(2), 2);
    (0..9).for_each(|arrival| queue.push(entry(1 + arrival % 2, arrival, 10)));
    check(&mut queue, &[0, 1, 3, 2, 5, 7, 4, 6, 8]);
}

#[test]
fn generated_tokens_are_paid() {
    let mut queue = queue(&[entry(1, 0, 10), entry(2, 1, 10), entry(1, 2, 10), entry(2, 3, 10)]);
    assert_eq!([queue.pop(), queue.pop()].map(|e| e.unwrap().arrival), [0, 1]);
    queue.charge(0, TenantId(1), 3);
    check(&mut queue, &[3, 2]);
}

#[test]
fn a_refund_is_taken_back() {
    let mut queue = queue(&[entry(1, 0, 10), entry(2, 1, 10), entry(1, 2, 10), entry(2, 3, 10)]);
    assert_eq!([queue.pop(), queue.pop()].map(|e| e.unwrap().arrival), [0, 1]);
    queue.refund(0, TenantId(2), 3);
    check(&mut queue, &[3, 2]);
}

#[test]
fn who_was_away_has_saved_nothing() {
    let mut queue = queue(&[entry(1, 0, 100), entry(1, 1, 100), entry(1, 2, 100)]);
    assert_eq!([queue.pop(), queue.pop()].map(|e| e.unwrap().arrival), [0, 1]);
    (3..8).for_each(|arrival| queue.push(entry(2, arrival, 50)));
    // Tenant 2 starts where tenant 1 stood when it was served last, not at nothing.
    check(&mut queue, &[3, 4, 2, 5, 6, 7]);
}

#[test]
fn debts_remain() {
    let mut queue = queue(&[entry(1, 0, 10), entry(2, 1, 10)]);
    drain(&mut queue);
    queue.charge(0, TenantId(1), 100);
    (2..6).for_each(|arrival| queue.push(entry(1 + arrival % 2, arrival, 10)));
    check(&mut queue, &[3, 5, 2, 4]);
    let mut owing = FairQueue::new();
    owing.push(entry(1, 0, 10));
    owing.pop();
    owing.charge(0, TenantId(1), 100);
    owing.push(entry(1, 1, 10));
    owing.push(entry(2, 2, 10));
    check(&mut owing, &[2, 1]);
}

#[test]
fn whoever_leaves_is_not_served() {
    let mut queue = queue(&[entry(1, 0, 10), entry(1, 1, 10), entry(1, 2, 10)]);
    let mut remove = |arrival| queue.remove(entry(1, arrival, 0).sequence, 0, TenantId(1));
    assert_eq!([1, 1, 5].map(&mut remove), [true, false, false]);
    assert!(!queue.remove(entry(1, 0, 0).sequence, 3, TenantId(1)));
    check(&mut queue, &[0, 2]);
}

#[test]
fn names_that_nobody_uses_any_more_are_forgotten() {
    let mut queue = FairQueue::new();
    for number in 0..2000 {
        queue.push(QueueEntry { priority: 0, ..entry(number, number, 1) });
        queue.pop();
        queue.push(QueueEntry { priority: i32::try_from(number).unwrap(), ..entry(0, number, 1) });
        queue.pop();
    }
    assert!(queue.classes.len() <= 300, "{} priorities", queue.classes.len());
    let tenants = queue.classes.get(&0).map_or(0, |class| class.tenants.len());
    assert!(tenants <= 300, "{tenants} tenants");
}

proptest! {
    /// While two tenants wait, what they were served differs by no more than one request of each.
    #[test]
    fn shares_are_even_within_one_request(
        tokens in prop::collection::vec((any::<bool>(), 1..100usize), 0..80),
        weight in 1..5u32,
    ) {
        let mut queue = FairQueue::new();
        queue.set_weight(TenantId(1), weight);
        for (arrival, (second, tokens)) in (0..).zip(&tokens) {
            queue.push(entry(u32::from(*second), arrival, *tokens));
        }
        let mut left = [false, true].map(|t| tokens.iter().filter(|(s, _)| *s == t).count());
        let mut served = [0.0, 0.0];
        while left.iter().all(|left| *left > 0) {
            let next = queue.pop().unwrap();
            let tenant = next.tenant.0 as usize;
            left[tenant] -= 1;
            served[tenant] += next.tokens as f64 / f64::from([1, weight][tenant]);
            assert!((served[0] - served[1]).abs() <= 100.0, "{served:?}");
        }
        assert_eq!(drain(&mut queue).len(), left.iter().sum::<usize>());
    }
}
