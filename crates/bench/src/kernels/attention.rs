//! Attention to keys and values in blocks, in the shapes of some models.

use anyhow::Result;
use kernels::{
    AttentionBatch, AttentionScratch, AttentionSpan, BLOCK_TOKENS, KvCache, KvFormat, KvShape,
    KvSlot, Rows, attend,
};

use super::{BYTES_IN_TURN, Bench, Figure, Work, numbers};

const FORMATS: [KvFormat; 4] = [KvFormat::F32, KvFormat::F16, KvFormat::Bf16, KvFormat::Int8];

/// Sequences of one length.
struct Case {
    name: &'static str,
    /// Of queries, and of keys and values.
    heads: [usize; 2],
    head_dim: usize,
    sequences: usize,
    /// Tokens of each that are new.
    rows: usize,
    /// Tokens of each in all.
    context: usize,
}

/// Heads of queries, heads of keys and values, floats in a head.
type Heads = [usize; 3];

const SMOLLM2_135M: Heads = [9, 3, 64];
const LLAMA_8B: Heads = [32, 8, 128];
const GPT2: Heads = [12, 12, 64];

const fn case(
    name: &'static str,
    [heads, kv_heads, head_dim]: Heads,
    [sequences, rows, context]: [usize; 3],
) -> Case {
    Case { name, heads: [heads, kv_heads], head_dim, sequences, rows, context }
}

const CASES: [Case; 8] = [
    case("SmolLM2-135M, prompt of 512", SMOLLM2_135M, [1, 512, 512]),
    case("SmolLM2-135M, 512 tokens of 4096", SMOLLM2_135M, [1, 512, 4096]),
    case("Llama 8B, prompt of 512", LLAMA_8B, [1, 512, 512]),
    case("GPT-2, prompt of 512", GPT2, [1, 512, 512]),
    case("SmolLM2-135M, 32 sequences at 192", SMOLLM2_135M, [32, 1, 192]),
    case("SmolLM2-135M, 1 sequence at 8000", SMOLLM2_135M, [1, 1, 8000]),
    case("Llama 8B, 8 sequences at 1000", LLAMA_8B, [8, 1, 1000]),
    case("GPT-2, 8 sequences at 1000", GPT2, [8, 1, 1000]),
];

pub(super) fn measure(bench: &Bench<'_>, figures: &mut Vec<Figure>) -> Result<()> {
    for case in &CASES {
        for format in FORMATS {
            bench.push(figures, one(bench, case, format)?);
        }
    }
    Ok(())
}

fn one(bench: &Bench<'_>, case: &Case, format: KvFormat) -> Result<Figure> {
    let cache = case.cache(bench, format)?;
    let tables: Vec<Vec<u32>> =
        (0..case.sequences).map(|sequence| case.table(sequence)).collect::<Result<_>>()?;
    let spans: Vec<AttentionSpan<'_>> = tables
        .iter()
        .enumerate()
        .map(|(sequence, blocks)| AttentionSpan {
            first_row: sequence * case.rows,
            rows: case.rows,
            context: case.context,
            blocks,
            window: None,
        })
        .collect();
    let seconds = case.time(bench, &cache, &spans);
    let (operations, bytes) = (case.operations(), case.bytes(&cache));
    let work = Work { seconds, operations, bytes };
    let figure = bench.figure(case.sequences * case.rows, bench.bounds.f32(), &work);
    let (kernel, shape) = (format!("attention {}", format.name()), case.name.to_owned());
    Ok(Figure { kernel, shape, ..figure })
}

impl Case {
    fn blocks(&self) -> usize {
        self.context.div_ceil(BLOCK_TOKENS)
    }

    /// As many layers as there have to be, all of them with numbers in them.
    fn cache(&self, bench: &Bench<'_>, format: KvFormat) -> Result<KvCache> {
        let [_, kv_heads] = self.heads;
        let blocks = self.sequences * self.blocks();
        let one = KvShape { layers: 1, kv_heads, head_dim: self.head_dim, blocks };
        let layer_bytes = blocks * KvCache::block_bytes(one, format)?;
        let layers = (BYTES_IN_TURN / layer_bytes).clamp(1, 64);
        let mut cache = KvCache::new(KvShape { layers, ..one }, format)?;
        let width = kv_heads * self.head_dim;
        let numbers: Vec<f32> = numbers(BLOCK_TOKENS * width).collect();
        let rows = Rows::new(&numbers, width);
        for layer in 0..layers {
            for block in 0..u32::try_from(blocks)? {
                let slots: Vec<KvSlot> = (0..).take(BLOCK_TOKENS).map(slot(block)).collect();
                cache.write(layer, &slots, rows, rows, bench.threads);
            }
        }
        Ok(cache)
    }

    /// Blocks of a sequence, in between those of the others.
    fn table(&self, sequence: usize) -> Result<Vec<u32>> {
        let place = |block: usize| Ok(u32::try_from(block * self.sequences + sequence)?);
        (0..self.blocks()).rev().map(place).collect()
    }

    fn time(&self, bench: &Bench<'_>, cache: &KvCache, spans: &[AttentionSpan<'_>]) -> f64 {
        let [heads, kv_heads] = self.heads;
        let stride = (heads + 2 * kv_heads) * self.head_dim;
        let rows = self.sequences * self.rows;
        let queries: Vec<f32> = numbers(rows * stride).collect();
        let batch = AttentionBatch {
            queries: Rows::new(&queries, stride),
            heads,
            scale: 1.0 / (self.head_dim as f32).sqrt(),
            softcap: None,
            spans,
        };
        let mut out = vec![0.0; rows * heads * self.head_dim];
        let mut scratch = AttentionScratch::default();
        let mut layers = (0..cache.shape().layers).cycle();
        bench.time(|| {
            if let Some(layer) = layers.next() {
                attend(cache, layer, &batch, &mut out, &mut scratch, bench.threads);
            }
        })
    }

    /// Of the two products, without what the causal mask hides.
    fn operations(&self) -> f64 {
        let seen: usize = (0..self.rows).map(|row| self.context - row).sum();
        (4 * self.sequences * seen * self.heads[0] * self.head_dim) as f64
    }

    /// Of the keys and values in a layer.
    fn bytes(&self, cache: &KvCache) -> f64 {
        (cache.byte_len() / cache.shape().layers) as f64
    }
}

fn slot(block: u32) -> impl Fn(u32) -> KvSlot {
    move |offset| KvSlot { block, offset }
}
