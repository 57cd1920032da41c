use std::marker::PhantomData;

use super::{GROUP, Isa, Kernel, Simd};
use crate::isa::tests::compared;

/// A function of one float.
pub(crate) trait Unary {
    fn of<S: Simd>(simd: S, x: S::Floats) -> S::Floats;
}

/// `U` of each input: the definition, to which all other instruction sets must agree in every bit.
#[track_caller]
pub(crate) fn apply<U: Unary>(inputs: &[f32]) -> Vec<f32> {
    everywhere(|| Map::<U>(inputs, PhantomData))
}

/// What `kernel` gives by the definition; every other instruction set must give the same bits.
#[track_caller]
pub(crate) fn everywhere<K: Kernel<Output = Vec<f32>>>(kernel: impl Fn() -> K) -> Vec<f32> {
    let expected = Isa::Scalar.run(kernel());
    for isa in Isa::widest_first() {
        assert_same(isa, &isa.run(kernel()), &expected);
    }
    expected
}

#[track_caller]
fn assert_same(isa: Isa, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{isa:?}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
        assert!(same, "{isa:?}: {found} for {expected} at {index}");
    }
}

struct Map<'a, U>(&'a [f32], PhantomData<U>);

impl<U: Unary> Kernel for Map<'_, U> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let mut out = vec![0.0; self.0.len()];
        for (inputs, out) in self.0.chunks(GROUP).zip(out.chunks_mut(GROUP)) {
            let result = U::of(simd, simd.load_part(inputs, 0.0));
            simd.store_part(result, out);
        }
        out
    }
}

/// All operations on three groups, one after the other.
struct Operations<'a>([&'a [f32; GROUP]; 3]);

impl Kernel for Operations<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let [a, b, c] = self.0.map(|values| simd.load(values));
        let groups = [
            simd.splat(self.0[0][0]),
            simd.add(a, b),
            simd.sub(a, b),
            simd.mul(a, b),
            simd.div(a, b),
            simd.mul_add(a, b, c),
            simd.max(a, b),
            simd.max(b, a),
            simd.abs(a),
            simd.with_sign(simd.abs(a), b),
            simd.where_less([a, b], c, a),
            simd.swap_pairs(a),
            simd.splat(simd.sum(a)),
        ];
        let mut products = c;
        for index in 0..S::VECTORS {
            let vector = simd.load_vector(self.0[1], index);
            simd.add_product(simd.splat(self.0[0][3]), vector, &mut products, index);
        }
        let groups = groups.into_iter().chain([products]).collect::<Vec<_>>();
        let mut out = vec![0.0; groups.len() * GROUP];
        for (group, out) in groups.into_iter().zip(out.as_chunks_mut::<GROUP>().0) {
            simd.store(group, out);
        }
        out
    }
}

/// What is hard to agree on, and what is not.
const VALUES: [f32; 19] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    2.5,
    3.5,
    -0.5,
    0.499_999_97,
    1e-40,
    -1e-40,
    1e38,
    -3e38,
    8_388_609.0,
    1e10,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    0.1,
    -127.5,
];

fn group(start: usize, step: usize) -> [f32; GROUP] {
    std::array::from_fn(|lane| VALUES[(start + lane * step) % VALUES.len()])
}

#[test]
fn every_instruction_set_does_what_is_defined() {
    Isa::widest_first().iter().for_each(|isa| compared("simd", &format!("{isa:?}")));
    for start in 0..VALUES.len() {
        for step in 1..VALUES.len() {
            let groups = [group(start, 1), group(start * 7, step), group(start * 3, step + 5)];
            everywhere(|| Operations(groups.each_ref()));
        }
    }
}

/// All that is read from 16 bits and 8.
struct Narrow<'a>(&'a [u16; 2 * GROUP]);

impl Kernel for Narrow<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let first = self.0.first_chunk().unwrap();
        let bytes = first.map(|bits| bits.to_le_bytes()[0].cast_signed());
        let mut out = [0.0; 5 * GROUP];
        let (groups, _) = out.as_chunks_mut::<GROUP>();
        simd.store(simd.load_f16(first), &mut groups[0]);
        simd.store(simd.group(|index| simd.load_bf16_vector(first, index)), &mut groups[1]);
        simd.store(simd.load_even_bf16(self.0), &mut groups[2]);
        simd.store(simd.load_odd_bf16(self.0), &mut groups[3]);
        simd.store(simd.group(|index| simd.load_i8_vector(&bytes, index)), &mut groups[4]);
        out.to_vec()
    }
}

#[test]
fn narrow_numbers_are_read_alike() {
    for start in (0..=u16::MAX).step_by(GROUP) {
        let bits = std::array::from_fn(|lane| start.wrapping_add(u16::try_from(lane).unwrap()));
        everywhere(|| Narrow(&bits));
    }
}

/// All that is written to 16 bits and 8: halves of the first group, bytes of the second.
struct Narrowed<'a>([&'a [f32; GROUP]; 2]);

impl Kernel for Narrowed<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let [floats, small] = self.0.map(|values| simd.load(values));
        let (mut halves, mut bytes) = ([0; GROUP], [0; GROUP]);
        simd.store_f16(floats, &mut halves);
        simd.store_i8(small, &mut bytes);
        halves.map(f32::from).into_iter().chain(bytes.map(f32::from)).collect()
    }
}

#[test]
fn narrow_numbers_are_written_alike() {
    let ties = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 126.5, -127.5, 127.0, -128.0, 0.49, -0.51];
    for start in 0..4096_u32 {
        let halves = |lane: u32| f32::from_bits((start << 20).wrapping_add(lane * 0x1000 + 0xfff));
        let halves = std::array::from_fn(|lane| halves(u32::try_from(lane).unwrap()));
        // What is no number is none in either, with other bits.
        let halves = halves.map(|value| if value.is_nan() { 65520.0 } else { value });
        let small = std::array::from_fn(|lane| ties[(lane + start as usize) % ties.len()]);
        everywhere(|| Narrowed([&halves, &small]));
    }
}

struct Powers<'a>(&'a [f32; GROUP]);

impl Kernel for Powers<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let values = simd.load(self.0);
        let mut shifted = [0.0; GROUP];
        // A float of this size has a whole number in its low bits.
        let exponents = simd.add(values, simd.splat(12_582_912.0));
        simd.store(simd.scale_by_power(simd.splat(1.5), exponents), &mut shifted);
        shifted.into_iter().chain([simd.largest(values)]).collect()
    }
}

#[test]
fn whole_numbers_become_exponents() {
    for start in (-112_i16..112).step_by(GROUP) {
        let values = std::array::from_fn(|lane| f32::from(start) + lane as f32);
        let found = everywhere(|| Powers(&values));
        assert_eq!(found[..GROUP], values.map(|power| 1.5 * power.exp2()));
        assert_eq!(found[GROUP], values[GROUP - 1]);
    }
}

#[test]
fn sums_and_maxima_take_every_place() {
    for place in 0..GROUP {
        let mut values = [1.0; GROUP];
        values[place] = 9.0;
        assert_eq!(everywhere(|| Operations([&values; 3]))[12 * GROUP], 24.0);
        assert_eq!(everywhere(|| Powers(&values))[GROUP], 9.0);
    }
}
