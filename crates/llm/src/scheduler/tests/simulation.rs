use std::collections::BTreeMap;

use crate::{
    AddError, Chunk, Purpose, Scheduler, SchedulerOptions, Sequence, SequenceId, SequenceRequest,
    SequenceState, Step, TenantId,
};

/// A scheduler with a model whose keys and values are hashes of all tokens so far: whatever is
/// computed from a wrong block gives a wrong token.
pub(super) struct Simulation {
    pub(super) scheduler: Scheduler,
    options: SchedulerOptions,
    /// One per position of every block.
    cache: Vec<Option<u64>>,
    names: BTreeMap<SequenceId, char>,
    requests: BTreeMap<SequenceId, SequenceRequest>,
    pub(super) finished: BTreeMap<SequenceId, Sequence>,
    /// How many positions of an embedding were given out, from the start on.
    embedded: BTreeMap<SequenceId, usize>,
    /// Rows of known tokens over all steps.
    pub(super) computed: usize,
}

/// A request whose prompt's tokens follow from `seed`.
pub(super) fn request(seed: u32, prompt_tokens: u32, output_tokens_max: usize) -> SequenceRequest {
    let prompt = (0..prompt_tokens).map(|position| seed * 1000 + position).collect();
    SequenceRequest { prompt, output_tokens_max, ..SequenceRequest::default() }
}

