use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use parking_lot::Mutex;
use tensor::{DataType, Tensor};

use super::{InlineLimit, Pending, Scheduler, SchedulerOptions};
use crate::{
    BatchInputs, BatchReason, BatcherOptions, Clock, ComputeStamps, ErrorKind, ExecuteError,
    Executor, ExecutorFactory, InferRequest, InferResponse, LoadError, ModelDefaults, NamedTensor,
    QueuePolicy, Rejection, ServeError, Signature, TensorSpec,
    config::complete,
    interface::Interface,
    reply::{self, Responses},
};

/// Doubles INT32 rows. A value of 13 is refused, 66 panics, 99 waits for the gate.
#[derive(Debug)]
struct Doubler {
    signature: Signature,
    started: AtomicUsize,
    gate: Arc<Mutex<()>>,
}

struct Doubling(Arc<Mutex<()>>);

impl ExecutorFactory for Doubler {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn description(&self) -> String {
        "doubles".to_owned()
    }

    fn has_steady_runs(&self) -> bool {
        true
    }

    fn executor(&self, _instance: usize) -> Result<Box<dyn Executor>, LoadError> {
        self.started.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Doubling(self.gate.clone())))
    }
}

impl Executor for Doubling {
    fn execute(
        &mut self,
        batch: &BatchInputs<'_>,
        stamps: &mut ComputeStamps,
    ) -> Result<Vec<Tensor>, ExecuteError> {
        let input = &batch.inputs[0];
        let mut data = vec![0; input.byte_len()];
        input.gather_into(&mut data);
        stamps.inputs_ready();
        for value in data.as_chunks_mut::<4>().0 {
            match i32::from_le_bytes(*value) {
                13 => return Err(ExecuteError::Model("13 is unlucky".to_owned())),
                66 => panic!("66"),
                99 => drop(self.0.lock()),
                _ => {}
            }
            *value = (2 * i32::from_le_bytes(*value)).to_le_bytes();
        }
        stamps.outputs_start();
        Ok(vec![Tensor::new(DataType::Int32, input.shape.clone(), data.into()).unwrap()])
    }
}

struct Bench {
    scheduler: Scheduler,
    interface: Arc<Interface>,
    factory: Arc<Doubler>,
    gate: Arc<Mutex<()>>,
}

fn options() -> SchedulerOptions {
    SchedulerOptions {
        batcher: BatcherOptions {
            batch_rows_max: 8,
            preferred_rows: Vec::new(),
            queue_delay_max: Duration::ZERO,
            preserve_ordering: false,
            levels: vec![QueuePolicy::default()],
            default_level: 0,
            queue_requests_max: 4,
            queue_bytes_max: 1 << 20,
        },
        instances: 1,
        hang_limit: Duration::from_millis(50),
        inline: InlineLimit::new(2),
        inline_compute_max: Duration::ZERO,
    }
}

fn bench(options: SchedulerOptions) -> Bench {
    let spec = |name: &str| TensorSpec {
        name: name.to_owned(),
        data_type: DataType::Int32,
        dims: vec![-1, 1],
        optional: false,
    };
    let signature = Signature { inputs: vec![spec("x")], outputs: vec![spec("y")] };
    let defaults = ModelDefaults {
        max_batch_size: 8,
        instances: std::num::NonZeroUsize::MIN,
        queue_requests_max: 4,
        queue_bytes_max: 1 << 20,
    };
    let config = complete(&Default::default(), &signature, &defaults).unwrap();
    let interface = Arc::new(Interface::new(&config, &signature).unwrap());
    let gate = Arc::new(Mutex::new(()));
    let factory = Arc::new(Doubler { signature, started: AtomicUsize::new(0), gate: gate.clone() });
    let scheduler = Scheduler::start("m", interface.clone(), factory.clone(), options).unwrap();
    Bench { scheduler, interface, factory, gate }
}

impl Bench {
    fn send(&self, values: &[i32], timeout: Option<Duration>) -> Result<Asked, ServeError> {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = Tensor::new(DataType::Int32, [values.len(), 1].into(), data.into()).unwrap();
        let inputs = vec![NamedTensor { name: "x".to_owned(), tensor }];
        let admitted = self.interface.admit(InferRequest { inputs, ..InferRequest::default() })?;
        let (responder, responses) = reply::channel();
        let pending = Box::new(Pending { admitted, responder, received: Clock::now() });
        let submitted = self.scheduler.submit(pending, 0, timeout)?;
        if submitted.leads {
            self.scheduler.lead();
        }
        Ok(Asked { responses, ticket: submitted.ticket })
    }

