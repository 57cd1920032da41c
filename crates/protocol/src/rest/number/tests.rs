use proptest::prelude::*;

use super::*;

#[track_caller]
fn check_f32(text: &str, expected: f32) {
    let (value, end) = read_f32(text.as_bytes(), 0).unwrap_or_else(|| panic!("{text} is a number"));
    assert_eq!(value.to_bits(), expected.to_bits(), "{text} is {expected:e}, not {value:e}");
    assert_eq!(end, text.len());
}

#[track_caller]
fn check_f64(text: &str, expected: f64) {
    let (value, end) = read_f64(text.as_bytes(), 0).unwrap_or_else(|| panic!("{text} is a number"));
    assert_eq!(value.to_bits(), expected.to_bits(), "{text} is {expected:e}, not {value:e}");
    assert_eq!(end, text.len());
}

#[track_caller]
fn check_like_std(text: &str) {
    check_f32(text, text.parse().unwrap());
    check_f64(text, text.parse().unwrap());
}

#[test]
fn usual_numbers() {
    for text in [
        "0",
        "1",
        "10",
        "0.5",
        "3.14",
        "1e5",
        "1E+5",
        "1e-5",
        "123456789.125",
        "0.10000000149011612",
        "1.401298464324817e-45",
        "3.4028234663852886e+38",
        "0.00012345678901234567",
        "1.17549435e-38",
        "1.0e-40",
        "9007199254740993",
        "1e22",
        "1e23",
        "0.000000000000000000000000000000000000000000000000000000000000000000000000000001e78",
        "123456789012345678901234567890",
        "1.00000000000000000000000000000000000001",
    ] {
        check_like_std(text);
        check_like_std(&format!("-{text}"));
    }
}

#[test]
fn middles_between_two_floats_round_to_even() {
    check_f32("16777217", 16_777_216.0);
    check_f32("16777219", 16_777_220.0);
    check_f32("16777217.0000001", 16_777_218.0);
    check_f32("1.00000005960464477539062500000000001", 1.000_000_1);
    check_f32("1.000000059604644775390625", 1.0);
    check_f64("9007199254740993", 9_007_199_254_740_992.0);
    check_f64("9007199254740993.0000001", 9_007_199_254_740_994.0);
}

#[test]
fn edges_of_the_range() {
    check_f32("3.4028235e38", f32::MAX);
    check_f32("3.40282356779733661637539395458142568447e38", f32::MAX);
    check_f32("1e-46", 0.0);
    check_f32("7.1e-46", f32::from_bits(1));
    check_f64("1.7976931348623157e308", f64::MAX);
    check_f64("5e-324", f64::from_bits(1));
    check_f64("1e-99999999999999999999", 0.0);
    check_f64("0e99999999999999999999", 0.0);
    for text in ["3.4028236e38", "1e39", "-1e39", "1e99999999999999999999"] {
        assert_eq!(read_f32(text.as_bytes(), 0), None, "{text}");
    }
    assert_eq!(read_f64(b"1.7976931348623159e308", 0), None);
}

#[test]
fn words() {
    check_f32("Infinity", f32::INFINITY);
    check_f32("-Infinity", f32::NEG_INFINITY);
    check_f64("-Inf", f64::NEG_INFINITY);
    assert!(read_f32(b"NaN", 0).unwrap().0.is_nan());
    assert!(read_f64(b"NaN", 0).unwrap().0.is_nan());
}

#[test]
fn what_json_does_not_allow() {
    for text in [
        "", "-", "+1", ".5", "1.", "01", "-01", "00", "1e", "1e+", "0x1", "nan", "i", "null",
        "\"1\"",
    ] {
        assert!(read_f32(text.as_bytes(), 0).is_none_or(|(_, end)| end < text.len()), "{text}");
        assert!(read_f64(text.as_bytes(), 0).is_none_or(|(_, end)| end < text.len()), "{text}");
    }
}

#[test]
fn integers() {
    let read = |text: &str| read_integer(text.as_bytes(), 0);
    assert_eq!(read("0"), Some((false, 0, 1)));
    assert_eq!(read("-12,"), Some((true, 12, 3)));
    assert_eq!(read("18446744073709551615"), Some((false, u64::MAX, 20)));
    assert_eq!(read("9999999999999999999"), Some((false, 9_999_999_999_999_999_999, 19)));
    for text in
        ["18446744073709551616", "99999999999999999999999", "1.0", "1e3", "01", "", "-", "x"]
    {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn digits_are_counted_and_joined() {
    for len in 0..=24 {
        let digits = "987654321098765432109876".get(..len).unwrap();
        for end in [
            "",
            "e",
            "e5",
            ",,,,,,,,,",
            "/0000000",
            ":0000000",
            "\u{fff}\u{fff}\u{fff}",
            "\0\0\0\0\0\0\0\0",
        ] {
            let text = format!("{digits}{end}");
            let expected = digits.bytes().fold(7_u64, |value, digit| {
                value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
            });
            assert_eq!(many_digits(text.as_bytes(), 0, 7), (expected, len), "{text}");
        }
    }
    for byte in 0..=255_u8 {
        let text = [b'1', byte, b'0', b'0', b'0', b'0', b'0', b'0', b'0', b'x'];
        let (_, end) = many_digits(&text, 0, 0);
        assert_eq!(end, if byte.is_ascii_digit() { 9 } else { 1 }, "{byte}");
    }
}

proptest! {
    #[test]
    fn every_f32_is_read_back(bits: u32) {
        let value = f32::from_bits(bits);
        prop_assume!(value.is_finite());
        check_f32(&format!("{value}"), value);
        check_f32(&format!("{value:e}"), value);
        check_f32(&format!("{}", f64::from(value)), value);
        check_f32(&format!("{:e}", f64::from(value)), value);
    }

    #[test]
    fn every_f64_is_read_back(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        check_f64(&format!("{value}"), value);
        check_f64(&format!("{value:e}"), value);
    }

    #[test]
    fn any_decimal_rounds_as_the_standard_library_does(
        whole in "(0|[1-9][0-9]{0,24})", fraction in "(\\.[0-9]{1,30})?", exponent in -50_i32..50,
    ) {
        let text = format!("{whole}{fraction}e{exponent}");
        let expected: f32 = text.parse().unwrap();
        let read = read_f32(text.as_bytes(), 0).map(|(value, _)| value);
        prop_assert_eq!(read, expected.is_finite().then_some(expected));
        check_f64(&text, text.parse().unwrap());
    }

    // Where the fast way is most likely to be wrong: next to the middle between two neighbours.
    #[test]
    fn decimals_next_to_a_middle_round_right(bits in 0x0080_0000_u32..0x7f7f_ffff, digits in 8_usize..20, up: bool) {
        let (low, high) = (f64::from(f32::from_bits(bits)), f64::from(f32::from_bits(bits + 1)));
        let middle = f64::midpoint(low, high);
        let near = if up { middle.next_up() } else { middle.next_down() };
        for value in [middle, near] {
            let text = format!("{value:.digits$e}");
            check_f32(&text, text.parse().unwrap());
        }
    }
}
