//! SmolLM2's logits against those that other implementations compute in 32-bit floats from the same
//! file (llama.cpp and transformers agree on them to 2e-5).

use std::{env, path::PathBuf, sync::Arc};

use kernels::{
    AttentionSpan, BLOCK_TOKENS, KvCache, KvFormat, KvShape, KvSlot, Precision, Threads,
    ThreadsOptions,
};
use serde::Deserialize;

use super::{Batch, Decoder};
use crate::Checkpoint;

/// A prompt, and how it is continued.
#[derive(Deserialize)]
struct Case {
    prompt: String,
    prompt_ids: Vec<u32>,
    /// Some logits after the prompt.
    last_logits_top5: Vec<(usize, f32)>,
    greedy_ids: Vec<u32>,
    /// How far the first is before the second.
    margins: Vec<f32>,
}

/// A model with room for two sequences.
struct Runner {
    decoder: Decoder,
    cache: KvCache,
}

/// Blocks of each sequence.
const BLOCKS: u32 = 16;

#[expect(clippy::disallowed_methods, reason = "tests are told where the models are")]
fn model() -> Option<PathBuf> {
    let folder = |name: &str, tail: &str| Some(PathBuf::from(env::var(name).ok()?).join(tail));
    let cache = folder("HONE_CACHE", "")
        .or_else(|| folder("XDG_CACHE_HOME", "hone"))
        .or_else(|| folder("HOME", ".cache/hone"))?;
    let path = cache.join("models/smollm2/1/model.gguf");
    let is_there = path.is_file();
    assert!(is_there || env::var("CI").is_err(), "run `cargo xtask models`: {}", path.display());
    is_there.then_some(path)
}

fn cases() -> Vec<Case> {
    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }
    let golden = include_str!("../../tests/golden/smollm2.json");
    serde_json::from_str::<Golden>(golden).unwrap().cases
}

impl Runner {
    fn new(precision: Precision, kv_format: KvFormat) -> Option<Self> {
        let checkpoint = Arc::new(Checkpoint::open(&model()?).unwrap());
        let threads = Threads::new(ThreadsOptions::new(2.try_into().unwrap())).unwrap();
        let decoder = Decoder::load(&checkpoint, precision, Arc::new(threads)).unwrap();
        let shape = decoder.hyperparameters();
        let shape = KvShape {
            layers: shape.layers,
            kv_heads: shape.kv_heads,
            head_dim: shape.head_dim,
            blocks: 2 * BLOCKS as usize,
        };
        Some(Self { cache: KvCache::new(shape, kv_format).unwrap(), decoder })
    }

    /// The logits after every one of `tokens`, computed `chunk` at a time; another sequence's tokens
    /// join each step if there are `others`.
    fn logits(&mut self, tokens: &[u32], chunk: usize, others: &[u32]) -> Vec<Vec<f32>> {
        let mut all = Vec::with_capacity(tokens.len());
        for start in (0..tokens.len()).step_by(chunk) {
            let end = (start + chunk).min(tokens.len());
            all.extend(self.step(tokens, start..end, others));
        }
        all
    }

