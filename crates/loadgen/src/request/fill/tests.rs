use tensor::DataType;

use super::{Fill, Slot, ValueRange, json_fill};
use crate::Random;

fn filled(bytes: usize, fill: Fill, seed: u64) -> Vec<u8> {
    let mut body = vec![b'?'; bytes + 2];
    Slot { bytes: 1..bytes + 1, fill }.fill(&mut body, &mut Random::new(seed));
    assert_eq!((body[0], body[bytes + 1]), (b'?', b'?'), "nothing outside of the slot is written");
    body[1..=bytes].to_vec()
}

#[track_caller]
fn check_json(data_type: DataType, range: &str, holds: impl Fn(&serde_json::Value) -> bool) {
    let range: ValueRange = range.parse().unwrap();
    for seed in 0..200 {
        let (fill, width) = json_fill(data_type, range, 5);
        let text = filled(7 * (width + 1) - 1, fill, seed);
        let text = format!("[{}]", String::from_utf8(text).unwrap());
        let values: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert!(values.len() == 7 && values.iter().all(&holds), "{text}");
    }
}

fn between(low: f64, high: f64) -> impl Fn(&serde_json::Value) -> bool {
    move |value| value.as_f64().is_some_and(|value| value >= low && value <= high)
}

#[test]
fn json_values_are_valid_and_within_the_range() {
    check_json(DataType::Fp32, "0:1", between(0.0, 1.0));
    check_json(DataType::Fp32, "-1:1", between(-1.0, 1.0));
    check_json(DataType::Fp64, "-250:1000", between(-250.0, 1000.0));
    check_json(DataType::Int64, "0:30000", between(0.0, 30000.0));
    check_json(DataType::Int8, "-128:127", between(-128.0, 127.0));
    check_json(DataType::Uint8, "0:1", between(0.0, 1.0));
    check_json(DataType::Bool, "0:1", serde_json::Value::is_boolean);
    check_json(DataType::Bytes, "0:1", |value| value.as_str().is_some_and(|s| s.len() == 5));
}

#[test]
fn integers_reach_both_ends_and_nothing_beyond() {
    let range = "-3:3".parse().unwrap();
    let body = filled(8 * 2000, Fill::Binary(DataType::Int64, range), 1);
    let (values, _) = body.as_chunks::<8>();
    let values: Vec<i64> = values.iter().map(|value| i64::from_le_bytes(*value)).collect();
    assert_eq!((values.iter().min(), values.iter().max()), (Some(&-3), Some(&3)));
}

#[test]
fn binary_floats_are_uniform_and_fresh() {
    let fill = Fill::Binary(DataType::Fp32, ValueRange::default());
    let body = filled(4 * 10_000, fill, 1);
    let (values, _) = body.as_chunks::<4>();
    let values: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let mean = values.iter().sum::<f32>() / 10_000.0;
    assert!((mean - 0.5).abs() < 0.02 && values.iter().all(|value| (0.0..=1.0).contains(value)));
    assert_ne!(body, filled(4 * 10_000, fill, 2));
}

#[test]
fn string_prefixes_stay() {
    let mut body = [3, 0, 0, 0, b'?', b'?', b'?', 3, 0, 0, 0, b'?', b'?', b'?'];
    Slot { bytes: 0..14, fill: Fill::BinaryStrings(3) }.fill(&mut body, &mut Random::new(1));
    assert_eq!((&body[..4], &body[7..11]), (&[3, 0, 0, 0][..], &[3, 0, 0, 0][..]));
    assert!(body[4..7].iter().chain(&body[11..]).all(u8::is_ascii_alphanumeric));
}

#[test]
fn ranges_are_checked() {
    for text in ["", "1", "2:1", "a:b", "0:inf", "NaN:1"] {
        assert!(text.parse::<ValueRange>().unwrap_err().contains("LOW:HIGH"), "{text}");
    }
}
