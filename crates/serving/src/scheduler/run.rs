//! One batch from the queue to its answers.

use std::{sync::atomic::Ordering, time::Duration};

use smallvec::SmallVec;

use super::{
    Answer, Answers, Core, Pending, Run, Shared,
    instances::{Instance, Loan},
};
use crate::{
    Batch, BatchReason, Clock, ErrorKind, ExecuteError, FailureReason, InferResponse, Rejection,
    ServeError, Timestamp, Timing,
    execution::{Executed, execute},
    interface::Admitted,
    statistics::Execution,
};

/// What came of a batch.
struct Outcome {
    answers: Answers,
    /// The instance is not to be used again.
    broken: bool,
    /// How long the batch took, if it went through.
    took: Option<Duration>,
}

impl Shared {
    /// Runs a batch, answers it and gives the instance back; `false` if it had been given up.
    pub(super) fn run(&self, run: Run) -> bool {
        let Run { mut instance, batch, taken, sequence } = run;
        let (rows, bytes) = (batch.rows, batch.bytes);
        let Outcome { answers, broken, took } = self.answer_all(&mut instance, batch, taken);
        let mut core = self.core.lock();
        core.note_run(bytes, took, self.options.inline_compute_max);
        core.learn_batch_size(rows, bytes, took, self.options.batcher.batch_rows_max);
        let kept = core.instances.give_back(instance, broken);
        if core.closed {
            self.wake.notify_all();
        }
        if let Some(release) = &mut core.release {
            // Under the lock, so that no later batch's answers overtake.
            send(release.close(sequence, answers));
        } else {
            drop(core);
            send(answers);
        }
        kept
    }

    /// Runs a batch; if it fails, runs its requests one by one, so that only the culprit fails.
    fn answer_all(
        &self,
        instance: &mut Instance,
        batch: Batch<Box<Pending>>,
        taken: Timestamp,
    ) -> Outcome {
        let Batch { mut requests, reason, .. } = batch;
        if requests.iter().any(|(_, pending)| pending.responder.is_cancelled()) {
            self.drop_cancelled(&mut requests);
        }
        if requests.is_empty() {
            return Outcome { answers: Answers::new(), broken: false, took: None };
        }
        let admitted: SmallVec<[&Admitted; 8]> =
            requests.iter().map(|(_, pending)| &pending.admitted).collect();
        let executed = execute(&self.interface, instance.executor_mut(), &admitted, taken);
        drop(admitted);
        match executed {
            Err(error) if requests.len() > 1 => {
                let broken = matches!(error, ExecuteError::Broken(_));
                self.answer_singly(instance, requests, broken)
            }
            executed => self.answers(requests, executed, reason),
        }
    }

    fn answer_singly(
        &self,
        instance: &mut Instance,
        requests: Vec<(Timestamp, Box<Pending>)>,
        mut broken: bool,
    ) -> Outcome {
        let mut answers = Answers::new();
        for request in requests {
            if broken && !instance.restart() {
                let error = ServeError::unavailable("the model's instance does not restart");
                answers.push(self.fail(request.1, error));
                continue;
            }
            let alone = [&request.1.admitted];
            let executed = execute(&self.interface, instance.executor_mut(), &alone, Clock::now());
            let outcome = self.answers(vec![request], executed, BatchReason::Retry);
            broken = outcome.broken;
            answers.extend(outcome.answers);
        }
        Outcome { answers, broken, took: None }
    }

    /// Takes out the requests whose askers have gone.
    fn drop_cancelled(&self, requests: &mut Vec<(Timestamp, Box<Pending>)>) {
        let gone = requests.extract_if(.., |(_, pending)| pending.responder.is_cancelled());
        for (_, pending) in gone {
            self.refuse(Rejection::Canceled, None, &pending, Clock::now());
        }
    }

