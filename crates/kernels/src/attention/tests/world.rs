//! Sequences whose numbers follow from their names and places, so that they are the same however
//! they get into the cache.

use super::reference;
use crate::{
    attention::{AttentionBatch, AttentionScratch, AttentionSpan, Call, sound_isa},
    kv::{BLOCK_TOKENS, KvCache, KvFormat, KvShape, KvSlot},
    rows::Rows,
    simd::Isa,
    threads::{Threads, ThreadsOptions},
};

pub(super) const FORMATS: [KvFormat; 4] =
    [KvFormat::F32, KvFormat::F16, KvFormat::Bf16, KvFormat::Int8];

/// Blocks that one sequence may take.
const BLOCKS_PER_SEQUENCE: usize = 64;
const SEQUENCES_MAX: usize = 4;
const LAYER: usize = 1;

/// Whether these tests run in an emulator, as `cargo xtask arm` and `avx512` say: what takes long is then done at
/// fewer sizes.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
pub(super) fn is_emulated() -> bool {
    std::env::var_os("HONE_EMULATED").is_some()
}

/// The instruction sets for the tests that take longest; an emulator leaves out the scalar code.
pub(super) fn isas() -> Vec<Isa> {
    let mut all = Isa::widest_first();
    all.truncate(if is_emulated() { 1 } else { all.len() });
    all
}

/// How to attend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) format: KvFormat,
    pub(super) isa: Isa,
    pub(super) kv_heads: usize,
    pub(super) group: usize,
    pub(super) head_dim: usize,
    pub(super) window: Option<usize>,
    pub(super) softcap: Option<f32>,
    pub(super) scale: f32,
    pub(super) threads: usize,
}

impl Setting {
    pub(super) fn new(format: KvFormat) -> Self {
        Self {
            format,
            isa: sound_isa(),
            kv_heads: 3,
            group: 3,
            head_dim: 64,
            window: None,
            softcap: None,
            scale: 0.125,
            threads: 1,
        }
    }

    fn row_len(&self) -> usize {
        (self.group + 2) * self.kv_heads * self.head_dim
    }

    fn queries_len(&self) -> usize {
        self.group * self.kv_heads * self.head_dim
    }
}

/// Tokens of a sequence that are new in a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) sequence: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) struct World {
    setting: Setting,
    pub(super) cache: KvCache,
    scratch: AttentionScratch,
    threads: Threads,
}

impl World {
    /// A cache in which others have left what is no number, where the format can hold that.
    pub(super) fn new(setting: Setting) -> Self {
        let Setting { kv_heads, head_dim, .. } = setting;
        let blocks = BLOCKS_PER_SEQUENCE * SEQUENCES_MAX;
        let shape = KvShape { layers: 2, kv_heads, head_dim, blocks };
        let mut cache = KvCache::new(shape, setting.format).unwrap();
        let left = vec![f32::NAN; kv_heads * head_dim];
        let threads = Threads::new(ThreadsOptions::new(setting.threads.try_into().unwrap()));
        let threads = threads.unwrap();
        for block in 0..blocks {
            let slots: [KvSlot; BLOCK_TOKENS] = std::array::from_fn(|offset| slot(block, offset));
            cache.write(LAYER, &slots, Rows::new(&left, 0), Rows::new(&left, 0), &threads);
        }
        Self { setting, cache, scratch: AttentionScratch::default(), threads }
    }

    /// Writes the tokens of `chunks` and attends with them; returns a row of the output for each.
    pub(super) fn step(&mut self, chunks: &[Chunk]) -> Vec<Vec<f32>> {
        self.step_checked(chunks, false)
    }

    /// As `step`, held against the reference.
    #[track_caller]
    pub(super) fn check(&mut self, chunks: &[Chunk]) {
        self.step_checked(chunks, true);
    }

