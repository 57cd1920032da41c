//! Two vectors of 256 bits, with fused multiply-add and conversion of halves.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and calls of functions that are compiled for AVX2"
)]

use std::arch::x86_64::{
    __m256, _CMP_LT_OQ, _MM_FROUND_TO_NEAREST_INT, _mm_cvtss_f32, _mm_loadl_epi64, _mm_loadu_si128,
    _mm_max_ps, _mm_max_ss, _mm_movehl_ps, _mm_packs_epi16, _mm_packs_epi32, _mm_shuffle_ps,
    _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps, _mm256_andnot_ps,
    _mm256_blendv_ps, _mm256_castps_si256, _mm256_castps256_ps128, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_cvtps_epi32, _mm256_cvtps_ph, _mm256_div_ps,
    _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_max_ps, _mm256_mul_ps, _mm256_or_ps, _mm256_permute_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps,
};

use super::{GROUP, Kernel, Simd};
use crate::isa::Avx2;

type Floats = [__m256; 2];

/// The eight floats or halves of each half.
const HALF: usize = GROUP / 2;

impl Simd for Avx2 {
    type Floats = Floats;
    type Vector = __m256;

    const VECTORS: usize = 2;

    const MANY_REGISTERS: bool = false;
    /// Twelve registers, beside three numbers and one register of the right side: all sixteen.
    const SUMS: (usize, usize) = (3, 2);

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists, so the CPU has the features that `enter` is compiled for.
        unsafe { enter(self, kernel) }
    }

    #[inline(always)]
    fn group(self, vector: impl Fn(usize) -> __m256) -> Floats {
        [vector(0), vector(1)]
    }

    operations! {
        fn splat(value: f32) -> Floats {
            [_mm256_set1_ps(value); 2]
        }

        fn load_vector(values: &[f32; GROUP], index: usize) -> __m256 {
            // SAFETY: eight readable floats; `loadu` needs no alignment.
            _mm256_loadu_ps(halves(values)[index].as_ptr())
        }

        fn load_f16_vector(bits: &[u16; GROUP], index: usize) -> __m256 {
            // SAFETY: 16 readable bytes; `loadu` needs no alignment.
            _mm256_cvtph_ps(_mm_loadu_si128(halves(bits)[index].as_ptr().cast()))
        }

        fn load_bf16_vector(bits: &[u16; GROUP], index: usize) -> __m256 {
            // SAFETY: 16 readable bytes; `loadu` needs no alignment.
            let bits = _mm_loadu_si128(halves(bits)[index].as_ptr().cast());
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bits)))
        }

        fn load_i8_vector(bytes: &[i8; GROUP], index: usize) -> __m256 {
            // SAFETY: eight readable bytes; `loadl` needs no alignment.
            let bytes = _mm_loadl_epi64(halves(bytes)[index].as_ptr().cast());
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
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

        fn store_f16(floats: Floats, out: &mut [u16; GROUP]) {
            let (low, high) = out.split_at_mut(HALF);
            let [a, b] = floats.map(|half| _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(half));
            // SAFETY: both are 16 writable bytes; `storeu` needs no alignment.
            _mm_storeu_si128(low.as_mut_ptr().cast(), a);
            _mm_storeu_si128(high.as_mut_ptr().cast(), b);
        }

        fn store_i8(floats: Floats, out: &mut [i8; GROUP]) {
            let [a, b] = floats.map(|half| {
                let wide = _mm256_cvtps_epi32(half);
                let low = _mm256_castsi256_si128(wide);
                _mm_packs_epi32(low, _mm256_extracti128_si256::<1>(wide))
            });
            // SAFETY: `out` is 16 writable bytes; `storeu` needs no alignment.
            _mm_storeu_si128(out.as_mut_ptr().cast(), _mm_packs_epi16(a, b));
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

        fn add_product(factor: Floats, vector: __m256, sum: &mut Floats, index: usize) {
            sum[index] = _mm256_fmadd_ps(factor[0], vector, sum[index]);
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

        fn scale_by_power(value: Floats, exponent: Floats) -> Floats {
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
/// The CPU has AVX2.
#[inline(always)]
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "instructions without conditions")]
unsafe fn shift(value: __m256, exponent: __m256) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe {
        let shift = _mm256_slli_epi32::<23>(_mm256_castps_si256(exponent));
        _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(value), shift))
    }
}
