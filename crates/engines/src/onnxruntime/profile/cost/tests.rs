use super::{Precision, TensorShape, flops, precision};

fn shapes(dims: &[&[i64]]) -> Vec<TensorShape> {
    let shape = |dims: &&[i64]| TensorShape { element: "float".to_owned(), dims: dims.to_vec() };
    dims.iter().map(shape).collect()
}

#[track_caller]
fn check(operator: &str, inputs: &[&[i64]], outputs: &[&[i64]], expected: Option<f64>) {
    assert_eq!(flops(operator, &shapes(inputs), &shapes(outputs)), expected, "{operator}");
}

#[test]
fn products_of_matrices_are_counted() {
    let expected = Some(2.0 * 128.0 * 384.0 * 1536.0);
    check("MatMul", &[&[1, 128, 384], &[384, 1536]], &[&[1, 128, 1536]], expected);
    // Weights that were rearranged are not listed, and are not needed.
    check("MatMul", &[&[1, 128, 384]], &[&[1, 128, 1536]], expected);
    check("Gemm", &[&[128, 384], &[1536, 384], &[1536]], &[&[128, 1536]], expected);
    check("Gemm", &[&[384, 128], &[384, 1536]], &[&[128, 1536]], expected);
    check("QGemm", &[&[128, 384], &[], &[]], &[&[128, 1536]], expected);
    let attention = Some(2.0 * 12.0 * 64.0 * 64.0 * 32.0);
    let heads: [&[i64]; 2] = [&[1, 12, 64, 32], &[1, 12, 32, 64]];
    check("FusedMatMul", &heads, &[&[1, 12, 64, 64]], attention);
    check("MatMul", &[&[3, 7, 5], &[5]], &[&[3, 7]], Some(2.0 * 21.0 * 5.0));
    check("MatMul", &[&[5, 7, 5], &[5]], &[&[5, 7]], Some(2.0 * 35.0 * 5.0));
    check("MatMul", &[&[5], &[5]], &[&[]], Some(10.0));
    check("MatMul", &[&[], &[5]], &[&[]], None);
}

#[test]
fn convolutions_are_counted() {
    let expected = Some(2.0 * 16.0 * 14.0 * 14.0 * 9.0);
    check("Conv", &[&[1, 1, 28, 28], &[16, 1, 3, 3], &[16]], &[&[1, 16, 14, 14]], expected);
    // A bias is no window.
    check("Conv", &[&[1, 1, 28, 28], &[16]], &[&[1, 16, 14, 14]], None);
    let quantized: [&[i64]; 4] = [&[1, 28, 28, 1], &[], &[], &[16, 1, 3, 3]];
    check("QLinearConv", &quantized, &[&[1, 14, 14, 16]], expected);
    let up = Some(2.0 * 24.0 * 256.0 * 24.0 * 4.0);
    check("ConvTranspose", &[&[1, 24, 16, 16], &[24, 24, 2, 2]], &[&[1, 24, 32, 32]], up);
}

#[test]
fn attention_and_recurrence_are_counted() {
    let projections = 2.0 * 64.0 * 384.0 * 1152.0;
    let products = 2.0 * 2.0 * 64.0 * 64.0 * 384.0;
    let inputs: [&[i64]; 3] = [&[1, 64, 384], &[384, 1152], &[1152]];
    check("Attention", &inputs, &[&[1, 64, 384]], Some(projections + products));
    let parts: [&[i64]; 3] = [&[1, 64, 384], &[1, 64, 384], &[1, 64, 384]];
    check("MultiHeadAttention", &parts, &[&[1, 64, 384]], Some(products));
    let heads: [&[i64]; 3] = [&[1, 12, 64, 32], &[1, 12, 64, 32], &[1, 12, 64, 32]];
    check("Attention", &heads, &[&[1, 12, 64, 32]], Some(products));
    let lstm: [&[i64]; 3] = [&[10, 2, 8], &[1, 64, 8], &[1, 64, 16]];
    let expected = 2.0 * 20.0 * (64.0 * 8.0 + 64.0 * 16.0);
    check("LSTM", &lstm, &[&[10, 1, 2, 16]], Some(expected));
    check("LSTM", &lstm[..1], &[&[10, 1, 2, 16]], None);
}

#[test]
fn what_multiplies_no_matrices_has_no_count() {
    for operator in ["Softmax", "Add", "Gather", "SomethingOfTomorrow"] {
        check(operator, &[&[1, 128]], &[&[1, 128]], None);
    }
    check("MatMul", &[&[1, 128, 384]], &[], None);
    check("MatMul", &[], &[&[1, 128, 384]], None);
}

#[test]
fn the_operator_and_its_input_say_what_is_multiplied() {
    let of = |operator, element: &str| {
        precision(operator, &[TensorShape { element: element.to_owned(), dims: vec![1] }])
    };
    assert_eq!(of("MatMul", "float"), Precision::F32);
    assert_eq!(of("MatMul", "float16"), Precision::F32);
    assert_eq!(of("MatMul", "bfloat16"), Precision::Bf16);
    assert_eq!(of("DynamicQuantizeMatMul", "float"), Precision::Int8);
    assert_eq!(precision("QLinearConv", &[]), Precision::Int8);
}
