//! One vector of 512 bits; only instructions of AVX-512 Foundation.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and calls of functions that are compiled for \
              AVX-512"
)]

use std::arch::x86_64::{
    __m512, _CMP_LT_OQ, _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128, _mm_storeu_si128,
    _mm256_loadu_si256, _mm256_storeu_si256, _mm512_abs_ps, _mm512_add_epi32, _mm512_add_ps,
    _mm512_and_epi32, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask,
    _mm512_cvtepi8_epi32, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps, _mm512_cvtepu16_epi32,
    _mm512_cvtph_ps, _mm512_cvtps_epi32, _mm512_cvtps_ph, _mm512_div_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_blend_ps, _mm512_max_ps, _mm512_mul_ps,
    _mm512_or_epi32, _mm512_permute_ps, _mm512_reduce_max_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_slli_epi32, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::{GROUP, Kernel, Simd};
use crate::isa::Avx512;

impl Simd for Avx512 {
    type Floats = __m512;
    type Vector = __m512;

    const VECTORS: usize = 1;

    const MANY_REGISTERS: bool = true;
    /// 24 registers, beside six numbers and one register of the right side, of 32.
    const SUMS: (usize, usize) = (6, 4);

    #[inline]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists, so the CPU has the features that `enter` is compiled for.
        unsafe { enter(self, kernel) }
    }

    #[inline(always)]
    fn group(self, vector: impl Fn(usize) -> __m512) -> __m512 {
        vector(0)
    }

    operations! {
        fn splat(value: f32) -> __m512 {
            _mm512_set1_ps(value)
        }

        fn load_vector(values: &[f32; GROUP], _index: usize) -> __m512 {
            // SAFETY: `values` is sixteen readable floats; `loadu` needs no alignment.
            _mm512_loadu_ps(values.as_ptr())
        }

        fn load_f16_vector(bits: &[u16; GROUP], _index: usize) -> __m512 {
            // SAFETY: `bits` is 32 readable bytes; `loadu` needs no alignment.
            _mm512_cvtph_ps(_mm256_loadu_si256(bits.as_ptr().cast()))
        }

        fn load_bf16_vector(bits: &[u16; GROUP], _index: usize) -> __m512 {
            // SAFETY: `bits` is 32 readable bytes; `loadu` needs no alignment.
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(bits.as_ptr().cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }

        fn load_even_bf16(pairs: &[u16; 2 * GROUP]) -> __m512 {
            // SAFETY: `pairs` is 64 readable bytes; `loadu` needs no alignment.
            let pairs = _mm512_loadu_si512(pairs.as_ptr().cast());
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs))
        }

        fn load_odd_bf16(pairs: &[u16; 2 * GROUP]) -> __m512 {
            // SAFETY: `pairs` is 64 readable bytes; `loadu` needs no alignment.
            let pairs = _mm512_loadu_si512(pairs.as_ptr().cast());
            _mm512_castsi512_ps(_mm512_and_epi32(pairs, _mm512_set1_epi32(!0xffff)))
        }

        fn load_i8_vector(bytes: &[i8; GROUP], _index: usize) -> __m512 {
            // SAFETY: `bytes` is 16 readable bytes; `loadu` needs no alignment.
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
        }

        fn store(floats: __m512, out: &mut [f32; GROUP]) {
            // SAFETY: `out` is sixteen writable floats; `storeu` needs no alignment.
            _mm512_storeu_ps(out.as_mut_ptr(), floats);
        }

        fn store_f16(floats: __m512, out: &mut [u16; GROUP]) {
            let halves = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(floats);
            // SAFETY: `out` is 32 writable bytes; `storeu` needs no alignment.
            _mm256_storeu_si256(out.as_mut_ptr().cast(), halves);
        }

        fn store_i8(floats: __m512, out: &mut [i8; GROUP]) {
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(floats));
            // SAFETY: `out` is 16 writable bytes; `storeu` needs no alignment.
            _mm_storeu_si128(out.as_mut_ptr().cast(), bytes);
        }

        fn add(a: __m512, b: __m512) -> __m512 {
            _mm512_add_ps(a, b)
        }

        fn sub(a: __m512, b: __m512) -> __m512 {
            _mm512_sub_ps(a, b)
        }

        fn mul(a: __m512, b: __m512) -> __m512 {
            _mm512_mul_ps(a, b)
        }

        fn div(a: __m512, b: __m512) -> __m512 {
            _mm512_div_ps(a, b)
        }

        fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            _mm512_fmadd_ps(a, b, c)
        }

        fn add_product(factor: __m512, vector: __m512, sum: &mut __m512, _index: usize) {
            *sum = _mm512_fmadd_ps(factor, vector, *sum);
        }

        fn max(a: __m512, b: __m512) -> __m512 {
            _mm512_max_ps(a, b)
        }

        fn abs(value: __m512) -> __m512 {
            _mm512_abs_ps(value)
        }

        fn with_sign(magnitude: __m512, sign: __m512) -> __m512 {
            let sign = _mm512_and_epi32(_mm512_castps_si512(sign), _mm512_set1_epi32(i32::MIN));
            _mm512_castsi512_ps(_mm512_or_epi32(_mm512_castps_si512(magnitude), sign))
        }

        fn scale_by_power(value: __m512, exponent: __m512) -> __m512 {
            let shift = _mm512_slli_epi32::<23>(_mm512_castps_si512(exponent));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(value), shift))
        }

        fn where_less(operands: [__m512; 2], less: __m512, otherwise: __m512) -> __m512 {
            let mask = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(operands[0], operands[1]);
            _mm512_mask_blend_ps(mask, otherwise, less)
        }

        fn swap_pairs(value: __m512) -> __m512 {
            _mm512_permute_ps::<0b10_11_00_01>(value)
        }

        fn largest(value: __m512) -> f32 {
            _mm512_reduce_max_ps(value)
        }
    }
}

#[target_feature(enable = "avx512f")]
fn enter<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
    kernel.run(simd)
}
