use super::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};

/// By the definition of the format.
fn f16_by_definition(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    }
}

#[test]
fn every_half_is_what_it_is_defined_to_be() {
    for bits in 0..=u16::MAX {
        let (found, expected) = (f16_to_f32(bits), f16_by_definition(bits));
        let equal = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
        assert!(equal, "{bits:#x}: {found} for {expected}");
    }
}

#[test]
fn every_bfloat16_comes_back() {
    for bits in 0..=u16::MAX {
        let value = bf16_to_f32(bits);
        if value.is_nan() {
            assert!(bf16_to_f32(f32_to_bf16(value)).is_nan(), "{bits:#x}");
        } else {
            assert_eq!(f32_to_bf16(value), bits);
        }
    }
}

#[track_caller]
fn check_rounding(value: u32, expected: u16) {
    assert_eq!(f32_to_bf16(f32::from_bits(value)), expected, "{value:#x}");
}

#[test]
fn rounds_to_the_nearest_and_then_to_the_even() {
    check_rounding(0x3f80_7fff, 0x3f80);
    check_rounding(0x3f80_8000, 0x3f80);
    check_rounding(0x3f80_8001, 0x3f81);
    check_rounding(0x3f81_8000, 0x3f82);
    check_rounding(0x7f7f_ffff, 0x7f80);
    check_rounding(0xff80_0000, 0xff80);
    check_rounding(0x7f80_0001, 0x7fc0);
}

#[test]
fn every_half_comes_back() {
    for bits in 0..=u16::MAX {
        let value = f16_to_f32(bits);
        if value.is_nan() {
            assert!(f16_to_f32(f32_to_f16(value)).is_nan(), "{bits:#x}");
        } else {
            assert_eq!(f32_to_f16(value), bits);
        }
    }
}

#[test]
fn rounds_to_the_nearest_half_and_then_to_the_even() {
    for bits in 0..0x7bff_u16 {
        let (low, high) = (f16_to_f32(bits), f16_to_f32(bits + 1));
        // Exact: both have 11 bits.
        let middle = low / 2.0 + high / 2.0;
        let even = bits + (bits & 1);
        assert_eq!(f32_to_f16(middle), even, "{middle:e}");
        assert_eq!(f32_to_f16(middle.next_down()), bits, "below {middle:e}");
        assert_eq!(f32_to_f16(-middle.next_up()), 0x8000 | (bits + 1), "above {middle:e}");
    }
    assert_eq!(f32_to_f16(65519.996), 0x7bff);
    assert_eq!(f32_to_f16(65520.0), 0x7c00);
    assert_eq!(f32_to_f16(f32::INFINITY), 0x7c00);
}
