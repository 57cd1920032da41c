//! Four vectors of 128 bits.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and calls of functions that are compiled for NEON"
)]

use std::arch::aarch64::{
    float32x4_t, vabsq_f32, vaddq_f32, vaddq_u32, vandq_u32, vbslq_f32, vcgtq_f32, vcltq_f32,
    vcombine_s8, vcombine_s16, vcreate_s8, vcvt_f16_f32, vcvt_f32_f16, vcvtnq_s32_f32,
    vcvtq_f32_s32, vdivq_f32, vdupq_n_f32, vdupq_n_u32, vfmaq_f32, vget_low_s16, vld1_u16,
    vld1q_f32, vld1q_u32, vmaxq_f32, vmaxvq_f32, vmovl_s8, vmovl_s16, vmulq_f32, vorrq_u32,
    vqmovn_s16, vqmovn_s32, vreinterpret_f16_u16, vreinterpret_u16_f16, vreinterpretq_f32_u32,
    vreinterpretq_u32_f32, vrev64q_f32, vshll_n_u16, vshlq_n_u32, vst1_u16, vst1q_f32, vst1q_s8,
    vsubq_f32,
};

use super::{GROUP, Kernel, Simd};
use crate::isa::Neon;

type Floats = [float32x4_t; QUARTERS];

const QUARTERS: usize = 4;
/// Floats in a vector.
const LANES: usize = GROUP / QUARTERS;

impl Simd for Neon {
    type Floats = Floats;
    type Vector = float32x4_t;

    const VECTORS: usize = QUARTERS;

