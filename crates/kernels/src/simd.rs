//! Sixteen floats at a time, in the vectors of one instruction set or another.
//!
//! A kernel is written once, against [`Simd`]; [`Kernel`] is what carries it into functions that
//! are compiled for each instruction set. [`Scalar`] defines what the operations are: the others
//! have to agree with it in every bit, so that the same kernel gives the same bits everywhere.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
/// Methods whose bodies are instructions that the existence of `self` proves to be there: marked so
/// that they always become part of [`Simd::enter`], which is compiled for them.
macro_rules! operations {
    ($(fn $name:ident($($argument:tt: $type:ty),*)$( -> $result:ty)? $body:block)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: $type),*)$( -> $result)? {
            // SAFETY: `self` exists, so the CPU has these instructions; where there are pointers,
            // the body says why they are right.
            unsafe { $body }
        }
    )*};
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

pub(crate) use scalar::Scalar;

#[cfg(target_arch = "aarch64")]
use crate::isa::Neon;
#[cfg(target_arch = "x86_64")]
use crate::isa::{Avx2, Avx512};

/// Floats in a group: a vector of AVX-512, two of AVX2, four of NEON.
pub(crate) const GROUP: usize = 16;

/// Work on groups of floats, for any instruction set.
pub(crate) trait Kernel: Sized {
    /// What it returns.
    type Output;

    /// Does it. Implementations are `#[inline(always)]`, as all that they call with `simd`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs `kernel` on the widest vectors of this CPU.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = Avx512::detect() {
            return simd.enter(kernel);
        }
        if let Some(simd) = Avx2::detect() {
            return simd.enter(kernel);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(simd) = Neon::detect() {
        return simd.enter(kernel);
    }
    Scalar.enter(kernel)
}

/// An instruction set that this CPU has, for who has to choose among them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    Scalar,
}

impl Isa {
    /// Those that this CPU has.
    pub(crate) fn widest_first() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx512::detect().map(Self::Avx512));
            all.extend(Avx2::detect().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        all.extend(Neon::detect().map(Self::Neon));
        all.push(Self::Scalar);
        all
    }

    /// Whether its code has run and passed the tests when it was written.
    pub(crate) fn was_tested(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => false,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => true,
            Self::Scalar => true,
        }
    }

    /// Runs `kernel` on its vectors.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.enter(kernel),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => simd.enter(kernel),
            Self::Scalar => Scalar.enter(kernel),
        }
    }
}

/// An instruction set, proven to be there; comparisons with what is no number are false.
pub(crate) trait Simd: Copy + Send + Sync + std::fmt::Debug {
    /// Sixteen floats.
    type Floats: Copy;
    /// A register: a part of a group.
    type Vector: Copy;

    /// Registers of a group.
    const VECTORS: usize;

    /// Whether the registers hold eight groups of sums and what it takes to add to them, twice over.
    const MANY_REGISTERS: bool;

    /// Rows and groups of a product whose sums fit the registers, beside a number of each row and a
    /// part of a group.
    const SUMS: (usize, usize);

    /// Runs `kernel` in a function that is compiled for this instruction set.
    fn enter<K: Kernel>(self, kernel: K) -> K::Output;

