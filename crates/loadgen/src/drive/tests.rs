//! Against a server of known service times, on real sockets.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Plan, Recording, Workload, measure};
use crate::{
    Arrivals, Distribution, Endpoint, Expectation, ExpectedOutput, ExpectedValues, FailureKind,
    InferRequest, InputData, InputTensor, Load, MeasureError, Protocol, StabilityOptions,
    ValueRange,
    clock::{now, pause},
};
use tensor::DataType;

const ANSWER: &str =
    "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"outputs\":[{\"name\":\"y\",\"data\":[1,2]}]} ";

/// A server of a thread for each connection that sleeps for its service time, and stalls all of them
/// once.
#[derive(Clone)]
struct Synthetic {
    address: SocketAddr,
    served: Arc<AtomicU64>,
}

#[derive(Clone, Copy)]
struct Behaviour {
    service: Duration,
    /// When, after the first request, and how long.
    stall: Option<(Duration, Duration)>,
    answer: &'static str,
}

impl Behaviour {
    fn serving(service: Duration) -> Self {
        Self { service, stall: None, answer: ANSWER }
    }
}

impl Synthetic {
    fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server =
            Self { address: listener.local_addr().unwrap(), served: Arc::new(AtomicU64::new(0)) };
        let served = Arc::clone(&server.served);
        let first = Arc::new(std::sync::OnceLock::new());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (served, first) = (Arc::clone(&served), Arc::clone(&first));
                thread::spawn(move || serve(stream, behaviour, &served, &first));
            }
        });
        server
    }

    fn workload(&self) -> Workload {
        let endpoint =
            Endpoint { host: self.address.to_string(), prefix: String::new(), headers: Vec::new() };
        let input = InputTensor {
            name: "x".to_owned(),
            data_type: DataType::Fp32,
            shape: vec![1, 16],
            data: InputData::Random(ValueRange::default(), 0),
        };
        let request =
            InferRequest { model: "m".to_owned(), inputs: vec![input], ..InferRequest::default() };
        Workload {
            address: self.address,
            protocol: Protocol::Http,
            requests: vec![request.build(Protocol::Http, &endpoint).unwrap()],
            conversation: None,
        }
    }
}

