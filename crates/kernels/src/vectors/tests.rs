use super::{Isa, Vectors, Work, load_at, store_at};

/// What each operation makes of the same numbers, one row after the other.
struct Everything<'a> {
    a: &'a [f32; 16],
    b: &'a [f32; 16],
}

impl Work for Everything<'_> {
    type Output = Vec<[f32; 16]>;

    #[inline(always)]
    fn run<S: Vectors>(self, simd: S) -> Vec<[f32; 16]> {
        let mut rows = vec![[0.0; 16]; 10];
        for at in (0..16).step_by(S::LANES) {
            let (a, b) = (load_at(simd, self.a, at), load_at(simd, self.b, at));
            let mut mask = [0.0; 16];
            mask[..S::LANES].iter_mut().step_by(2).for_each(|lane| *lane = f32::from_bits(!0));
            let integer = simd.add(simd.splat(12_582_912.0), simd.splat(-3.0));
            let results = [
                simd.splat(2.5),
                simd.add(a, b),
                simd.sub(a, b),
                simd.mul(a, b),
                simd.div(a, b),
                simd.min(a, b),
                simd.max(a, b),
                simd.mul_add(a, b, simd.splat(1.0)),
                simd.select(load_at(simd, &mask, 0), a, b),
                simd.scale_by_power(a, integer),
            ];
            for (row, result) in rows.iter_mut().zip(results) {
                store_at(simd, row, at, result);
            }
        }
        rows
    }
}

#[test]
fn each_operation_is_what_it_is_called() {
    // Small integers, and quotients of a power of two, so that all is exact.
    let a: [f32; 16] = std::array::from_fn(|index| index as f32 - 7.0);
    let b: [f32; 16] = std::array::from_fn(|index| if index % 3 == 0 { 4.0 } else { -2.0 });
    for isa in Isa::all() {
        let rows = isa.run(Everything { a: &a, b: &b });
        for lane in 0..16 {
            let (x, y) = (a[lane], b[lane]);
            let selected = if lane % 2 == 0 { x } else { y };
            let scaled = if x == 0.0 { None } else { Some(x / 8.0) };
            let expected =
                [2.5, x + y, x - y, x * y, x / y, x.min(y), x.max(y), x * y + 1.0, selected];
            for (row, expected) in rows.iter().zip(expected) {
                assert_eq!(row[lane], expected, "{isa:?}, lane {lane}");
            }
            assert!(scaled.is_none_or(|scaled| rows[9][lane] == scaled), "{isa:?}, lane {lane}");
        }
    }
}

struct Folds<'a>(&'a [f32; 16]);

impl Work for Folds<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn run<S: Vectors>(self, simd: S) -> (f32, f32) {
        let first = load_at(simd, self.0, 0);
        (simd.sum(first), simd.largest(first))
    }
}

#[test]
fn folds_take_every_lane() {
    for place in 0..16 {
        let mut values = [1.0; 16];
        values[place] = 9.0;
        for isa in Isa::all() {
            let (sum, largest) = isa.run(Folds(&values));
            // Four lanes or eight or sixteen.
            let lanes = isa.run(Lanes);
            let expected =
                if place < lanes { (lanes as f32 + 8.0, 9.0) } else { (lanes as f32, 1.0) };
            assert_eq!((sum, largest), expected, "{isa:?}, lane {place}");
        }
    }
}

struct Lanes;

impl Work for Lanes {
    type Output = usize;

    #[inline(always)]
    fn run<S: Vectors>(self, _: S) -> usize {
        S::LANES
    }
}
