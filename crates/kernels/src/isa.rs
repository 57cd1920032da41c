//! Proofs that this CPU has an instruction set: `detect` is the only constructor of each, so that
//! whoever holds one may call what was compiled for it.

#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{Avx2, Avx512, Avx512Bf16, Avx512Vnni, AvxVnni};

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::{Neon, NeonDotProd, NeonI8mm};

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    /// AVX2 with FMA and F16C.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx2(());

    /// AVX-VNNI: the byte products of AVX-512 VNNI on 256 bits.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct AvxVnni(());

    /// AVX-512 Foundation.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx512(());

    /// AVX-512 VNNI.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx512Vnni(());

    /// AVX-512 BF16.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx512Bf16(());

    impl Avx2 {
        pub(crate) fn detect() -> Option<Self> {
            let found = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            found.then_some(Self(()))
        }
    }

    impl AvxVnni {
        pub(crate) fn detect() -> Option<Self> {
            let found = is_x86_feature_detected!("avxvnni") && is_x86_feature_detected!("avx2");
            found.then_some(Self(()))
        }
    }

    impl Avx512 {
        pub(crate) fn detect() -> Option<Self> {
            is_x86_feature_detected!("avx512f").then_some(Self(()))
        }
    }

    impl Avx512Vnni {
        pub(crate) fn detect() -> Option<Self> {
            let found =
                is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512f");
            found.then_some(Self(()))
        }
    }

    impl Avx512Bf16 {
        pub(crate) fn detect() -> Option<Self> {
            let found =
                is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512f");
            found.then_some(Self(()))
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    use std::arch::is_aarch64_feature_detected;

    /// Advanced SIMD, 128 bits.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Neon(());

    /// NEON with dot products of four bytes.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct NeonDotProd(());

    /// NEON with dot products of four bytes, and products of matrices of 2 x 8 bytes.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct NeonI8mm(NeonDotProd);

    impl Neon {
        pub(crate) fn detect() -> Option<Self> {
            is_aarch64_feature_detected!("neon").then_some(Self(()))
        }
    }

    impl NeonDotProd {
        pub(crate) fn detect() -> Option<Self> {
            let found =
                is_aarch64_feature_detected!("dotprod") && is_aarch64_feature_detected!("neon");
            found.then_some(Self(()))
        }
    }

    impl NeonI8mm {
        pub(crate) fn detect() -> Option<Self> {
            let dot_products = NeonDotProd::detect()?;
            is_aarch64_feature_detected!("i8mm").then_some(Self(dot_products))
        }

        /// What it has besides.
        pub(crate) fn dot_products(self) -> NeonDotProd {
            self.0
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
