//! The engine as a whole, on tiny models: whatever happens around a sequence, its answer stays.

use std::{collections::BTreeMap, num::NonZeroUsize, path::Path, sync::Arc};

use kernels::{BLOCK_TOKENS, KvCache, KvFormat, KvShape, Precision, Threads, ThreadsOptions};
use llm::{
    Engine, EngineOptions, Event, FinishReason, Output, Pooling, Request, SamplingParameters,
    SequenceId, Wanted, build::TinyModel,
};
use tempfile::TempDir;

/// What may differ between two runs without a difference in their answers.
#[derive(Clone, Copy, Debug)]
struct Setting {
    blocks: usize,
    sequences_max: usize,
    step_tokens_max: usize,
    speculation: bool,
    prefix_cache: bool,
}

/// Room for everything at once.
const WIDE: Setting = Setting {
    blocks: 100,
    sequences_max: 16,
    step_tokens_max: 1000,
    speculation: false,
    prefix_cache: true,
};

/// Each sequence alone, computed whole, nothing kept.
const ALONE: Setting = Setting { sequences_max: 1, prefix_cache: false, ..WIDE };

/// A model in a folder of its own.
struct Model {
    model: TinyModel,
    files: TempDir,
}

/// What came of a run.
#[derive(Debug, Default)]
struct Answers {
    by_request: Vec<Output>,
    preemptions: u64,
    prefix_hits: u64,
    drafts_accepted: u64,
    steps: usize,
}

impl Model {
    fn write(model: TinyModel) -> Self {
        let files = tempfile::tempdir().unwrap();
        model.write_folder(files.path()).unwrap();
        Self { model, files }
    }

    fn path(&self) -> &Path {
        self.files.path()
    }

    fn engine(&self, setting: Setting) -> Engine {
        let Setting { blocks, sequences_max, step_tokens_max, speculation, prefix_cache } = setting;
        let shape = self.kv_shape();
        // A second one would only wait for the first, in steps as short as these.
        let threads = Threads::new(ThreadsOptions::new(NonZeroUsize::MIN)).unwrap();
        let options = EngineOptions {
            threads: Arc::new(threads),
            precision: Precision::F32,
            kv_format: KvFormat::F32,
            kv_bytes: blocks * KvCache::block_bytes(shape, KvFormat::F32).unwrap(),
            context_length: None,
            sequences_max,
            step_tokens_max,
            queue_requests_max: 100,
            queue_tokens_max: 100_000,
            speculation,
            prefix_cache,
        };
        Engine::load(self.path(), options).unwrap()
    }

    fn kv_shape(&self) -> KvShape {
        let checkpoint = llm::Checkpoint::open(self.path()).unwrap();
        let llm::Hyperparameters { layers, kv_heads, head_dim, .. } = *checkpoint.hyperparameters();
        KvShape { layers, kv_heads, head_dim, blocks: 1 }
    }

    /// Runs all requests to their ends.
    fn run(&self, setting: Setting, requests: &[Request]) -> Answers {
        let mut engine = self.engine(setting);
        let ids: Vec<SequenceId> =
            requests.iter().map(|request| engine.add(request.clone()).unwrap()).collect();
        let mut outputs = BTreeMap::new();
        let steps = finish(&mut engine, &mut outputs);
        let statistics = engine.statistics();
        assert_eq!((statistics.running, statistics.waiting, statistics.blocks_used), (0, 0, 0));
        Answers {
            by_request: ids.iter().map(|id| outputs.remove(id).unwrap()).collect(),
            preemptions: statistics.preemptions,
            prefix_hits: statistics.prefix_hits,
            drafts_accepted: statistics.accepted_draft_tokens,
            steps,
        }
    }

    /// Compares answers in a setting with those of each sequence alone.
    #[track_caller]
    fn check(&self, setting: Setting, requests: &[Request]) -> Answers {
        let expected = self.run(ALONE, requests);
        let answers = self.run(setting, requests);
        for (index, (answer, expected)) in
            answers.by_request.iter().zip(&expected.by_request).enumerate()
        {
            let name = format!("{:?}, request {index}, {setting:?}", self.model);
            assert_eq!(answer.tokens, expected.tokens, "{name}");
            assert_eq!(answer.text, expected.text, "{name}");
            assert_eq!(answer.embedding, expected.embedding, "{name}");
            let reason = |output: &Output| output.finish.clone().unwrap().reason;
            assert_eq!(reason(answer), reason(expected), "{name}");
        }
        answers
    }
}