    const MANY_REGISTERS: bool = false;
    /// 24 registers, beside six numbers and one register of the right side, of 32.
    const SUMS: (usize, usize) = (6, 1);

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists, so the CPU has the features that `enter` is compiled for.
        unsafe { enter(self, kernel) }
    }

    #[inline(always)]
    fn group(self, vector: impl Fn(usize) -> float32x4_t) -> Floats {
        quarters(vector)
    }

    operations! {
        fn splat(value: f32) -> Floats {
            [vdupq_n_f32(value); QUARTERS]
        }

        fn load_vector(values: &[f32; GROUP], index: usize) -> float32x4_t {
            // SAFETY: four readable floats.
            vld1q_f32(quarter(values, index).as_ptr())
        }

        fn load_f16_vector(bits: &[u16; GROUP], index: usize) -> float32x4_t {
            // SAFETY: four readable halves.
            vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(quarter(bits, index).as_ptr())))
        }

        fn load_bf16_vector(bits: &[u16; GROUP], index: usize) -> float32x4_t {
            // SAFETY: four readable halves.
            vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(quarter(bits, index).as_ptr())))
        }

        fn load_i8_vector(bytes: &[i8; GROUP], index: usize) -> float32x4_t {
            let bytes = quarter(bytes, index).map(i8::cast_unsigned);
            let bytes = vcreate_s8(u64::from(u32::from_le_bytes(bytes)));
            vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))))
        }

        fn load_even_bf16(pairs: &[u16; 2 * GROUP]) -> Floats {
            quarters(|quarter| {
                // SAFETY: 16 readable bytes of 64.
                let pairs = vld1q_u32(pairs[quarter * 2 * LANES..][..2 * LANES].as_ptr().cast());
                vreinterpretq_f32_u32(vshlq_n_u32::<16>(pairs))
            })
        }

        fn load_odd_bf16(pairs: &[u16; 2 * GROUP]) -> Floats {
            quarters(|quarter| {
                // SAFETY: 16 readable bytes of 64.
                let pairs = vld1q_u32(pairs[quarter * 2 * LANES..][..2 * LANES].as_ptr().cast());
                vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(!0xffff)))
            })
        }

        fn store(floats: Floats, out: &mut [f32; GROUP]) {
            for (out, quarter) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(floats) {
                // SAFETY: `out` is four writable floats.
                vst1q_f32(out.as_mut_ptr(), quarter);
            }
        }

        fn store_f16(floats: Floats, out: &mut [u16; GROUP]) {
            for (out, quarter) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(floats) {
                // SAFETY: `out` is four writable halves.
                vst1_u16(out.as_mut_ptr(), vreinterpret_u16_f16(vcvt_f16_f32(quarter)));
            }
        }

        fn store_i8(floats: Floats, out: &mut [i8; GROUP]) {
            let [a, b, c, d] = floats.map(|quarter| vqmovn_s32(vcvtnq_s32_f32(quarter)));
            let (low, high) = (vqmovn_s16(vcombine_s16(a, b)), vqmovn_s16(vcombine_s16(c, d)));
            // SAFETY: `out` is 16 writable bytes.
            vst1q_s8(out.as_mut_ptr(), vcombine_s8(low, high));
        }

        fn add(a: Floats, b: Floats) -> Floats {
            quarters(|quarter| vaddq_f32(a[quarter], b[quarter]))
        }

        fn sub(a: Floats, b: Floats) -> Floats {
            quarters(|quarter| vsubq_f32(a[quarter], b[quarter]))
        }

        fn mul(a: Floats, b: Floats) -> Floats {
            quarters(|quarter| vmulq_f32(a[quarter], b[quarter]))
        }

        fn div(a: Floats, b: Floats) -> Floats {
            quarters(|quarter| vdivq_f32(a[quarter], b[quarter]))
        }

        fn mul_add(a: Floats, b: Floats, c: Floats) -> Floats {
            quarters(|quarter| vfmaq_f32(c[quarter], a[quarter], b[quarter]))
        }

        fn add_product(factor: Floats, vector: float32x4_t, sum: &mut Floats, index: usize) {
            sum[index] = vfmaq_f32(sum[index], factor[0], vector);
        }

        fn max(a: Floats, b: Floats) -> Floats {
            quarters(|quarter| {
                // The instruction for the maximum has another idea of what is no number.
                vbslq_f32(vcgtq_f32(a[quarter], b[quarter]), a[quarter], b[quarter])
            })
        }

        fn abs(value: Floats) -> Floats {
            quarters(|quarter| vabsq_f32(value[quarter]))
        }

        fn with_sign(magnitude: Floats, sign: Floats) -> Floats {
            quarters(|quarter| {
                let sign = vandq_u32(vreinterpretq_u32_f32(sign[quarter]), vdupq_n_u32(1 << 31));
                vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(magnitude[quarter]), sign))
            })
        }

        fn scale_by_power(value: Floats, exponent: Floats) -> Floats {
            quarters(|quarter| {
                let shift = vshlq_n_u32::<23>(vreinterpretq_u32_f32(exponent[quarter]));
                vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(value[quarter]), shift))
            })
        }

        fn where_less(operands: [Floats; 2], less: Floats, otherwise: Floats) -> Floats {
            let [a, b] = operands;
            quarters(|quarter| {
                vbslq_f32(vcltq_f32(a[quarter], b[quarter]), less[quarter], otherwise[quarter])
            })
        }

        fn swap_pairs(value: Floats) -> Floats {
            quarters(|quarter| vrev64q_f32(value[quarter]))
        }

        fn largest(value: Floats) -> f32 {
            let [a, b, c, d] = value;
            vmaxvq_f32(vmaxq_f32(vmaxq_f32(a, b), vmaxq_f32(c, d)))
        }
    }
}

#[target_feature(enable = "neon")]
fn enter<K: Kernel>(simd: Neon, kernel: K) -> K::Output {
    kernel.run(simd)
}

#[inline(always)]
fn quarters(quarter: impl Fn(usize) -> float32x4_t) -> Floats {
    [quarter(0), quarter(1), quarter(2), quarter(3)]
}

#[inline(always)]
fn quarter<T>(group: &[T; GROUP], index: usize) -> &[T; LANES] {
    &group.as_chunks().0[index]
}