/// The keys and values of a token after those of its prefix.
fn mix(prefix: u64, token: u32) -> u64 {
    let mixed = (prefix ^ u64::from(token)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_add(1)
}

/// The most likely token after a prefix.
#[expect(clippy::cast_possible_truncation, reason = "below the size of the vocabulary")]
fn next_token(prefix: u64) -> u32 {
    (prefix >> 7) as u32 % 50
}

/// What the model generates after a prompt.
pub(super) fn reference(prompt: &[u32], tokens: usize) -> Vec<u32> {
    let mut prefix = prompt.iter().fold(0, |prefix, token| mix(prefix, *token));
    let next = || {
        let token = next_token(prefix);
        prefix = mix(prefix, token);
        token
    };
    std::iter::repeat_with(next).take(tokens).collect()
}

impl Simulation {
    pub(super) fn new(options: SchedulerOptions) -> Self {
        Self {
            cache: vec![None; options.blocks * options.block_tokens],
            scheduler: Scheduler::new(options.clone()),
            options,
            names: BTreeMap::new(),
            requests: BTreeMap::new(),
            finished: BTreeMap::new(),
            embedded: BTreeMap::new(),
            computed: 0,
        }
    }

    /// Names sequences `a`, `b`, ... in order of arrival.
    pub(super) fn add(&mut self, request: SequenceRequest) -> Result<SequenceId, AddError> {
        let id = self.scheduler.add(request.clone())?;
        let name = char::from(b'a' + u8::try_from(self.names.len() % 26).unwrap());
        self.names.insert(id, name);
        self.requests.insert(id, request);
        self.check_invariants();
        Ok(id)
    }

    /// Runs a step to its end and returns its log.
    pub(super) fn step(&mut self) -> String {
        let step = self.plan();
        let log = self.log(&step);
        self.run(&step);
        log
    }

    /// Runs steps until nothing is left and checks all outputs.
    #[track_caller]
    pub(super) fn finish(&mut self) {
        let tokens: usize =
            self.requests.values().map(|r| r.prompt.len() + r.output_tokens_max).sum();
        for _ in 0..10 * tokens + 10 {
            if self.scheduler.is_idle() {
                return self.check_outputs();
            }
            let step = self.plan();
            // The last one may have been cancelled in a step that nobody reported.
            let stuck = step.is_empty() && !self.scheduler.is_idle();
            assert!(!stuck, "nothing runs although something waits");
            self.run(&step);
        }
        panic!("no end after many steps: {:?}", self.scheduler.stats());
    }

    pub(super) fn plan_and_run(&mut self) -> Step {
        let step = self.plan();
        self.run(&step);
        step
    }

    /// Who sent a request.
    pub(super) fn tenant(&self, id: SequenceId) -> TenantId {
        self.requests[&id].tenant
    }

    pub(super) fn plan(&mut self) -> Step {
        let step = self.scheduler.schedule();
        self.check_step(&step);
        self.check_invariants();
        step
    }

    /// Computes a step and reports it.
    pub(super) fn run(&mut self, step: &Step) {
        let sampled: Vec<Vec<u32>> = step.chunks.iter().map(|chunk| self.compute(chunk)).collect();
        for (chunk, sampled) in step.chunks.iter().zip(sampled) {
            if let Some(sequence) = self.scheduler.complete(chunk.sequence, &sampled, false) {
                self.finished.insert(chunk.sequence, sequence);
            }
            self.check_invariants();
        }
    }

    pub(super) fn cancel(&mut self, id: SequenceId) {
        self.scheduler.cancel(id);
        self.requests.remove(&id);
        self.check_invariants();
    }

    /// `-a` for a preempted sequence, then for each chunk its first position and known tokens,
    /// `~` and its drafts, `#` if all rows are needed, `*` if it samples.
    fn log(&self, step: &Step) -> String {
        let preempted = step.preempted.iter().map(|id| format!("-{}", self.names[id]));
        let chunks = step.chunks.iter().map(|chunk| {
            let drafts =
                if chunk.drafts > 0 { format!("~{}", chunk.drafts) } else { String::new() };
            let rows = if self.purpose(chunk) == Purpose::Generate { "" } else { "#" };
            let samples = if chunk.samples { "*" } else { "" };
            let (name, first) = (self.names[&chunk.sequence], chunk.first_position);
            format!("{name}{first}+{}{drafts}{rows}{samples}", chunk.known())
        });
        preempted.chain(chunks).collect::<Vec<_>>().join(" ")
    }

    fn purpose(&self, chunk: &Chunk) -> Purpose {
        self.scheduler.sequence(chunk.sequence).unwrap().purpose()
    }

    /// Writes a chunk's keys and values and samples from what the cache holds.
    fn compute(&mut self, chunk: &Chunk) -> Vec<u32> {
        let sequence = self.scheduler.sequence(chunk.sequence).unwrap();
        let input: Vec<u32> = chunk.input(sequence).collect();
        assert_eq!(input.len(), chunk.tokens);
        self.computed += chunk.known();
        let block_tokens = self.options.block_tokens;
        let place = |position: usize| {
            let block = sequence.block_table()[position / block_tokens] as usize;
            block * block_tokens + position % block_tokens
        };
        let mut prefix = 0;
        for (position, token) in sequence.tokens()[..chunk.first_position].iter().enumerate() {
            prefix = mix(prefix, *token);
            assert_eq!(self.cache[place(position)], Some(prefix), "position {position}");
        }
        for (position, token) in (chunk.first_position..).zip(&input) {
            prefix = mix(prefix, *token);
            self.cache[place(position)] = Some(prefix);
        }
        let row = |row: usize| self.cache[place(chunk.first_position + row)].unwrap();
        let mut sampled = Vec::new();
        for index in chunk.known() - 1..if chunk.samples { chunk.tokens } else { 0 } {
            assert!(chunk.output_rows().contains(&index), "no logits to sample from");
            let token = next_token(row(index));
            sampled.push(token);
            if input.get(index + 1) != Some(&token) {
                break;
            }
        }
        if sequence.purpose() == Purpose::Embed {
            let embedded = self.embedded.entry(chunk.sequence).or_default();
            assert!(chunk.first_position == 0 || chunk.first_position == *embedded);
            assert_eq!(chunk.output_rows(), 0..chunk.tokens);
            *embedded = chunk.first_position + chunk.tokens;
        }
        sampled
    }

    /// Every finished sequence holds what the model generates after its prompt alone.
    #[track_caller]
    pub(super) fn check_outputs(&self) {
        for (id, request) in &self.requests {
            let Some(sequence) = self.finished.get(id) else { panic!("{id:?} is not finished") };
            assert_eq!(sequence.prompt(), request.prompt);
            if request.purpose == Purpose::Embed {
                assert_eq!(self.embedded[id], request.prompt.len());
                assert!(sequence.output().is_empty());
            } else {
                let expected = reference(&request.prompt, request.output_tokens_max);
                assert_eq!(sequence.output(), expected, "{id:?}");
            }
        }
    }

    pub(super) fn check_step(&self, step: &Step) {
        let SchedulerOptions { tokens_per_step_max, running_max, .. } = self.options;
        let rows: usize = step.chunks.iter().map(|chunk| chunk.tokens).sum();
        assert_eq!(step.tokens, rows);
        assert!(rows <= tokens_per_step_max, "{rows} rows");
        assert!(step.chunks.len() <= running_max);
        for (index, chunk) in step.chunks.iter().enumerate() {
            let sequence = self.scheduler.sequence(chunk.sequence).unwrap();
            assert!(chunk.known() > 0);
            assert!(index < step.decoding || chunk.drafts == 0);
            assert_eq!(chunk.first_position, sequence.computed_tokens());
            let blocks = chunk.first_position + chunk.tokens;
            let capacity = sequence.block_table().len() * self.options.block_tokens;
            assert!(blocks <= capacity, "rows without a block");
        }
    }

    /// What holds between any two calls.
    #[track_caller]
    pub(super) fn check_invariants(&self) {
        let scheduler = &self.scheduler;
        let tables = scheduler.slots.iter().map(Sequence::block_table);
        scheduler.pool.check_invariants(tables);
        let rank = |id: &SequenceId| {
            let sequence = scheduler.sequence(*id).unwrap();
            (sequence.priority(), sequence.arrival())
        };
        assert!(scheduler.running.is_sorted_by_key(rank));
        assert!(scheduler.set_aside.is_sorted_by_key(rank));
        let (running, waiting): (Vec<_>, Vec<_>) =
            scheduler.slots.iter().partition(|sequence| sequence.state() == SequenceState::Running);
        assert_eq!(running.len(), scheduler.running.len());
        assert!(scheduler.running.iter().all(|id| running.iter().any(|s| s.id() == *id)));
        assert_eq!(waiting.len(), scheduler.waiting());
        let tokens: usize = waiting.iter().map(|sequence| sequence.tokens().len()).sum();
        assert_eq!(tokens, scheduler.waiting_tokens);
        assert!(waiting.iter().all(|sequence| sequence.block_table().is_empty()));
        assert!(running.iter().all(|sequence| sequence.uncomputed() > 0));
        assert!(scheduler.claims.owners().all(|owner| scheduler.running.contains(&owner)));
    }
}