    /// Waits until the instance has taken the request that holds it.
    fn wait_until_busy(&self) {
        while self.scheduler.statistics().instances.busy == 0 {
            std::thread::yield_now();
        }
    }
}

#[derive(Debug)]
struct Asked {
    responses: Responses,
    ticket: crate::Ticket,
}

impl Asked {
    fn answer(mut self) -> Result<InferResponse, ServeError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(20), self.responses.next()).await
        });
        answer.expect("an answer within 20 s").expect("an answer")
    }
}

fn values(response: &InferResponse) -> Vec<i32> {
    let data = response.outputs[0].tensor.data();
    data.as_chunks::<4>().0.iter().map(|value| i32::from_le_bytes(*value)).collect()
}

#[test]
fn a_request_is_answered_with_its_own_rows() {
    let bench = bench(options());
    let closed = bench.gate.lock();
    let holding = bench.send(&[99], None).unwrap();
    bench.wait_until_busy();
    let first = bench.send(&[1, 2], None).unwrap();
    let second = bench.send(&[3], None).unwrap();
    drop(closed);
    assert_eq!(values(&holding.answer().unwrap()), [198]);
    let (first, second) = (first.answer().unwrap(), second.answer().unwrap());
    assert_eq!((values(&first), values(&second)), (vec![2, 4], vec![6]));
    assert_eq!((first.timing.batch_rows, first.timing.batch_requests), (3, 2));
    assert_eq!(first.timing.batch_reason, BatchReason::Idle);
    let statistics = bench.scheduler.statistics();
    assert_eq!((statistics.execution_count, statistics.inference_count), (2, 4));
    assert_eq!(statistics.success.count, 3);
}

#[test]
fn one_poisonous_request_fails_alone() {
    for (poison, kind) in [(13, ErrorKind::InvalidArgument), (66, ErrorKind::Internal)] {
        let bench = bench(options());
        let closed = bench.gate.lock();
        let holding = bench.send(&[99], None).unwrap();
        bench.wait_until_busy();
        let good = bench.send(&[1], None).unwrap();
        let bad = bench.send(&[poison], None).unwrap();
        let also_good = bench.send(&[2], None).unwrap();
        drop(closed);
        assert_eq!(values(&holding.answer().unwrap()), [198]);
        let good = good.answer().unwrap();
        assert_eq!((values(&good), good.timing.batch_reason), (vec![2], BatchReason::Retry));
        assert_eq!(bad.answer().unwrap_err().kind(), kind);
        assert_eq!(values(&also_good.answer().unwrap()), [4]);
    }
}

#[test]
fn an_instance_that_panics_is_replaced() {
    let bench = bench(options());
    let error = bench.send(&[66], None).unwrap().answer().unwrap_err();
    assert!(error.to_string().contains("the engine panicked: 66"), "{error}");
    while bench.scheduler.statistics().instances.replacing == 0 {
        std::thread::yield_now();
    }
    assert!(bench.scheduler.check().is_err());
    bench.scheduler.watch(Clock::now());
    assert_eq!(bench.scheduler.check(), Ok(()));
    assert_eq!(bench.factory.started.load(Ordering::Relaxed), 2);
    assert_eq!(values(&bench.send(&[1], None).unwrap().answer().unwrap()), [2]);
}

#[test]
fn an_instance_that_hangs_is_replaced_and_its_request_answered() {
    for inline_compute_max in [Duration::ZERO, Duration::from_secs(1)] {
        let bench = bench(SchedulerOptions { inline_compute_max, ..options() });
        let closed = bench.gate.lock();
        let (sent, hanging) = mpsc::channel();
        std::thread::scope(|scope| {
            // In the inline case the sending thread itself is caught.
            scope.spawn(|| sent.send(bench.send(&[99], None).unwrap()));
            bench.wait_until_busy();
            let waiting = bench.send(&[5], None).unwrap();
            bench.scheduler.watch(Clock::now());
            assert_eq!(bench.scheduler.statistics().instances.replaced_total, 0);
            bench.scheduler.watch(Clock::now() + Duration::from_secs(1));
            bench.scheduler.watch(Clock::now() + Duration::from_secs(1));
            assert_eq!(values(&waiting.answer().unwrap()), [10]);
            let statistics = bench.scheduler.statistics();
            assert_eq!(statistics.instances.replaced_total, 1);
            assert_eq!(bench.scheduler.check(), Ok(()));
            drop(closed);
        });
        let error = hanging.recv().unwrap().answer().unwrap_err();
        assert!(error.to_string().contains("did not answer within"), "{error}");
        bench.scheduler.close();
    }
}

