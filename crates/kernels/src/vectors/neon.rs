//! 128 bits. Run in an emulator only.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector instructions, which `self` proves the CPU to have, on registers and on \
              memory that the caller vouches for"
)]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the same holds for each: `self` exists, so the CPU has the instruction; `from` and `to` \
              are as the trait demands"
)]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "every instruction is one")]

use std::arch::{
    aarch64::{
        float32x4_t, uint16x4_t, vaddq_f32, vaddq_u32, vaddvq_f32, vbslq_f32, vcombine_s16,
        vcreate_s8, vcvtnq_s32_f32, vcvtq_f32_s32, vdivq_f32, vdupq_n_f32, vfmaq_f32,
        vget_lane_u64, vget_low_s16, vld1_u16, vld1q_f32, vmaxq_f32, vmaxvq_f32, vminq_f32,
        vmovl_s8, vmovl_s16, vmovn_s32, vmulq_f32, vqmovn_s16, vreinterpret_u64_s8,
        vreinterpretq_f32_u32, vreinterpretq_u32_f32, vshll_n_u16, vshlq_n_u32, vst1_u16,
        vst1q_f32, vsubq_f32,
    },
    asm,
};

use super::{Vectors, Work};
use crate::isa::Neon;

#[target_feature(enable = "neon")]
fn compiled<W: Work>(isa: Neon, work: W) -> W::Output {
    work.run(isa)
}

impl Vectors for Neon {
    type V = float32x4_t;

    const LANES: usize = 4;
    /// 24 sums, six numbers of the left and one register of the right side, of 32.
    const ROWS: usize = 6;

    fn run<W: Work>(self, work: W) -> W::Output {
        unsafe { compiled(self, work) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> float32x4_t {
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vminq_f32(a, b) }
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmaxq_f32(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn select(self, mask: float32x4_t, yes: float32x4_t, no: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vreinterpretq_u32_f32(mask), yes, no) }
    }

    #[inline(always)]
    fn scale_by_power(self, a: float32x4_t, exponent: float32x4_t) -> float32x4_t {
        unsafe {
            let shifted = vshlq_n_u32::<23>(vreinterpretq_u32_f32(exponent));
            vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(a), shifted))
        }
    }

    #[inline(always)]
    fn sum(self, a: float32x4_t) -> f32 {
        unsafe { vaddvq_f32(a) }
    }

    #[inline(always)]
    fn largest(self, a: float32x4_t) -> f32 {
        unsafe { vmaxvq_f32(a) }
    }

    #[inline(always)]
    fn prefetch(self, address: *const u8) {
        // SAFETY: a hint, which faults at no address.
        unsafe {
            asm!(
                "prfm pldl1keep, [{0}]",
                in(reg) address,
                options(nostack, preserves_flags, readonly)
            );
        }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(from) }
    }

    /// The intrinsic of the conversion is not stable yet.
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> float32x4_t {
        unsafe {
            let halves: uint16x4_t = vld1_u16(from);
            let floats: float32x4_t;
            asm!(
                "fcvtl {0:v}.4s, {1:v}.4h",
                out(vreg) floats,
                in(vreg) halves,
                options(pure, nomem, nostack, preserves_flags)
            );
            floats
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u16) -> float32x4_t {
        unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from))) }
    }

    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> float32x4_t {
        unsafe {
            let four = u64::from(from.cast::<u32>().read_unaligned());
            vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four)))))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, a: float32x4_t) {
        unsafe { vst1q_f32(to, a) }
    }

    /// The intrinsic of the conversion is not stable yet.
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, a: float32x4_t) {
        unsafe {
            let halves: uint16x4_t;
            asm!(
                "fcvtn {0:v}.4h, {1:v}.4s",
                out(vreg) halves,
                in(vreg) a,
                options(pure, nomem, nostack, preserves_flags)
            );
            vst1_u16(to, halves);
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "four of the eight bytes are meant")]
    unsafe fn store_i8(self, to: *mut i8, a: float32x4_t) {
        unsafe {
            let halves = vmovn_s32(vcvtnq_s32_f32(a));
            let bytes = vreinterpret_u64_s8(vqmovn_s16(vcombine_s16(halves, halves)));
            to.cast::<u32>().write_unaligned(vget_lane_u64::<0>(bytes) as u32);
        }
    }
}