    fn step(
        &mut self,
        tokens: &[u32],
        range: std::ops::Range<usize>,
        others: &[u32],
    ) -> Vec<Vec<f32>> {
        let blocks: Vec<u32> = (0..BLOCKS).collect();
        let other_blocks: Vec<u32> = (BLOCKS..2 * BLOCKS).collect();
        let slot = |table: &[u32], position: usize| KvSlot {
            block: table[position / BLOCK_TOKENS],
            offset: u32::try_from(position % BLOCK_TOKENS).unwrap(),
        };
        let positions: Vec<usize> = (0..others.len()).chain(range.clone()).collect();
        let slots = (0..others.len()).map(|position| slot(&other_blocks, position));
        let slots: Vec<KvSlot> =
            slots.chain(range.clone().map(|position| slot(&blocks, position))).collect();
        let span = |first_row, rows, context, blocks| AttentionSpan {
            first_row,
            rows,
            context,
            blocks,
            window: None,
        };
        let mut spans = vec![span(others.len(), range.len(), range.end, &*blocks)];
        if !others.is_empty() {
            spans.insert(0, span(0, others.len(), others.len(), &*other_blocks));
        }
        let positions: Vec<u32> =
            positions.into_iter().map(|position| u32::try_from(position).unwrap()).collect();
        let first = u32::try_from(others.len()).unwrap();
        let wanted: Vec<u32> = (first..first + u32::try_from(range.len()).unwrap()).collect();
        let batch = Batch {
            tokens: &[others, &tokens[range.clone()]].concat(),
            positions: &positions,
            slots: &slots,
            spans: &spans,
            local_spans: &spans,
            wanted: &wanted,
        };
        self.decoder.forward(&batch, &mut self.cache);
        let rows: Vec<usize> = (0..range.len()).collect();
        let vocabulary = self.decoder.hyperparameters().vocabulary;
        let logits = self.decoder.logits(&rows);
        logits.chunks_exact(vocabulary).map(<[f32]>::to_vec).collect()
    }
}

/// First and second of a row.
fn best_two(logits: &[f32]) -> (usize, f32) {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.select_nth_unstable_by(2, |a, b| logits[*b].total_cmp(&logits[*a]));
    order.truncate(2);
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    (order[0], logits[order[0]] - logits[order[1]])
}

/// Holds teacher-forced logits to the golden ones: those after the prompt, the margin of each step,
/// and which token comes first wherever that is clear. Returns the greatest difference.
#[track_caller]
fn check(precision: Precision, kv_format: KvFormat, bound: f32, clear: f32) {
    let Some(mut runner) = Runner::new(precision, kv_format) else { return };
    let mut worst = 0.0_f32;
    for case in cases() {
        let Case { prompt, prompt_ids, last_logits_top5, greedy_ids, margins } = case;
        let tokens = [&prompt_ids[..], &greedy_ids[..greedy_ids.len() - 1]].concat();
        let rows = runner.logits(&tokens, tokens.len(), &[]);
        let rows = &rows[prompt_ids.len() - 1..];
        for (token, expected) in last_logits_top5 {
            let difference = (rows[0][token] - expected).abs();
            worst = worst.max(difference);
            assert!(difference <= bound, "{prompt:?}: logit of {token} is {difference} off");
        }
        for (step, (row, margin)) in rows.iter().zip(&margins).enumerate() {
            let (first, found) = best_two(row);
            if *margin > clear {
                assert_eq!(first, greedy_ids[step] as usize, "{prompt:?}, step {step}");
                let difference = (found - margin).abs();
                worst = worst.max(difference);
                assert!(difference <= 2.0 * bound, "{prompt:?}, step {step}: {found} {margin}");
            }
        }
    }
    println!("{precision:?}, {kv_format:?}: {worst} at most");
}

#[test]
fn in_single_precision_logits_are_those_of_others() {
    check(Precision::F32, KvFormat::F32, 1e-3, 0.01);
}

#[test]
fn with_eight_bit_activations_logits_stay_close() {
    check(Precision::Stored, KvFormat::F16, 2.0, 1.0);
}

#[test]
fn a_row_is_the_same_whatever_is_computed_with_it() {
    let Some(mut runner) = Runner::new(Precision::Stored, KvFormat::F16) else { return };
    let case = cases().swap_remove(4);
    let tokens = [case.prompt_ids, case.greedy_ids].concat();
    let whole = runner.logits(&tokens, tokens.len(), &[]);
    let others: Vec<u32> = (1000..1040).collect();
    for (chunk, others) in [(1, &[][..]), (7, &[]), (32, &[]), (1, &others), (13, &others[..5])] {
        let again = runner.logits(&tokens, chunk, others);
        assert!(whole == again, "{chunk} at a time, with {} others", others.len());
    }
}
