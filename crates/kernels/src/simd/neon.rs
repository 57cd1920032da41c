//! Four vectors of 128 bits.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and calls of functions that are compiled for NEON"
)]

use std::arch::aarch64::{
    float32x4_t, vabsq_f32, vaddq_f32, vaddq_s32, vandq_u32, vbslq_f32, vcgtq_f32, vcltq_f32,
    vcvt_f32_f16, vcvtnq_s32_f32, vdivq_f32, vdupq_n_f32, vdupq_n_u32, vfmaq_f32, vld1_u16,
    vld1q_f32, vld1q_u32, vmaxq_f32, vmaxvq_f32, vmulq_f32, vorrq_u32, vreinterpret_f16_u16,
    vreinterpretq_f32_s32, vreinterpretq_f32_u32, vreinterpretq_s32_f32, vreinterpretq_u32_f32,
    vrev64q_f32, vrndnq_f32, vshlq_n_s32, vshlq_n_u32, vst1q_f32, vsubq_f32,
};

use super::{GROUP, Kernel, Simd};
use crate::isa::Neon;

type Floats = [float32x4_t; QUARTERS];

const QUARTERS: usize = 4;
/// Floats in a vector.
const LANES: usize = GROUP / QUARTERS;

impl Simd for Neon {
    type Floats = Floats;

    const MANY_REGISTERS: bool = false;

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists, so the CPU has the features that `enter` is compiled for.
        unsafe { enter(self, kernel) }
    }

    operations! {
        fn splat(value: f32) -> Floats {
            [vdupq_n_f32(value); QUARTERS]
        }

        fn load(values: &[f32; GROUP]) -> Floats {
            quarters(|quarter| {
                // SAFETY: four readable floats of sixteen.
                vld1q_f32(values[quarter * LANES..][..LANES].as_ptr())
            })
        }

        fn load_f16(bits: &[u16; GROUP]) -> Floats {
            quarters(|quarter| {
                // SAFETY: four readable halves of sixteen.
                let halves = vld1_u16(bits[quarter * LANES..][..LANES].as_ptr());
                vcvt_f32_f16(vreinterpret_f16_u16(halves))
            })
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

        fn round(value: Floats) -> Floats {
            quarters(|quarter| vrndnq_f32(value[quarter]))
        }

        fn shift_exponent(value: Floats, exponent: Floats) -> Floats {
            quarters(|quarter| {
                let shift = vshlq_n_s32::<23>(vcvtnq_s32_f32(exponent[quarter]));
                vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(value[quarter]), shift))
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
