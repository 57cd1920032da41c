//! How fast attention is here, beside what this machine can do at most:
//! `cargo run --profile fast -p kernels --example attention [WORDS OF A CASE] [FORMAT]`.
#![expect(clippy::print_stdout, reason = "a table for people")]
#![expect(clippy::disallowed_methods, reason = "a micro-benchmark measures real time")]
#![expect(clippy::unwrap_used, reason = "a tool that may stop where it fails")]

use std::{
    num::NonZeroUsize,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use kernels::{
    AttentionBatch, AttentionScratch, AttentionSpan, BLOCK_TOKENS, KvCache, KvFormat, KvShape,
    KvSlot, MemoryLevel, Roofline, Rows, Threads, ThreadsOptions, attend,
};

const FORMATS: [KvFormat; 4] = [KvFormat::F32, KvFormat::F16, KvFormat::Bf16, KvFormat::Int8];
const BUDGET: Duration = Duration::from_millis(700);

/// Sequences of one length in so many layers, of which each is attended to in turn: all that does
/// not fit a cache is read from memory.
struct Case {
    name: &'static str,
    heads: [usize; 2],
    head_dim: usize,
    layers: usize,
    sequences: usize,
    rows: usize,
    context: usize,
}

const fn case(
    name: &'static str,
    [heads, kv_heads, head_dim]: [usize; 3],
    layers: usize,
    [sequences, rows, context]: [usize; 3],
) -> Case {
    Case { name, heads: [heads, kv_heads], head_dim, layers, sequences, rows, context }
}

/// Heads, heads of the cache, floats in a head.
const SMOLLM2_135M: [usize; 3] = [9, 3, 64];
const LLAMA_3_8B: [usize; 3] = [32, 8, 128];
const GPT2: [usize; 3] = [12, 12, 64];

const CASES: [Case; 10] = [
    case("SmolLM2 prefill 512", SMOLLM2_135M, 1, [1, 512, 512]),
    case("SmolLM2 prefill 512 of 4096", SMOLLM2_135M, 1, [1, 512, 4096]),
    case("Llama 8B prefill 512", LLAMA_3_8B, 1, [1, 512, 512]),
    case("GPT-2 prefill 512", GPT2, 1, [1, 512, 512]),
    case("SmolLM2 decode 1 at 192, L2", SMOLLM2_135M, 1, [1, 1, 192]),
    case("SmolLM2 decode 32 at 192, L3", SMOLLM2_135M, 1, [32, 1, 192]),
    case("SmolLM2 decode 32 at 192, memory", SMOLLM2_135M, 30, [32, 1, 192]),
    case("SmolLM2 decode 1 at 8000, memory", SMOLLM2_135M, 30, [1, 1, 8000]),
    case("Llama 8B decode 8 at 1000, memory", LLAMA_3_8B, 8, [8, 1, 1000]),
    case("GPT-2 decode 8 at 1000, memory", GPT2, 8, [8, 1, 1000]),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |index: usize, name: &str| words.get(index).is_none_or(|word| name.contains(word));
    let all = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let roofline = Roofline::measure(all, Duration::from_secs(2));
    let pools = [Threads::single(), Threads::new(ThreadsOptions::new(all)).unwrap()];
    println!("| case | format | threads | µs per layer | Gop/s | of f32 peak | GB/s | of memory |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    for case in CASES.iter().filter(|case| wanted(0, case.name)) {
        for format in FORMATS.into_iter().filter(|format| wanted(1, format.name())) {
            for threads in &pools {
                case.print(format, threads, &roofline);
            }
        }
    }
}

impl Case {
    fn print(&self, format: KvFormat, threads: &Threads, roofline: &Roofline) {
        let memory = roofline.bandwidth.iter().find(|level| level.level == MemoryLevel::Dram);
        let (peak, memory) = match (threads.count(), memory) {
            (1, memory) => (roofline.f32.one_core, memory.map(|memory| memory.one_core)),
            (_, memory) => (roofline.f32.all_cores, memory.map(|memory| memory.all_cores)),
        };
        let (seconds, bytes) = self.measure(format, threads);
        let (operations, bandwidth) = (self.operations() / seconds, bytes / seconds);
        println!(
            "| {} | {} | {} | {:.1} | {:.1} | {:.0} % | {:.1} | {:.0} % |",
            self.name,
            format.name(),
            threads.count(),
            seconds * 1e6,
            operations / 1e9,
            100.0 * operations / peak,
            bandwidth / 1e9,
            100.0 * bandwidth / memory.unwrap_or(f64::NAN),
        );
    }

    /// Operations of the two products of a layer, without what the mask hides.
    fn operations(&self) -> f64 {
        let seen: usize = (0..self.rows).map(|row| self.context - row).sum();
        (4 * self.sequences * seen * self.heads[0] * self.head_dim) as f64
    }

    /// Seconds that a layer takes, at best, and the bytes of its keys and values.
    fn measure(&self, format: KvFormat, threads: &Threads) -> (f64, f64) {
        let [heads, kv_heads] = self.heads;
        let blocks = self.context.div_ceil(BLOCK_TOKENS);
        let shape = KvShape {
            layers: self.layers,
            kv_heads,
            head_dim: self.head_dim,
            blocks: self.sequences * blocks,
        };
        let mut cache = KvCache::new(shape, format).unwrap();
        fill(&mut cache, threads);
        let tables: Vec<Vec<u32>> =
            (0..self.sequences).map(|sequence| self.table(sequence, blocks)).collect();
        let spans: Vec<AttentionSpan<'_>> = tables
            .iter()
            .enumerate()
            .map(|(sequence, blocks)| AttentionSpan {
                first_row: sequence * self.rows,
                rows: self.rows,
                context: self.context,
                blocks,
                window: None,
            })
            .collect();
        let stride = (heads + 2 * kv_heads) * self.head_dim;
        let queries = numbers(self.sequences * self.rows * stride);
        let batch = AttentionBatch {
            queries: Rows::new(&queries, stride),
            heads,
            scale: 1.0 / (self.head_dim as f32).sqrt(),
            softcap: None,
            spans: &spans,
        };
        let mut out = vec![0.0; self.sequences * self.rows * heads * self.head_dim];
        let mut scratch = AttentionScratch::default();
        let seconds = best(|| {
            for layer in 0..self.layers {
                attend(&cache, layer, &batch, &mut out, &mut scratch, threads);
            }
        });
        let layers = self.layers as f64;
        (seconds / layers, cache.byte_len() as f64 / layers)
    }

    /// Blocks in no order.
    fn table(&self, sequence: usize, blocks: usize) -> Vec<u32> {
        let place = |block: usize| (block * 7 % blocks) * self.sequences + sequence;
        // All of them if seven does not divide their number; the lengths above are such.
        assert!(!blocks.is_multiple_of(7), "{blocks} blocks");
        (0..blocks).map(|block| u32::try_from(place(block)).unwrap()).collect()
    }
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| (index * 7919 % 1013) as f32 / 506.0 - 1.0).collect()
}

fn fill(cache: &mut KvCache, threads: &Threads) {
    let shape = cache.shape();
    let width = shape.kv_heads * shape.head_dim;
    let numbers = numbers(BLOCK_TOKENS * width);
    let rows = Rows::new(&numbers, width);
    for layer in 0..shape.layers {
        for block in 0..u32::try_from(shape.blocks).unwrap() {
            let slots: Vec<KvSlot> = (0..32).map(|offset| KvSlot { block, offset }).collect();
            cache.write(layer, &slots, rows, rows, threads);
        }
    }
}

/// Shortest time of a call.
fn best(mut call: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut shortest = f64::INFINITY;
    while begin.elapsed() < BUDGET || shortest.is_infinite() {
        let start = Instant::now();
        call();
        shortest = shortest.min(start.elapsed().as_secs_f64());
    }
    shortest
}
