//! Whether an instruction set computes what is defined on the CPU that it is to run on.

use std::sync::OnceLock;

use super::{AttentionBatch, AttentionScratch, AttentionSpan, Call};
use crate::{
    kv::{KvCache, KvFormat, KvShape, KvSlot, Tokens},
    rows::Rows,
    simd::Isa,
    threads::Threads,
};

const FORMATS: [KvFormat; 4] = [KvFormat::F32, KvFormat::F16, KvFormat::Bf16, KvFormat::Int8];
/// Tokens of a prompt, which end within a block.
const PROMPT: usize = 45;
/// Three registers of the widest kind.
const HEAD_DIM: usize = 48;

/// The widest instruction set that is known to be right: code that was written without a machine for
/// it has to show that first, which takes a few milliseconds, once.
pub(crate) fn sound_isa() -> Isa {
    static SOUND: OnceLock<Isa> = OnceLock::new();
    *SOUND.get_or_init(|| {
        let is_sound = |isa: &Isa| isa.was_tested() || agrees(*isa);
        Isa::widest_first().into_iter().find(is_sound).unwrap_or(Isa::Scalar)
    })
}

/// Compares a prompt and a token after it with the scalar code, bit by bit, in every format, for as
/// many heads as there are ways to fill registers.
pub(super) fn agrees(isa: Isa) -> bool {
    FORMATS.into_iter().all(|format| {
        [1, 2, 3, 4, 7].into_iter().all(|group| {
            let (found, expected) = (run(isa, format, group), run(Isa::Scalar, format, group));
            found == expected
        })
    })
}

/// All rows of output.
fn run(isa: Isa, format: KvFormat, group: usize) -> Vec<f32> {
    let shape = KvShape { layers: 1, kv_heads: 1, head_dim: HEAD_DIM, blocks: 2 };
    let Ok(mut cache) = KvCache::new(shape, format) else { return Vec::new() };
    let threads = Threads::single();
    let stride = (group + 2) * HEAD_DIM;
    let number = |index: usize| (index * 7919 % 1013) as f32 / 506.0 - 1.0;
    let fused: Vec<f32> = (0..(PROMPT + 1) * stride).map(number).collect();
    let slots: Vec<KvSlot> =
        (0..2).flat_map(|block| (0..32).map(move |offset| KvSlot { block, offset })).collect();
    let keys = Rows::new(&fused[group * HEAD_DIM..], stride);
    let values = Rows::new(&fused[(group + 1) * HEAD_DIM..], stride);
    let tokens = Tokens { layer: 0, slots: &slots[..=PROMPT], keys, values };
    cache.write_with(isa, &tokens, &threads);
    let span = |first_row, rows, context| AttentionSpan {
        first_row,
        rows,
        context,
        blocks: &[0, 1],
        window: None,
    };
    let batch = AttentionBatch {
        queries: Rows::new(&fused, stride),
        heads: group,
        scale: 0.3,
        softcap: Some(20.0),
        spans: &[span(0, PROMPT, PROMPT), span(PROMPT, 1, PROMPT + 1)],
    };
    let mut out = vec![0.0; (PROMPT + 1) * group * HEAD_DIM];
    let call = Call { cache: &cache, layer: 0, batch: &batch, group };
    call.run(isa, &mut out, &mut AttentionScratch::default(), &threads);
    out
}
