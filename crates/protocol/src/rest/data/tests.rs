use super::*;

#[track_caller]
fn check(data_type: DataType, json: &str, elements: usize, bytes: &[u8]) {
    let mut scanner = Scanner::new(json.as_bytes());
    let parsed = read(&mut scanner, data_type, None, usize::MAX).unwrap();
    assert_eq!(parsed, Parsed { bytes: bytes.to_vec(), elements });
    scanner.end().unwrap();
}

#[track_caller]
fn check_refused(data_type: DataType, json: &str, expected: &str) {
    let refused = read(&mut Scanner::new(json.as_bytes()), data_type, None, usize::MAX);
    assert_eq!(refused.unwrap_err().to_string(), expected);
}

fn le<const N: usize>(values: impl IntoIterator<Item = [u8; N]>) -> Vec<u8> {
    values.into_iter().flatten().collect()
}

#[test]
fn every_type() {
    check(DataType::Bool, "[true, false, 1, 0]", 4, &[1, 0, 1, 0]);
    check(DataType::Uint8, "[0, 255]", 2, &[0, 255]);
    check(DataType::Uint16, "[65535]", 1, &[255; 2]);
    check(DataType::Uint32, "[4294967295]", 1, &[255; 4]);
    check(DataType::Uint64, "[18446744073709551615]", 1, &[255; 8]);
    check(DataType::Int8, "[-128, 127, -0]", 3, &[128, 127, 0]);
    check(DataType::Int16, "[-32768]", 1, &i16::MIN.to_le_bytes());
    check(DataType::Int32, "[-2147483648]", 1, &i32::MIN.to_le_bytes());
    check(DataType::Int64, "[-9223372036854775808]", 1, &i64::MIN.to_le_bytes());
    check(DataType::Fp32, "[1, -2.5, 1e-3]", 3, &le([1.0_f32, -2.5, 1e-3].map(f32::to_le_bytes)));
    check(DataType::Fp64, "[0.1]", 1, &0.1_f64.to_le_bytes());
    check(DataType::Bytes, r#"["ab", "", "\u00e9"]"#, 3, b"\x02\0\0\0ab\0\0\0\0\x02\0\0\0\xc3\xa9");
}

#[test]
fn nesting_only_groups() {
    check(DataType::Uint8, "[ [1,2] ,[ 3 , 4 ] ]", 4, &[1, 2, 3, 4]);
    check(DataType::Uint8, "[[[1]],[[2]]]", 2, &[1, 2]);
    check(DataType::Uint8, "[]", 0, &[]);
    check(DataType::Uint8, "[[],[]]", 0, &[]);
    check(DataType::Uint8, "\n[\t[1]\r,2 ]", 2, &[1, 2]);
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    check(DataType::Uint8, &deep(JSON_DEPTH_MAX), 1, &[1]);
    let too_deep = "malformed JSON at byte 101: nested deeper than 100 levels";
    check_refused(DataType::Uint8, &deep(JSON_DEPTH_MAX + 1), too_deep);
    check_refused(DataType::Uint8, &"[".repeat(1_000_000), too_deep);
}

#[test]
fn wrong_elements_are_named() {
    check_refused(
        DataType::Uint8,
        "[1, 256]",
        "element 1 of `data` is `256`, UINT8 takes whole numbers from 0 to 255",
    );
    check_refused(
        DataType::Uint8,
        "[-1]",
        "element 0 of `data` is `-1`, UINT8 takes whole numbers from 0 to 255",
    );
    check_refused(
        DataType::Int8,
        "[1.5]",
        "element 0 of `data` is `1.5`, INT8 takes whole numbers from -128 to 127",
    );
    check_refused(
        DataType::Int64,
        "[9223372036854775808]",
        "element 0 of `data` is `9223372036854775808`, INT64 takes whole numbers from -9223372036854775808 to 9223372036854775807",
    );
    check_refused(
        DataType::Fp32,
        "[1, null]",
        "element 1 of `data` is `null`, FP32 takes numbers up to 3.4028235e38, NaN and Infinity",
    );
    check_refused(
        DataType::Fp32,
        "[1e39]",
        "element 0 of `data` is `1e39`, FP32 takes numbers up to 3.4028235e38, NaN and Infinity",
    );
    check_refused(
        DataType::Fp32,
        "[\"1\"]",
        "element 0 of `data` is `\"1\"`, FP32 takes numbers up to 3.4028235e38, NaN and Infinity",
    );
    check_refused(DataType::Bool, "[2]", "element 0 of `data` is `2`, BOOL takes true or false");
    check_refused(DataType::Bytes, "[1]", "element 0 of `data` is `1`, BYTES takes strings");
    check_refused(
        DataType::Bytes,
        r#"["a", "\x"]"#,
        "element 1 of `data`: malformed JSON at byte 7: unknown escape in a string",
    );
    check_refused(
        DataType::Fp16,
        "[1]",
        "FP16 cannot be sent as JSON; send it as binary data (`binary_data_size`)",
    );
}

#[test]
fn broken_arrays_are_refused() {
    check_refused(
        DataType::Uint8,
        "1",
        "malformed JSON at byte 0: expected an array for `data`, found `1`",
    );
    check_refused(
        DataType::Uint8,
        "[1,]",
        "element 1 of `data` is `]`, UINT8 takes whole numbers from 0 to 255",
    );
    check_refused(
        DataType::Uint8,
        "[,1]",
        "element 0 of `data` is `,`, UINT8 takes whole numbers from 0 to 255",
    );
    check_refused(
        DataType::Uint8,
        "[1 2]",
        "`data` after 1 elements: malformed JSON at byte 3: expected `,` or `]`, found `2`",
    );
    check_refused(
        DataType::Uint8,
        "[1",
        "`data` after 1 elements: malformed JSON at byte 2: expected `,` or `]`, found the end",
    );
    check_refused(DataType::Uint8, "[1,", "malformed JSON: `data` is not closed");
    check_refused(DataType::Uint8, "[", "malformed JSON: `data` is not closed");
    check_refused(
        DataType::Bool,
        "[truex]",
        "`data` after 1 elements: malformed JSON at byte 5: expected `,` or `]`, found `x`",
    );
}

#[test]
fn size_is_bounded() {
    let json = format!("[{}0]", "0,".repeat(1000));
    let read_up_to = |bytes_max| {
        read(&mut Scanner::new(json.as_bytes()), DataType::Fp64, Some(usize::MAX), bytes_max)
    };
    assert_eq!(read_up_to(8008).unwrap().elements, 1001);
    let refused = read_up_to(8007).unwrap_err();
    assert_eq!(
        refused,
        DecodeError::TooLarge(
            "as FP64, `data` takes more than the 8007 bytes that are allowed".into()
        )
    );
}
