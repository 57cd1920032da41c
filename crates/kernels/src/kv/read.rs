//! What the cache holds, for tests: by the definition of each format, without vectors.

use super::{BLOCK_TOKENS, Bf16, F16, F32, Int8, KvCache, KvFormat, KvSlot};
use crate::float16::{bf16_to_f32, f16_to_f32};

impl KvCache {
    /// Key and value of a token in one head.
    pub(crate) fn read(&self, layer: usize, slot: KvSlot, head: usize) -> (Vec<f32>, Vec<f32>) {
        let (block, token) = (slot.block, slot.offset as usize);
        match self.format() {
            KvFormat::F32 => {
                let block = self.head_block::<F32>(layer, block, head);
                self.pick(token, block.keys, block.values, |number| number)
            }
            KvFormat::F16 => {
                let block = self.head_block::<F16>(layer, block, head);
                self.pick(token, block.keys, block.values, f16_to_f32)
            }
            KvFormat::Bf16 => {
                let block = self.head_block::<Bf16>(layer, block, head);
                self.pick(token, block.keys, block.values, bf16_to_f32)
            }
            KvFormat::Int8 => {
                let block = self.head_block::<Int8>(layer, block, head);
                let (mut key, mut value) = self.pick(token, block.keys, block.values, f32::from);
                key.iter_mut().for_each(|number| *number *= block.key_scales[token]);
                value.iter_mut().for_each(|number| *number *= block.value_scales[token]);
                (key, value)
            }
        }
    }

    fn pick<B: Copy>(
        &self,
        token: usize,
        keys: &[B],
        values: &[B],
        decode: impl Fn(B) -> f32,
    ) -> (Vec<f32>, Vec<f32>) {
        let key = keys.chunks(BLOCK_TOKENS).map(|dimension| decode(dimension[token]));
        let start = token * self.value_stride();
        let value = &values[start..start + self.shape.head_dim];
        (key.collect(), value.iter().map(|number| decode(*number)).collect())
    }
}