/// Runs steps until nothing is left; returns how many.
fn finish(engine: &mut Engine, outputs: &mut BTreeMap<SequenceId, Output>) -> usize {
    let mut events = Vec::new();
    let mut steps = 0;
    while engine.has_work() {
        engine.step(&mut events);
        engine.note_step_duration(std::time::Duration::from_millis(10));
        steps += 1;
        assert!(steps < 10_000, "no end: {:?}", engine.statistics());
        for event in events.drain(..) {
            match event {
                Event::Started { .. } => {}
                Event::Output(output) => append(outputs, output),
                Event::Failed { error, .. } => panic!("{error}"),
            }
        }
    }
    steps
}

/// Puts the parts of an answer together.
fn append(outputs: &mut BTreeMap<SequenceId, Output>, next: Output) {
    let Some(output) = outputs.get_mut(&next.sequence) else {
        outputs.insert(next.sequence, next);
        return;
    };
    assert!(output.finish.is_none(), "an output after the last one");
    output.text.push_str(&next.text);
    output.tokens.extend(next.tokens);
    output.logprobs.extend(next.logprobs);
    output.embedding.extend(next.embedding);
    output.finish = next.finish;
}

fn text(prompt: Vec<u32>, sampling: SamplingParameters) -> Request {
    let wanted = Wanted::Text { sampling: Box::new(sampling), grammar: None };
    let (tenant, salt) = (String::new(), String::new());
    Request { prompt, wanted, tenant, weight: 1, priority: 0, salt }
}

/// Letters, the first `shared` of them the same for every seed.
fn prompt(seed: u32, shared: u32, own: u32) -> Vec<u32> {
    let letter = |seed: u32, position: u32| 97 + (seed * 7 + position * 5 + position / 3) % 26;
    let shared = (0..shared).map(|position| letter(0, position));
    shared.chain((0..own).map(|position| letter(seed, position))).collect()
}

fn greedy(tokens: usize) -> SamplingParameters {
    let max_tokens = tokens;
    SamplingParameters { temperature: 0.0, max_tokens, ignore_eos: true, ..Default::default() }
}

fn sampled(tokens: usize, seed: u64) -> SamplingParameters {
    SamplingParameters { temperature: 1.0, seed: Some(seed), ..greedy(tokens) }
}

/// Greedy and sampled answers to prompts with and without a common start.
fn requests() -> Vec<Request> {
    (0..6)
        .map(|seed| {
            let prompt = prompt(seed, if seed % 2 == 0 { 70 } else { 0 }, 5 + seed * 4);
            let tokens = 12 + 3 * seed as usize;
            let sampling =
                if seed % 3 == 0 { sampled(tokens, seed.into()) } else { greedy(tokens) };
            text(prompt, sampling)
        })
        .collect()
}

#[test]
fn company_changes_no_answer() {
    for model in TinyModel::ALL {
        let answers = Model::write(model).check(WIDE, &requests());
        assert!(answers.prefix_hits > 0, "{answers:?}");
    }
}

#[test]
fn small_steps_change_no_answer() {
    for model in TinyModel::ALL {
        let small = Setting { step_tokens_max: 17, ..WIDE };
        Model::write(model).check(small, &requests());
    }
}

#[test]
fn preemption_changes_no_answer() {
    let growing = |seed| text(prompt(seed, 0, 10), greedy(40 + seed as usize * 4));
    let requests: Vec<Request> = (0..6).map(growing).collect();
    for model in [TinyModel::Llama, TinyModel::Gemma3] {
        for prefix_cache in [false, true] {
            let small = Setting { blocks: 7, prefix_cache, ..WIDE };
            let answers = Model::write(model).check(small, &requests);
            assert!(answers.preemptions > 0, "{model:?}");
        }
    }
}

#[test]
fn drafts_change_no_answer() {
    for model in TinyModel::ALL {
        let drafting = Setting { speculation: true, ..WIDE };
        Model::write(model).check(drafting, &requests());
        let alone = Setting { speculation: true, ..ALONE };
        Model::write(model).check(alone, &requests());
    }
}