fn serve(
    mut stream: TcpStream,
    behaviour: Behaviour,
    served: &AtomicU64,
    first: &std::sync::OnceLock<Instant>,
) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        let since = now() - *first.get_or_init(now);
        pause(behaviour.service);
        if let Some((at, length)) = behaviour.stall {
            pause(if since >= at { (at + length).saturating_sub(since) } else { Duration::ZERO });
        }
        served.fetch_add(1, Ordering::Relaxed);
        if stream.write_all(behaviour.answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn plan(load: Load, millis: u64) -> Plan {
    Plan {
        duration: Duration::from_millis(millis),
        warm_up: StabilityOptions { warm_up_max: Duration::ZERO, ..StabilityOptions::default() },
        ..Plan::new(load)
    }
}

fn latency(recording: &Recording) -> Distribution {
    Distribution::merged(recording.slices.iter().map(|slice| &slice.latency))
}

fn sum(recording: &Recording, of: impl Fn(&crate::Slice) -> u64) -> u64 {
    recording.slices.iter().map(of).sum()
}

const MS: u64 = 1_000_000;

#[test]
fn a_closed_loop_sees_the_service_time() {
    let server = Synthetic::start(Behaviour::serving(Duration::from_millis(5)));
    let recording =
        measure(&server.workload(), &plan(Load::Closed { callers: 4 }, 500), &mut ()).unwrap();
    let latency = latency(&recording);
    assert!((5 * MS..8 * MS).contains(&latency.quantile(0.5)), "{}", latency.quantile(0.5));
    let completed = sum(&recording, |slice| slice.completed);
    assert!((200..=400).contains(&completed), "{completed} of 4 callers at 5 ms in 500 ms");
    assert!(completed <= server.served.load(Ordering::Relaxed));
    assert_eq!(recording.stall, None);
}

#[test]
fn an_open_loop_shows_a_stall_that_a_closed_one_only_warns_of() {
    let stall = Some((Duration::from_millis(1000), Duration::from_millis(500)));
    let behaviour = Behaviour { stall, ..Behaviour::serving(Duration::ZERO) };
    let load = Load::Open { rate: 400.0, arrivals: Arrivals::Constant };
    let open =
        measure(&Synthetic::start(behaviour).workload(), &plan(load, 2500), &mut ()).unwrap();
    assert_eq!(sum(&open, |slice| slice.offered), sum(&open, |slice| slice.completed));
    // 200 of 1000 requests fell into the stall, evenly: the p99 waited for all but 25 ms of it, and the
    // p90 for half.
    let found = latency(&open);
    let p99 = found.quantile(0.99);
    assert!((450 * MS..505 * MS).contains(&p99), "p99 {} ms", p99 / MS);
    let p90 = found.quantile(0.9);
    assert!((225 * MS..280 * MS).contains(&p90), "p90 {} ms", p90 / MS);

    let load = Load::Closed { callers: 1 };
    let closed =
        measure(&Synthetic::start(behaviour).workload(), &plan(load, 2500), &mut ()).unwrap();
    assert!(latency(&closed).quantile(0.99) < 100 * MS, "the closed loop hides the stall");
    let warning = closed.stall.unwrap();
    assert!(warning.contains("--rate"), "{warning}");
}

#[test]
fn what_is_due_while_all_connections_are_busy_waits_and_counts() {
    let server = Synthetic::start(Behaviour::serving(Duration::from_millis(10)));
    let load = Load::Open { rate: 140.0, arrivals: Arrivals::Constant };
    let few = Plan { connections_max: 1, ..plan(load, 1000) };
    // One connection serves less than 100 of 140 requests per second: the queue grows for a second and
    // takes half of one to empty.
    let recording = measure(&server.workload(), &few, &mut ()).unwrap();
    let latency = latency(&recording);
    assert!(latency.max() > 300 * MS, "{}", latency.max());
    assert_eq!(sum(&recording, |slice| slice.completed), sum(&recording, |slice| slice.offered));
    let in_time = sum(&recording, |slice| slice.answered);
    assert!((50..=105).contains(&in_time), "{in_time} in a second");
    let lateness = Distribution::merged(recording.slices.iter().map(|slice| &slice.lateness));
    assert!(
        lateness.quantile(0.5) < 5 * MS,
        "waiting for a connection is not the generator's lateness"
    );
}

#[test]
fn threads_share_the_schedule() {
    let server = Synthetic::start(Behaviour::serving(Duration::ZERO));
    let load = Load::Open { rate: 300.0, arrivals: Arrivals::Constant };
    let two = Plan { threads: std::num::NonZeroUsize::new(2).unwrap(), ..plan(load, 1000) };
    let recording = measure(&server.workload(), &two, &mut ()).unwrap();
    let offered = sum(&recording, |slice| slice.offered);
    assert!((298..=302).contains(&offered), "{offered}");
    assert_eq!(recording.threads, 2);
}

#[test]
fn a_replay_sends_at_its_times_and_ends() {
    let server = Synthetic::start(Behaviour::serving(Duration::ZERO));
    let times = (0..20_u64).map(|index| Duration::from_millis(index * 20)).collect();
    let before = now();
    let recording = measure(&server.workload(), &plan(Load::Replay { times }, 1), &mut ()).unwrap();
    assert!(now() - before < Duration::from_secs(5), "it ends with its last answer");
    assert_eq!(sum(&recording, |slice| slice.completed), 20);
}

#[test]
fn users_think_between_their_turns() {
    let server = Synthetic::start(Behaviour::serving(Duration::ZERO));
    let think = Duration::from_millis(40);
    let load = Load::Sessions { users: 3, turns: 2, think };
    let recording = measure(&server.workload(), &plan(load, 600), &mut ()).unwrap();
    // A session takes a little more than 40 ms for two requests.
    let completed = sum(&recording, |slice| slice.completed);
    assert!((40..=92).contains(&completed), "{completed}");
}

fn failures(recording: &Recording, kind: FailureKind) -> u64 {
    sum(recording, |slice| slice.failures.get(&kind).copied().unwrap_or(0))
}

#[test]
fn wrong_answers_are_failures() {
    let server = Synthetic::start(Behaviour::serving(Duration::from_millis(2)));
    let mut workload = server.workload();
    let expecting = |values: &[f64]| Expectation {
        outputs: vec![ExpectedOutput {
            name: "y".to_owned(),
            values: ExpectedValues::Numbers(values.to_vec()),
        }],
        tolerance: 0.0,
    };
    let request = workload.requests.remove(0);
    let right = request.clone().expecting(expecting(&[1.0, 2.0]));
    workload.requests = vec![right, request.expecting(expecting(&[1.0, 3.0]))];
    let recording = measure(&workload, &plan(Load::Closed { callers: 1 }, 300), &mut ()).unwrap();
    let (wrong, right) =
        (failures(&recording, FailureKind::WrongAnswer), sum(&recording, |slice| slice.completed));
    assert!(wrong > 10 && wrong.abs_diff(right) <= 1, "{wrong} wrong, {right} right");
    assert!(recording.failure_examples[0].1.contains("expected 3.0, got 2.0"));
}

#[test]
fn requests_that_take_too_long_have_failed() {
    let stall = Some((Duration::from_millis(100), Duration::from_millis(400)));
    let behaviour = Behaviour { stall, ..Behaviour::serving(Duration::from_millis(1)) };
    let server = Synthetic::start(behaviour);
    let hasty =
        Plan { timeout: Duration::from_millis(50), ..plan(Load::Closed { callers: 1 }, 400) };
    let recording = measure(&server.workload(), &hasty, &mut ()).unwrap();
    let timed_out = failures(&recording, FailureKind::Timeout);
    assert!((3..=8).contains(&timed_out), "{timed_out}");
}

#[test]
fn a_server_that_only_fails_is_no_measurement() {
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nno!";
    let server =
        Synthetic::start(Behaviour { answer, ..Behaviour::serving(Duration::from_millis(1)) });
    let error = measure(&server.workload(), &plan(Load::Closed { callers: 1 }, 200), &mut ());
    let error = error.unwrap_err();
    assert!(matches!(error, MeasureError::NothingSucceeded { kind: FailureKind::Refused, .. }));
    assert!(error.to_string().contains("status 400: no!"), "{error}");

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let workload = Workload { address: nobody, ..server.workload() };
    let error = measure(&workload, &plan(Load::Closed { callers: 1 }, 200), &mut ()).unwrap_err();
    assert!(matches!(error, MeasureError::NothingSucceeded { kind: FailureKind::Connect, .. }));
}

#[test]
fn the_observer_can_stop_it() {
    struct Stopper(Arc<AtomicBool>);
    impl super::Observer for Stopper {
        fn progress(&mut self, progress: &super::Progress<'_>) -> bool {
            self.0.store(progress.is_measuring, Ordering::Relaxed);
            progress.elapsed < Duration::from_millis(200)
        }
    }
    let server = Synthetic::start(Behaviour::serving(Duration::ZERO));
    let measuring = Arc::new(AtomicBool::new(false));
    let load = Load::Closed { callers: 1 };
    let mut stopper = Stopper(Arc::clone(&measuring));
    let recording = measure(&server.workload(), &plan(load, 60_000), &mut stopper).unwrap();
    assert!(measuring.load(Ordering::Relaxed) && recording.slices.len() < 20);
}

#[test]
fn a_server_that_is_far_behind_is_not_waited_for() {
    let server = Synthetic::start(Behaviour::serving(Duration::from_millis(20)));
    let load = Load::Open { rate: 1000.0, arrivals: Arrivals::Constant };
    let few = Plan { connections_max: 1, ..plan(load, 300) };
    let before = now();
    let recording = measure(&server.workload(), &few, &mut ()).unwrap();
    assert!(now() - before < Duration::from_secs(4), "{:?}", now() - before);
    let not_sent = failures(&recording, FailureKind::NotSent);
    assert!(not_sent > 100, "{not_sent} of 300 were never sent");
    let ended = not_sent + sum(&recording, |slice| slice.completed);
    assert!(sum(&recording, |slice| slice.offered).abs_diff(ended) <= 1);
}