    /// Writes an execution down and pairs its answers with those who asked.
    fn answers(
        &self,
        requests: Vec<(Timestamp, Box<Pending>)>,
        executed: Result<Executed, ExecuteError>,
        reason: BatchReason,
    ) -> Outcome {
        let executed = match executed {
            Ok(executed) => executed,
            Err(error) => return self.fail_all(requests, &error),
        };
        let took = Some(executed.took());
        let Executed { answers, started, inputs_ready, outputs_start, ended } = executed;
        let rows = requests.iter().map(|(_, pending)| pending.admitted.rows).sum();
        let execution = Execution {
            rows,
            reason,
            compute_input: inputs_ready.since(started),
            compute_infer: outputs_start.since(inputs_ready),
            compute_output: ended.since(outputs_start),
        };
        let batch_requests = requests.len();
        let mut statistics = self.statistics.lock();
        statistics.record_execution(&execution);
        self.last_run.store(ended.0, Ordering::Relaxed);
        let pairs = requests.into_iter().zip(answers);
        let answers = pairs.map(|((queued_at, pending), outputs)| {
            let queue = started.since(queued_at);
            statistics.record_success(&execution, queue, ended.since(pending.received));
            let timing = Timing {
                queued: queued_at,
                started,
                inputs_ready,
                outputs_start,
                ended,
                batch_rows: rows,
                batch_requests,
                batch_reason: reason,
            };
            (pending.responder, Ok(InferResponse { outputs, timing }))
        });
        Outcome { answers: answers.collect(), broken: false, took }
    }

    fn fail_all(&self, requests: Vec<(Timestamp, Box<Pending>)>, error: &ExecuteError) -> Outcome {
        let text = format!("model '{}' failed: {error}", self.model);
        let (kind, broken) = match error {
            ExecuteError::Model(_) => (ErrorKind::InvalidArgument, false),
            ExecuteError::Broken(_) => (ErrorKind::Internal, true),
        };
        let fail = |(_, pending)| self.fail(pending, ServeError::new(kind, text.clone()));
        Outcome { answers: requests.into_iter().map(fail).collect(), broken, took: None }
    }

    /// Answers the requests of an instance that was given up, and lets those behind them out.
    pub(super) fn fail_hung(&self, loan: Loan) {
        let limit = self.options.hang_limit;
        let text = format!(
            "an instance of model '{}' did not answer within {limit:?} and was given up",
            self.model
        );
        for responder in loan.responders {
            if responder.finish(Err(ServeError::internal(text.clone()))) {
                self.statistics.lock().record_failure(FailureReason::Backend, limit);
            }
        }
        let mut core = self.core.lock();
        core.inline_banned |= !loan.by_worker;
        if let Some(release) = &mut core.release {
            send(release.close(loan.sequence, Answers::new()));
        }
    }

    fn fail(&self, pending: Box<Pending>, error: ServeError) -> Answer {
        let elapsed = Clock::now().since(pending.received);
        self.statistics.lock().record_failure(FailureReason::Backend, elapsed);
        (pending.responder, Err(error))
    }
}

impl Core {
    /// Remembers how long a batch of `bytes` took.
    fn note_run(&mut self, bytes: usize, took: Option<Duration>, inline_compute_max: Duration) {
        let Some(took) = took else { return };
        let recent = self.compute_recent;
        let run = took.min(4 * recent + Duration::from_micros(16));
        self.compute_recent = recent - recent / 16 + run / 16;
        if took <= inline_compute_max {
            self.quick_bytes_max = self.quick_bytes_max.max(bytes);
        }
    }

    /// Sets how many rows are gathered from now on, after a batch of `rows` and `bytes`.
    fn learn_batch_size(
        &mut self,
        rows: usize,
        bytes: usize,
        took: Option<Duration>,
        rows_max: usize,
    ) {
        if let (Some(economy), Some(took)) = (&mut self.economy, took) {
            economy.note(rows, bytes, took);
            self.batcher.set_gather_rows_max(economy.rows_max(rows_max));
        }
    }
}

fn send(answers: Answers) {
    for (responder, answer) in answers {
        responder.finish(answer);
    }
}