    #[track_caller]
    fn step_checked(&mut self, chunks: &[Chunk], checks: bool) -> Vec<Vec<f32>> {
        let setting = self.setting;
        let tokens: Vec<(usize, usize)> = chunks
            .iter()
            .flat_map(|chunk| (chunk.start..chunk.end).map(|token| (chunk.sequence, token)))
            .collect();
        let fused: Vec<f32> = tokens
            .iter()
            .flat_map(|(sequence, token)| row(*sequence, *token, setting.row_len()))
            .collect();
        self.write(&tokens, &fused);
        let tables: Vec<Vec<u32>> = chunks.iter().map(|chunk| self.table(*chunk)).collect();
        let mut first_row = 0;
        let spans: Vec<AttentionSpan<'_>> = chunks
            .iter()
            .zip(&tables)
            .map(|(chunk, blocks)| {
                let rows = chunk.end - chunk.start;
                first_row += rows;
                AttentionSpan {
                    first_row: first_row - rows,
                    rows,
                    context: chunk.end,
                    blocks,
                    window: setting.window,
                }
            })
            .collect();
        let batch = AttentionBatch {
            queries: Rows::new(&fused, setting.row_len()),
            heads: setting.kv_heads * setting.group,
            scale: setting.scale,
            softcap: setting.softcap,
            spans: &spans,
        };
        let rows = self.attend(&batch);
        if checks {
            self.compare(&batch, &rows);
        }
        rows
    }

    fn write(&mut self, tokens: &[(usize, usize)], fused: &[f32]) {
        let slot_of = |(sequence, token): &(usize, usize)| {
            slot(block(*sequence, token / BLOCK_TOKENS), token % BLOCK_TOKENS)
        };
        let slots: Vec<KvSlot> = tokens.iter().map(slot_of).collect();
        let (queries, stride) = (self.setting.queries_len(), self.setting.row_len());
        let width = self.setting.kv_heads * self.setting.head_dim;
        let keys = Rows::new(&fused[queries..], stride);
        let values = Rows::new(&fused[queries + width..], stride);
        self.cache.write(LAYER, &slots, keys, values, &self.threads);
    }

    /// Blocks that lie before every window are given as none.
    fn table(&self, chunk: Chunk) -> Vec<u32> {
        let seen = self.setting.window.map_or(0, |window| (chunk.start + 1).saturating_sub(window));
        let id = |index: usize| match index {
            _ if (index + 1) * BLOCK_TOKENS <= seen => u32::MAX,
            _ => slot(block(chunk.sequence, index), 0).block,
        };
        (0..chunk.end.div_ceil(BLOCK_TOKENS)).map(id).collect()
    }

    fn attend(&mut self, batch: &AttentionBatch<'_>) -> Vec<Vec<f32>> {
        let len = self.setting.queries_len();
        let rows = batch.spans.iter().map(|span| span.rows).sum::<usize>();
        let mut out = vec![f32::NAN; rows * len];
        let group = self.setting.group;
        let call = Call { cache: &self.cache, layer: LAYER, batch, group };
        call.check(out.len());
        call.run(self.setting.isa, &mut out, &mut self.scratch, &self.threads);
        out.chunks(len).map(<[f32]>::to_vec).collect()
    }

    /// The bound that the kernels keep: 1e-5 of the largest value.
    #[track_caller]
    fn compare(&self, batch: &AttentionBatch<'_>, rows: &[Vec<f32>]) {
        for span in batch.spans {
            let expected = reference::attend(&self.cache, LAYER, batch, span);
            for (index, (row, expected)) in rows[span.first_row..].iter().zip(expected).enumerate()
            {
                for (found, expected) in row.iter().zip(expected) {
                    let error = (f64::from(*found) - expected).abs();
                    let setting = self.setting;
                    assert!(error <= 1e-5, "{setting:?} {span:?} row {index}: {found} {expected}");
                }
            }
        }
    }
}

/// Blocks of sequences lie in between each other, in no order.
fn block(sequence: usize, index: usize) -> usize {
    assert!(sequence < SEQUENCES_MAX && index < BLOCKS_PER_SEQUENCE, "{sequence} {index}");
    (index * 37 % BLOCKS_PER_SEQUENCE) * SEQUENCES_MAX + sequence
}

fn slot(block: usize, offset: usize) -> KvSlot {
    let small = |number| u32::try_from(number).unwrap();
    KvSlot { block: small(block), offset: small(offset) }
}

/// Numbers between -1 and 1; keys have some larger ones, so that weights differ.
fn row(sequence: usize, token: usize, len: usize) -> Vec<f32> {
    let mut state = (sequence as u64 + 1) << 32 | (token as u64 + 1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    for _ in 0..8 {
        next();
    }
    (0..len).map(|_| next()).collect()
}