#[test]
fn a_full_queue_says_when_to_try_again() {
    let bench = bench(options());
    let closed = bench.gate.lock();
    let holding = bench.send(&[99], None).unwrap();
    bench.wait_until_busy();
    let waiting: Vec<Asked> = (0..4).map(|value| bench.send(&[value], None).unwrap()).collect();
    let error = bench.send(&[5], None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.retry_after() >= Some(Duration::from_secs(1)));
    drop(closed);
    holding.answer().unwrap();
    waiting.into_iter().for_each(|asked| drop(asked.answer().unwrap()));
    let statistics = bench.scheduler.statistics();
    assert_eq!(statistics.rejections[Rejection::QueueFull as usize], 1);
}

#[test]
fn a_request_can_be_withdrawn_while_every_instance_is_busy() {
    let bench = bench(options());
    let closed = bench.gate.lock();
    let holding = bench.send(&[99], None).unwrap();
    bench.wait_until_busy();
    let waiting = bench.send(&[1], Some(Duration::from_millis(1))).unwrap();
    let error = bench.scheduler.withdraw(waiting.ticket, Rejection::Timeout).unwrap();
    assert!(error.to_string().contains("Request timeout expired"), "{error}");
    assert!(bench.scheduler.withdraw(waiting.ticket, Rejection::Timeout).is_none());
    assert_eq!(bench.scheduler.statistics().pending, 0);
    drop(closed);
    holding.answer().unwrap();
}

#[test]
fn a_request_whose_asker_has_gone_is_not_computed() {
    let bench = bench(options());
    let closed = bench.gate.lock();
    let holding = bench.send(&[99], None).unwrap();
    bench.wait_until_busy();
    drop(bench.send(&[66], None).unwrap());
    let good = bench.send(&[1], None).unwrap();
    drop(closed);
    holding.answer().unwrap();
    assert_eq!(good.answer().unwrap().timing.batch_requests, 1);
    let statistics = bench.scheduler.statistics();
    assert_eq!(statistics.rejections[Rejection::Canceled as usize], 1);
}

#[test]
fn closing_runs_what_waits_and_refuses_the_rest() {
    let bench = bench(options());
    let closed = bench.gate.lock();
    let holding = bench.send(&[99], None).unwrap();
    bench.wait_until_busy();
    let waiting = bench.send(&[4], None).unwrap();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| bench.scheduler.close());
        while bench.send(&[1], None).is_ok_and(|asked| {
            bench.scheduler.withdraw(asked.ticket, Rejection::Canceled).is_some()
        }) {}
        drop(closed);
        closing.join().unwrap();
    });
    assert_eq!(values(&holding.answer().unwrap()), [198]);
    assert_eq!(values(&waiting.answer().unwrap()), [8]);
    assert!(bench.send(&[1], None).is_err());
}

#[test]
fn many_senders_each_get_their_own_answer() {
    for (instances, inline, preserve_ordering) in
        [(1, false, false), (2, false, true), (2, true, false), (2, true, true)]
    {
        let mut options = options();
        options.batcher.queue_requests_max = 1024;
        options.batcher.preserve_ordering = preserve_ordering;
        options.batcher.queue_delay_max = Duration::from_micros(if inline { 0 } else { 200 });
        options.instances = instances;
        options.inline_compute_max = if inline { Duration::from_secs(1) } else { Duration::ZERO };
        let bench = bench(options);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let bench = &bench;
                scope.spawn(move || {
                    for index in 0..200 {
                        let value = 1000 * (thread + 1) + index;
                        let answer = bench.send(&[value], None).unwrap().answer().unwrap();
                        assert_eq!(values(&answer), [2 * value]);
                    }
                });
            }
        });
        let statistics = bench.scheduler.statistics();
        assert_eq!((statistics.success.count, statistics.inference_count), (1600, 1600));
        assert_eq!(statistics.fail.count, 0);
        bench.scheduler.close();
    }
}

#[test]
fn closing_does_not_wait_for_ever() {
    let bench = bench(options());
    let closed = bench.gate.lock();
    let _hanging = bench.send(&[99], None).unwrap();
    bench.wait_until_busy();
    let started = Clock::now();
    bench.scheduler.close();
    assert!(Clock::now().since(started) < 2 * super::CLOSE_TIMEOUT);
    drop(closed);
}
