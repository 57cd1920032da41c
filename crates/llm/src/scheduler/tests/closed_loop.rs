use std::collections::BTreeMap;

use super::{Scheduler, SchedulerOptions, SequenceId, options, request};

/// Users who each send a prompt of 128 tokens, read 64, and begin again at once, on a machine whose
/// steps take what they took for a small model on two cores. Time is counted, not measured.
struct Users {
    scheduler: Scheduler,
    now: f64,
    /// When requests without a first token came.
    waiting: BTreeMap<SequenceId, f64>,
    times_to_first_token: Vec<f64>,
    tokens: usize,
}

fn step_seconds(rows: usize) -> f64 {
    0.005 + 0.000_45 * rows as f64
}

impl Users {
    fn new(users: usize) -> Self {
        let scheduler = Scheduler::new(SchedulerOptions {
            blocks: 1000,
            block_tokens: 32,
            tokens_per_step_max: 2048,
            running_max: 128,
            prefix_sharing: false,
            ..options()
        });
        let (waiting, times_to_first_token) = (BTreeMap::new(), Vec::new());
        let mut new = Self { scheduler, now: 0.0, waiting, times_to_first_token, tokens: 0 };
        (0..users).for_each(|_| new.send());
        new
    }

    fn send(&mut self) {
        let id = self.scheduler.add(request(0, 128, 64)).unwrap();
        self.waiting.insert(id, self.now);
    }

    /// What an engine does that wants no step to take twice as long for one prompt.
    fn pace(&mut self) {
        let running =
            self.scheduler.running().iter().map(|id| self.scheduler.sequence(*id).unwrap());
        let decoding = running.filter(|sequence| sequence.is_decoding()).count();
        // `step_seconds(decoding)` as rows: the fixed part is worth eleven of them.
        self.scheduler.set_prefill_tokens_while_decoding_max(decoding + 11);
    }

    fn step(&mut self) {
        self.pace();
        let step = self.scheduler.schedule();
        self.now += step_seconds(step.tokens);
        for chunk in &step.chunks {
            let sampled: &[u32] = if chunk.samples { &[1] } else { &[] };
            self.tokens += sampled.len();
            if chunk.samples
                && let Some(sent) = self.waiting.remove(&chunk.sequence)
            {
                self.times_to_first_token.push(self.now - sent);
            }
            if self.scheduler.complete(chunk.sequence, sampled, false).is_some() {
                self.send();
            }
        }
    }
}

/// Runs for ten seconds; returns the median time to the first token and tokens per second.
fn run(users: usize) -> (f64, f64) {
    let mut users = Users::new(users);
    while users.now < 10.0 {
        users.step();
    }
    let times = &mut users.times_to_first_token;
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], users.tokens as f64 / users.now)
}

/// All in one step for ever, 16 users would wait 0.93 s each time and get 604 tokens/s; with a
/// fixed limit of 16 rows, 32 would wait 3 s and get 513.
#[test]
fn first_tokens_come_soon_however_many_users_there_are() {
    for (users, tokens_per_second_min) in [(4, 330.0), (8, 440.0), (16, 540.0), (32, 590.0)] {
        let (time_to_first_token, tokens_per_second) = run(users);
        assert!(time_to_first_token < 0.2, "{users} users: {time_to_first_token} s");
        assert!(
            tokens_per_second > tokens_per_second_min,
            "{users} users: {tokens_per_second} tokens/s"
        );
    }
}
