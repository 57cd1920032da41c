use serde_json::{Value, json};

use super::Trace;

fn run(start: u64, micros: u64) -> Value {
    json!({"cat": "Session", "name": "model_run", "ts": start, "dur": micros, "tid": 1, "ph": "X",
           "pid": 1, "args": {}})
}

fn node(name: &str, operator: &str, start: u64, micros: u64) -> Value {
    json!({"cat": "Node", "name": format!("{name}_kernel_time"), "ts": start, "dur": micros,
           "tid": 1, "args": {
               "op_name": operator, "provider": "CPUExecutionProvider", "node_index": "7",
               "activation_size": "100", "parameter_size": "20", "output_size": "3",
               "input_type_shape": [{"float": [4, 8]}, {"float": [8, 2]}],
               "output_type_shape": [{"float": [4, 2]}], "thread_scheduling_stats": {"n": 1}}})
}

fn parse(events: Vec<Value>) -> Trace {
    Trace::parse(Value::Array(events).to_string().as_bytes()).unwrap()
}

/// Name, calls and own microseconds of every node of the runs that count.
fn nodes(trace: &Trace) -> Vec<(String, u64, u64)> {
    let nodes = trace.nodes(&trace.quiet_runs()).into_iter();
    nodes.map(|node| (node.key.name, node.calls, node.micros)).collect()
}

#[track_caller]
fn check(events: Vec<Value>, expected: &[(&str, u64, u64)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, calls, micros)| ((*name).to_owned(), *calls, *micros))
        .collect();
    assert_eq!(nodes(&parse(events)), expected);
}

#[test]
fn calls_of_a_node_are_added_up() {
    // The file has them in the order in which they ended.
    let events = vec![
        node("a", "MatMul", 11, 4),
        node("b", "Add", 16, 2),
        run(10, 10),
        node("a", "MatMul", 31, 6),
        node("b", "Add", 38, 1),
        run(30, 10),
        run(50, 90),
        node("a", "MatMul", 52, 80),
    ];
    check(events.clone(), &[("a", 2, 10), ("b", 2, 3)]);
    let trace = parse(events);
    assert_eq!(trace.run_seconds(&trace.quiet_runs()).to_bits(), 10e-6_f64.to_bits());
    let slowest = trace.without_runs(2);
    assert_eq!(nodes(&slowest), [("a".to_owned(), 1, 80)]);
    assert!(slowest.without_runs(5).is_empty());
}

#[test]
fn what_runs_inside_of_a_node_is_not_counted_twice() {
    let events = vec![
        node("in", "Mul", 12, 5),
        node("deep", "If", 20, 30),
        node("deepest", "Add", 22, 20),
        node("loop", "Loop", 10, 50),
        node("after", "Add", 60, 7),
        run(5, 70),
    ];
    let expected =
        [("loop", 1, 15), ("in", 1, 5), ("deep", 1, 10), ("deepest", 1, 20), ("after", 1, 7)];
    check(events, &expected);
}

#[test]
fn nodes_outside_of_runs_and_other_events_are_left_out() {
    let fence = json!({"cat": "Node", "name": "a_fence_before", "ts": 11, "dur": 9, "tid": 1});
    let loading = json!({"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 9});
    let events = vec![loading, node("early", "Add", 1, 2), fence, run(10, 10)];
    check(events, &[]);
    check(vec![], &[]);
}

#[test]
fn shapes_sizes_and_work_are_taken_per_run() {
    let unpacked = parse(vec![run(0, 10), node("a", "MatMul", 1, 9)]);
    let served = parse(vec![run(0, 10), node("a", "MatMul", 1, 2), node("a", "MatMul", 4, 4)]);
    let described = unpacked.nodes(&unpacked.quiet_runs()).remove(0);
    let timed = served.nodes(&served.quiet_runs()).remove(0);
    let node = timed.with_shapes_of(described, 1);
    assert_eq!(node.calls.to_bits(), 2_f64.to_bits());
    assert_eq!(node.seconds.to_bits(), 6e-6_f64.to_bits());
    assert_eq!(node.cost.operations, Some(2.0 * 2.0 * 8.0 * 8.0));
    assert_eq!(node.cost.bytes().to_bits(), 246_f64.to_bits());
    assert_eq!(node.inputs[1].dims, [8, 2]);
}

#[test]
fn what_is_no_profile_is_refused() {
    for text in ["", "{}", "[1]", r#"[{"cat": "Node"}]"#] {
        assert!(Trace::parse(text.as_bytes()).is_err(), "{text}");
    }
}