#[test]
fn what_repeats_itself_takes_fewer_steps_with_drafts() {
    let model = Model::write(TinyModel::Llama);
    let favourite = SamplingParameters { logit_bias: vec![(120, 100.0)], ..greedy(100) };
    let requests = [text(prompt(1, 0, 9), favourite)];
    let plain = model.run(ALONE, &requests);
    let drafting = model.check(Setting { speculation: true, ..ALONE }, &requests);
    assert_eq!(plain.steps, 100);
    assert!(drafting.steps < 40 && drafting.drafts_accepted > 60, "{drafting:?}");
}

#[test]
fn embeddings_are_the_same_in_parts() {
    for pooling in [Pooling::Mean, Pooling::Last, Pooling::First] {
        let embed = |seed| Request {
            wanted: Wanted::Embedding { pooling, normalise: true },
            ..text(prompt(seed, 70, 60), greedy(1))
        };
        let requests = [embed(1), text(prompt(9, 0, 5), greedy(20)), embed(2), embed(1)];
        let model = Model::write(TinyModel::Qwen3);
        let answers = model.check(Setting { step_tokens_max: 23, ..WIDE }, &requests);
        let vectors: Vec<&Vec<f32>> = answers.by_request.iter().map(|o| &o.embedding).collect();
        let length = |vector: &[f32]| vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length(vectors[0]) - 1.0).abs() < 1e-5, "{vectors:?}");
        assert_eq!(vectors[0], vectors[3]);
        assert_eq!(vectors[0] == vectors[2], pooling == Pooling::First);
    }
}

#[test]
fn log_probabilities_of_a_prompt_are_the_same_in_parts() {
    let model = Model::write(TinyModel::Llama);
    let sampling = SamplingParameters { prompt_logprobs: Some(2), ..greedy(2) };
    let requests = [text(prompt(3, 70, 10), sampling), text(prompt(4, 70, 10), greedy(9))];
    let whole = model.run(ALONE, &requests);
    let parts = model.run(Setting { step_tokens_max: 20, ..WIDE }, &requests);
    let (whole, parts) = (&whole.by_request[0], &parts.by_request[0]);
    assert_eq!(whole.prompt_logprobs.len(), 80);
    assert_eq!(whole.prompt_logprobs, parts.prompt_logprobs);
    assert!(
        whole.prompt_logprobs[0].is_none()
            && whole.prompt_logprobs[1..].iter().all(Option::is_some)
    );
}

#[test]
fn a_common_start_that_arrives_many_times_is_computed_once() {
    let model = Model::write(TinyModel::Llama);
    let requests: Vec<Request> =
        (0..8).map(|seed| text(prompt(seed, 4 * 32, 5), greedy(3))).collect();
    let answers = model.check(WIDE, &requests);
    assert_eq!(answers.prefix_hits, 7 * 4 * BLOCK_TOKENS as u64);
    let cached = |output: &Output| output.finish.clone().unwrap().cached_tokens;
    let cached: Vec<usize> = answers.by_request.iter().map(cached).collect();
    assert_eq!(cached, [0, 128, 128, 128, 128, 128, 128, 128]);
}

#[test]
fn a_cancelled_sequence_leaves_nothing() {
    let model = Model::write(TinyModel::Llama);
    let mut engine = model.engine(WIDE);
    let keep = engine.add(text(prompt(1, 40, 3), greedy(30))).unwrap();
    let drop = engine.add(text(prompt(2, 40, 30), greedy(30))).unwrap();
    let mut events = Vec::new();
    (0..5).for_each(|_| assert!(engine.step(&mut events) > 0));
    let before = engine.statistics().blocks_used;
    engine.cancel(drop);
    assert!(engine.statistics().blocks_used < before);
    assert_eq!((engine.statistics().running, engine.statistics().waiting), (1, 0));
    events.retain(|event| event.sequence() == keep);
    let mut outputs = BTreeMap::new();
    for event in events {
        if let Event::Output(output) = event {
            append(&mut outputs, output);
        }
    }
    finish(&mut engine, &mut outputs);
    assert_eq!(outputs.keys().collect::<Vec<_>>(), [&keep]);
    assert_eq!(outputs[&keep].tokens.len(), 30);
    assert_eq!(outputs[&keep].finish.clone().unwrap().reason, FinishReason::Length);
    assert_eq!(engine.statistics().blocks_used, 0);
}
