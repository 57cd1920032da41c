//! One batch from the queue to its answers.

use std::time::{Duration, SystemTime};

use super::{
    Answer, COMPUTE_UNKNOWN, Core, Pending, Run, Shared,
    instances::{Instance, Loan},
};
use crate::{
    Batch, BatchReason, Clock, ErrorKind, ExecuteError, FailureReason, InferResponse, Rejection,
    ServeError, Timestamp, Timing,
    execution::{Executed, execute},
    interface::Admitted,
    statistics::Execution,
};

impl Shared {
    /// Runs a batch, answers it and gives the instance back; `false` if it had been given up.
    pub(super) fn run(&self, run: Run) -> bool {
        let Run { mut instance, batch, sequence } = run;
        let bytes = batch.requests.iter().map(|(_, pending)| pending.admitted.bytes).sum();
        let (answers, broken, outcome) = self.answer_all(&mut instance, batch);
        let mut core = self.core.lock();
        let kept = core.give_back(instance, broken, &outcome);
        core.note_quick(bytes, &outcome, self.options.inline_compute_max);
        if core.closed {
            self.wake.notify_all();
        }
        let answers = match &mut core.release {
            Some(release) => release.close(sequence, answers),
            None => answers,
        };
        drop(core);
        for (responder, answer) in answers {
            responder.finish(answer);
        }
        kept
    }

    /// Runs a batch; if it fails, runs its requests one by one, so that only the culprit fails.
    fn answer_all(
        &self,
        instance: &mut Instance,
        batch: Batch<Pending>,
    ) -> (Vec<Answer>, bool, Result<Executed, ExecuteError>) {
        let (cancelled, requests): (Vec<_>, Vec<_>) =
            batch.requests.into_iter().partition(|(_, pending)| pending.responder.is_cancelled());
        for (_, pending) in cancelled {
            self.refuse(Rejection::Canceled, None, &pending, Clock::now());
        }
        let none = Err(ExecuteError::Model(String::new()));
        if requests.is_empty() {
            return (Vec::new(), false, none);
        }
        let admitted: Vec<&Admitted> = requests.iter().map(|(_, p)| &p.admitted).collect();
        let rows = admitted.iter().map(|admitted| admitted.rows).sum();
        let outcome = self.time(instance, &admitted, rows);
        if outcome.is_err() && requests.len() > 1 {
            let mut broken = matches!(outcome, Err(ExecuteError::Broken(_)));
            let mut answers = Vec::with_capacity(requests.len());
            for request in requests {
                if broken && !instance.restart() {
                    let error = ServeError::unavailable("the model's instance does not restart");
                    answers.push(self.fail(request.1, error));
                    continue;
                }
                let single = self.time(instance, &[&request.1.admitted], request.1.admitted.rows);
                broken = matches!(single, Err(ExecuteError::Broken(_)));
                answers.extend(self.answers(vec![request], single, BatchReason::Retry).0);
            }
            return (answers, broken, none);
        }
        let broken = matches!(outcome, Err(ExecuteError::Broken(_)));
        let reason = batch.reason;
        let (answers, outcome) = self.answers(requests, outcome, reason);
        (answers, broken, outcome)
    }

    pub(super) fn time(
        &self,
        instance: &mut Instance,
        requests: &[&Admitted],
        rows: usize,
    ) -> Result<Executed, ExecuteError> {
        execute(&self.interface, instance.executor_mut(), requests, rows)
    }

    /// Writes an execution down and pairs its answers with those who asked.
    fn answers(
        &self,
        requests: Vec<(Timestamp, Pending)>,
        outcome: Result<Executed, ExecuteError>,
        reason: BatchReason,
    ) -> (Vec<Answer>, Result<Executed, ExecuteError>) {
        let mut executed = match outcome {
            Ok(executed) => executed,
            Err(error) => {
                let text = format!("model '{}' failed: {error}", self.model);
                let kind = match &error {
                    ExecuteError::Model(_) => ErrorKind::InvalidArgument,
                    ExecuteError::Broken(_) => ErrorKind::Internal,
                };
                let fail = |(_, p)| self.fail(p, ServeError::new(kind, text.clone()));
                return (requests.into_iter().map(fail).collect(), Err(error));
            }
        };
        let rows = requests.iter().map(|(_, pending)| pending.admitted.rows).sum();
        let execution = Execution {
            rows,
            reason,
            compute_input: executed.inputs_ready.since(executed.started),
            compute_infer: executed.outputs_start.since(executed.inputs_ready),
            compute_output: executed.ended.since(executed.outputs_start),
        };
        let batch_requests = requests.len();
        let mut statistics = self.statistics.lock();
        statistics.record_execution(&execution);
        let outputs = std::mem::take(&mut executed.answers);
        let mut answers = Vec::with_capacity(batch_requests);
        for ((queued_at, pending), outputs) in requests.into_iter().zip(outputs) {
            let queue = executed.started.since(queued_at);
            statistics.record_success(&execution, queue, executed.ended.since(pending.received));
            let timing = Timing {
                decode: queued_at.since(pending.received),
                queue,
                compute_input: execution.compute_input,
                compute_infer: execution.compute_infer,
                compute_output: execution.compute_output,
                batch_rows: rows,
                batch_requests,
                batch_reason: reason,
            };
            answers.push((pending.responder, Ok(InferResponse { outputs, timing })));
        }
        statistics.last_inference = Some(SystemTime::now());
        (answers, Ok(executed))
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
        let released = match &mut self.core.lock().release {
            Some(release) => release.close(loan.sequence, Vec::new()),
            None => Vec::new(),
        };
        for (responder, answer) in released {
            responder.finish(answer);
        }
    }

    fn fail(&self, pending: Pending, error: ServeError) -> Answer {
        let elapsed = Clock::now().since(pending.received);
        self.statistics.lock().record_failure(FailureReason::Backend, elapsed);
        (pending.responder, Err(error))
    }
}

impl Core {
    /// Takes an instance back after a run; `false` if it had been given up meanwhile.
    fn give_back(
        &mut self,
        instance: Instance,
        broken: bool,
        outcome: &Result<Executed, ExecuteError>,
    ) -> bool {
        if let Ok(executed) = outcome {
            let recent = self.compute_recent.min(COMPUTE_UNKNOWN);
            let run = executed.took().min(4 * recent + Duration::from_micros(16));
            self.compute_recent = recent - recent / 16 + run / 16;
        }
        self.instances.give_back(instance, broken)
    }

    /// Remembers the size of a batch that took a short time.
    fn note_quick(
        &mut self,
        bytes: usize,
        outcome: &Result<Executed, ExecuteError>,
        inline_compute_max: Duration,
    ) {
        if outcome.as_ref().is_ok_and(|executed| executed.took() <= inline_compute_max) {
            self.quick_bytes_max = self.quick_bytes_max.max(bytes);
        }
    }
}
