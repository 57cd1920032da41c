use std::{collections::BTreeMap, net::TcpListener};

use super::{ProcessTree, Stat, listener, members};

#[test]
fn names_with_brackets_and_blanks_do_not_shift_the_fields() {
    let line = "42 (a) b) (c)) S 7 40 40 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 9 0 5555 1 2 3";
    let stat = Stat { parent: 7, group: 40, ticks: 120, reaped_ticks: 4, start: 5555 };
    assert_eq!(Stat::parse(line), Some(stat));
}

#[track_caller]
fn check_members(processes: &[(u32, u32, u32)], root: u32, expected: &[u32]) {
    let stat = |parent, group| Stat { parent, group, ticks: 0, reaped_ticks: 0, start: 0 };
    let all: BTreeMap<u32, Stat> =
        processes.iter().map(|(id, parent, group)| (*id, stat(*parent, *group))).collect();
    assert_eq!(members(root, &all).into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn a_tree_is_the_group_and_all_descendants() {
    // 20 leads the group; 21 is a child, 22 a grandchild that left the group, 23 an orphan of it.
    let processes = [(1, 0, 1), (10, 1, 10), (20, 10, 20), (21, 20, 20), (22, 21, 22), (23, 1, 20)];
    check_members(&processes, 20, &[20, 21, 22, 23]);
    check_members(&processes, 99, &[]);
}

#[test]
fn this_process_is_seen_by_what_it_listens_on() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    assert_eq!(listener(address), Some(std::process::id()));
    let own = ProcessTree(std::process::id());
    assert!(own.exists() && own.resident_bytes() > 1 << 20);
    let before = own.cpu_time();
    let mut sum = 0_u64;
    (0..30_000_000_u64).for_each(|value| sum = std::hint::black_box(sum ^ value));
    assert!(own.cpu_time() > before);
    drop(socket);
    assert_eq!(listener(address), None);
}
