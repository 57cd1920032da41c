//! Blocks of 256 values, as ggml defines its K formats.

use super::{BLOCK, blocks::half, format::SUPER_BLOCK};

/// Blocks of 32 in one of 256.
pub(super) const SUB_BLOCKS: usize = SUPER_BLOCK / BLOCK;

/// Value: `d * scale[sub] * quant - dmin * min[sub]`.
pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; SUPER_BLOCK]) {
    let scales = scales_and_mins(block);
    for (sub, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let (scale, min) = scales[sub];
        for (out, quant) in out.iter_mut().zip(q4_k_quants(block, sub)) {
            *out = scale * f32::from(quant) - min;
        }
    }
}

/// Value: `d * scale[sub] * quant - dmin * min[sub]`, the fifth bits in 32 bytes of their own.
pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; SUPER_BLOCK]) {
    let scales = scales_and_mins(block);
    let (fifths, nibbles) = block[16..].split_at(32);
    for (sub, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let (scale, min) = scales[sub];
        let bytes = &nibbles[sub / 2 * BLOCK..][..BLOCK];
        for ((out, byte), fifth) in out.iter_mut().zip(bytes).zip(fifths) {
            let quant = (byte >> (sub % 2 * 4) & 15) | (fifth >> sub & 1) << 4;
            *out = scale * f32::from(quant) - min;
        }
    }
}

/// Value: `d * scale[sub] * (quant - 32)`, a scale for each 16.
pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; SUPER_BLOCK]) {
    let d = half(block, 208);
    for (sub, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let (half_block, quarter) = (sub / 4, sub % 4);
        let low = &block[half_block * 64 + quarter % 2 * BLOCK..][..BLOCK];
        let high = &block[128 + half_block * BLOCK..][..BLOCK];
        let scales = &block[192 + sub * 2..][..2];
        let quants: [u8; BLOCK] = std::array::from_fn(|index| {
            (low[index] >> (quarter / 2 * 4) & 15) | (high[index] >> (quarter * 2) & 3) << 4
        });
        let (halves, _) = out.as_chunks_mut::<16>();
        for ((out, quants), scale) in halves.iter_mut().zip(quants.as_chunks::<16>().0).zip(scales)
        {
            let scale = d * f32::from(scale.cast_signed());
            for (out, quant) in out.iter_mut().zip(quants) {
                *out = scale * (f32::from(*quant) - 32.0);
            }
        }
    }
}

/// `(d * scale, dmin * min)` of each block of 32. Both are 6-bit integers, packed in 12 bytes.
pub(super) fn scales_and_mins(block: &[u8]) -> [(f32, f32); SUB_BLOCKS] {
    let (d, dmin) = (half(block, 0), half(block, 2));
    let packed = &block[4..16];
    std::array::from_fn(|sub| {
        let (scale, min) = if sub < 4 {
            (packed[sub] & 63, packed[sub + 4] & 63)
        } else {
            (
                packed[sub + 4] & 15 | (packed[sub - 4] >> 6) << 4,
                packed[sub + 4] >> 4 | (packed[sub] >> 6) << 4,
            )
        };
        (d * f32::from(scale), dmin * f32::from(min))
    })
}

/// The integers of a block of 32: two of them share 32 bytes.
pub(super) fn q4_k_quants(block: &[u8; 144], sub: usize) -> [u8; BLOCK] {
    let bytes = &block[16 + sub / 2 * BLOCK..][..BLOCK];
    std::array::from_fn(|index| bytes[index] >> (sub % 2 * 4) & 15)
}