    /// `value` in each place.
    fn splat(self, value: f32) -> Self::Floats;
    /// The group of these registers.
    fn group(self, vector: impl Fn(usize) -> Self::Vector) -> Self::Floats;
    /// Register `index` of floats in memory.
    fn load_vector(self, values: &[f32; GROUP], index: usize) -> Self::Vector;
    /// Register `index` of IEEE 754 halves in memory, exactly.
    fn load_f16_vector(self, bits: &[u16; GROUP], index: usize) -> Self::Vector;
    /// Register `index` of `bfloat16` in memory, exactly.
    fn load_bf16_vector(self, bits: &[u16; GROUP], index: usize) -> Self::Vector;
    /// Register `index` of signed bytes in memory.
    fn load_i8_vector(self, bytes: &[i8; GROUP], index: usize) -> Self::Vector;
    /// `bfloat16` from memory, exactly: the first of each pair.
    fn load_even_bf16(self, pairs: &[u16; 2 * GROUP]) -> Self::Floats;
    /// `bfloat16` from memory, exactly: the second of each pair.
    fn load_odd_bf16(self, pairs: &[u16; 2 * GROUP]) -> Self::Floats;
    /// Floats to memory.
    fn store(self, floats: Self::Floats, out: &mut [f32; GROUP]);
    /// To the nearest IEEE 754 halves, of two the even one.
    fn store_f16(self, floats: Self::Floats, out: &mut [u16; GROUP]);
    /// To the nearest integers, of two the even one; those must be signed bytes.
    fn store_i8(self, floats: Self::Floats, out: &mut [i8; GROUP]);

    /// `a + b`.
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a - b`.
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b`.
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a / b`.
    fn div(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// Adds `factor`, the same number in each place, times register `index` of a group to that of
    /// `sum`, rounded once: a kernel that has no register to spare takes groups in parts.
    fn add_product(
        self,
        factor: Self::Floats,
        vector: Self::Vector,
        sum: &mut Self::Floats,
        index: usize,
    );
    /// `a` where `a > b`, else `b`.
    fn max(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `value` without its sign.
    fn abs(self, value: Self::Floats) -> Self::Floats;
    /// `magnitude` with the sign of `sign`; `magnitude` must have none.
    fn with_sign(self, magnitude: Self::Floats, sign: Self::Floats) -> Self::Floats;
    /// `value` times two to the power of the integer in the low bits of `exponent`, where that is
    /// finite and normal before and after, or 1 before and 0 after for -127.
    fn scale_by_power(self, value: Self::Floats, exponent: Self::Floats) -> Self::Floats;
    /// `less` where the first operand is less than the second, else `otherwise`.
    fn where_less(
        self,
        operands: [Self::Floats; 2],
        less: Self::Floats,
        otherwise: Self::Floats,
    ) -> Self::Floats;
    /// Each pair of neighbours in the other order.
    fn swap_pairs(self, value: Self::Floats) -> Self::Floats;
    /// The largest of all; if one is no number, any of them.
    fn largest(self, value: Self::Floats) -> f32;

    /// Floats from memory.
    #[inline(always)]
    fn load(self, values: &[f32; GROUP]) -> Self::Floats {
        self.group(|index| self.load_vector(values, index))
    }

    /// IEEE 754 halves from memory, exactly.
    #[inline(always)]
    fn load_f16(self, bits: &[u16; GROUP]) -> Self::Floats {
        self.group(|index| self.load_f16_vector(bits, index))
    }

    /// The sum of all, the upper half added to the lower one until one is left.
    #[inline(always)]
    fn sum(self, value: Self::Floats) -> f32 {
        let mut lanes = [0.0; GROUP];
        self.store(value, &mut lanes);
        for half in [8, 4, 2, 1] {
            for index in 0..half {
                lanes[index] += lanes[index + half];
            }
        }
        lanes[0]
    }

    /// Sixteen floats from memory, or fewer, and `rest` in the other places.
    #[inline(always)]
    fn load_part(self, values: &[f32], rest: f32) -> Self::Floats {
        if let Some(whole) = values.first_chunk() {
            return self.load(whole);
        }
        let mut lanes = [rest; GROUP];
        lanes[..values.len()].copy_from_slice(values);
        self.load(&lanes)
    }

    /// As many floats to memory as fit.
    #[inline(always)]
    fn store_part(self, floats: Self::Floats, out: &mut [f32]) {
        if let Some(whole) = out.first_chunk_mut() {
            return self.store(floats, whole);
        }
        let mut lanes = [0.0; GROUP];
        self.store(floats, &mut lanes);
        out.copy_from_slice(&lanes[..out.len()]);
    }
}

#[cfg(test)]
pub(crate) mod tests;
