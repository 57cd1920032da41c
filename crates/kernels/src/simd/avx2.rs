//! Two vectors of 256 bits, with fused multiply-add and conversion of halves.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and calls of functions that are compiled for AVX2"
)]

use std::arch::x86_64::{
    __m128i, __m256, _CMP_LT_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_cvtss_f32,
    _mm_loadu_si128, _mm_max_ps, _mm_max_ss, _mm_movehl_ps, _mm_shuffle_ps, _mm256_add_epi32,
    _mm256_add_ps, _mm256_and_ps, _mm256_andnot_ps, _mm256_blendv_ps, _mm256_castps_si256,
    _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtph_ps,
    _mm256_cvtps_epi32, _mm256_div_ps, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_max_ps, _mm256_mul_ps, _mm256_or_ps, _mm256_permute_ps,
    _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps,
    _mm256_sub_ps,
};

use super::{GROUP, Kernel, Simd};
use crate::isa::Avx2;

type Floats = [__m256; 2];

/// The eight floats or halves of each half.
const HALF: usize = GROUP / 2;
const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

impl Simd for Avx2 {
    type Floats = Floats;

    const MANY_REGISTERS: bool = false;

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists, so the CPU has the features that `enter` is compiled for.
        unsafe { enter(self, kernel) }
    }

    operations! {
        fn splat(value: f32) -> Floats {
            [_mm256_set1_ps(value); 2]
        }

        fn load(values: &[f32; GROUP]) -> Floats {
            let [low, high] = halves(values);
            [load(low), load(high)]
        }

        fn load_f16(bits: &[u16; GROUP]) -> Floats {
            let [low, high] = halves(bits);
            [_mm256_cvtph_ps(load_narrow(low)), _mm256_cvtph_ps(load_narrow(high))]
        }

        fn load_even_bf16(pairs: &[u16; 2 * GROUP]) -> Floats {
            let (low, high) = pairs.split_at(GROUP);
            // SAFETY: both are 32 readable bytes; `loadu` needs no alignment.
            let low = _mm256_loadu_si256(low.as_ptr().cast());
            let high = _mm256_loadu_si256(high.as_ptr().cast());
            [
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(low)),
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(high)),
            ]
        }

        fn load_odd_bf16(pairs: &[u16; 2 * GROUP]) -> Floats {
            let (low, high) = pairs.split_at(GROUP);
            // SAFETY: both are 32 readable bytes; `loadu` needs no alignment.
            let low = _mm256_loadu_ps(low.as_ptr().cast());
            let high = _mm256_loadu_ps(high.as_ptr().cast());
            let upper = _mm256_castsi256_ps(_mm256_set1_epi32(!0xffff));
            [_mm256_and_ps(low, upper), _mm256_and_ps(high, upper)]
        }

        fn store(floats: Floats, out: &mut [f32; GROUP]) {
            let (low, high) = out.split_at_mut(HALF);
            // SAFETY: both are eight writable floats; `storeu` needs no alignment.
            _mm256_storeu_ps(low.as_mut_ptr(), floats[0]);
            _mm256_storeu_ps(high.as_mut_ptr(), floats[1]);
        }

        fn add(a: Floats, b: Floats) -> Floats {
            [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])]
        }

        fn sub(a: Floats, b: Floats) -> Floats {
            [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])]
        }

        fn mul(a: Floats, b: Floats) -> Floats {
            [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]
        }

        fn div(a: Floats, b: Floats) -> Floats {
            [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])]
        }

        fn mul_add(a: Floats, b: Floats, c: Floats) -> Floats {
            [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])]
        }

        fn max(a: Floats, b: Floats) -> Floats {
            [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])]
        }

        fn abs(value: Floats) -> Floats {
            let bit = _mm256_set1_ps(-0.0);
            [_mm256_andnot_ps(bit, value[0]), _mm256_andnot_ps(bit, value[1])]
        }

        fn with_sign(magnitude: Floats, sign: Floats) -> Floats {
            let bit = _mm256_set1_ps(-0.0);
            [
                _mm256_or_ps(magnitude[0], _mm256_and_ps(sign[0], bit)),
                _mm256_or_ps(magnitude[1], _mm256_and_ps(sign[1], bit)),
            ]
        }

        fn round(value: Floats) -> Floats {
            [_mm256_round_ps::<NEAREST>(value[0]), _mm256_round_ps::<NEAREST>(value[1])]
        }

        fn shift_exponent(value: Floats, exponent: Floats) -> Floats {
            [shift(value[0], exponent[0]), shift(value[1], exponent[1])]
        }

        fn where_less(operands: [Floats; 2], less: Floats, otherwise: Floats) -> Floats {
            let [a, b] = operands;
            let low = _mm256_cmp_ps::<_CMP_LT_OQ>(a[0], b[0]);
            let high = _mm256_cmp_ps::<_CMP_LT_OQ>(a[1], b[1]);
            [
                _mm256_blendv_ps(otherwise[0], less[0], low),
                _mm256_blendv_ps(otherwise[1], less[1], high),
            ]
        }

        fn swap_pairs(value: Floats) -> Floats {
            [
                _mm256_permute_ps::<0b10_11_00_01>(value[0]),
                _mm256_permute_ps::<0b10_11_00_01>(value[1]),
            ]
        }

        fn largest(value: Floats) -> f32 {
            let eight = _mm256_max_ps(value[0], value[1]);
            let four =
                _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn enter<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
    kernel.run(simd)
}

#[inline(always)]
fn halves<T>(group: &[T; GROUP]) -> [&[T; HALF]; 2] {
    let (halves, _) = group.as_chunks::<HALF>();
    [&halves[0], &halves[1]]
}

/// # Safety
///
/// The CPU has AVX.
#[inline(always)]
unsafe fn load(half: &[f32; HALF]) -> __m256 {
    // SAFETY: `half` is eight readable floats; `loadu` needs no alignment.
    unsafe { _mm256_loadu_ps(half.as_ptr()) }
}

/// # Safety
///
/// The CPU has AVX2.
#[inline(always)]
unsafe fn load_narrow(half: &[u16; HALF]) -> __m128i {
    // SAFETY: `half` is 16 readable bytes; `loadu` needs no alignment.
    unsafe { _mm_loadu_si128(half.as_ptr().cast()) }
}

/// # Safety
///
/// The CPU has AVX2.
#[inline(always)]
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "instructions without conditions")]
unsafe fn shift(value: __m256, exponent: __m256) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe {
        let shift = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(exponent));
        _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(value), shift))
    }
}
