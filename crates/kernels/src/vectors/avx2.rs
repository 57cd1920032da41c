//! 256 bits.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector instructions, which `self` proves the CPU to have, on registers and on \
              memory that the caller vouches for"
)]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "the same holds for each: `self` exists, so the CPU has the instruction; `from` and `to` \
              are as the trait demands, and `loadu` and `storeu` need no alignment"
)]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "every instruction is one")]

use std::arch::x86_64::{
    __m256, _MM_FROUND_TO_NEAREST_INT, _MM_HINT_T0, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32,
    _mm_loadl_epi64, _mm_loadu_si128, _mm_max_ps, _mm_max_ss, _mm_movehl_ps, _mm_packs_epi16,
    _mm_packs_epi32, _mm_prefetch, _mm_shuffle_ps, _mm_storel_epi64, _mm_storeu_si128,
    _mm256_add_epi32, _mm256_add_ps, _mm256_blendv_ps, _mm256_castps_si256, _mm256_castps256_ps128,
    _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_cvtps_epi32, _mm256_cvtps_ph, _mm256_div_ps,
    _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_slli_epi32,
    _mm256_storeu_ps, _mm256_sub_ps,
};

use super::{Vectors, Work};
use crate::isa::Avx2;

#[target_feature(enable = "avx2,fma,f16c")]
fn compiled<W: Work>(isa: Avx2, work: W) -> W::Output {
    work.run(isa)
}

impl Vectors for Avx2 {
    type V = __m256;

    const LANES: usize = 8;
    /// Twelve sums, three numbers of the left and one register of the right side: all sixteen.
    const ROWS: usize = 3;

    fn run<W: Work>(self, work: W) -> W::Output {
        unsafe { compiled(self, work) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn select(self, mask: __m256, yes: __m256, no: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(no, yes, mask) }
    }

    #[inline(always)]
    fn scale_by_power(self, a: __m256, exponent: __m256) -> __m256 {
        unsafe {
            let shifted = _mm256_slli_epi32::<23>(_mm256_castps_si256(exponent));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), shifted))
        }
    }

    #[inline(always)]
    fn sum(self, a: __m256) -> f32 {
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    fn largest(self, a: __m256) -> f32 {
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    fn prefetch(self, address: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> __m256 {
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u16) -> __m256 {
        unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        }
    }

    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, a: __m256) {
        unsafe { _mm256_storeu_ps(to, a) }
    }

    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, a: __m256) {
        unsafe {
            _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(a));
        }
    }

    #[inline(always)]
    unsafe fn store_i8(self, to: *mut i8, a: __m256) {
        unsafe {
            let wide = _mm256_cvtps_epi32(a);
            let low = _mm256_castsi256_si128(wide);
            let halves = _mm_packs_epi32(low, _mm256_extracti128_si256::<1>(wide));
            _mm_storel_epi64(to.cast(), _mm_packs_epi16(halves, halves));
        }
    }
}
