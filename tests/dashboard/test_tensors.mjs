import assert from "node:assert/strict";

import { decode, encode, fills, made, read } from "../../crates/server/assets/dashboard/tensor.js";

const halves = (values, type) => {
  const bytes = encode(values, type);
  return [decode(bytes.buffer, 0, bytes.length, type), [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")];
};

export async function half_precision_has_the_right_bits() {
  assert.deepEqual(halves(["1", "-2", "65504", "0.1", "0"], "FP16"), [[1, -2, 65504, 0.0999755859375, 0], "003c00c0ff7b662e0000"]);
  assert.deepEqual(halves(["1e6", "-1e6"], "FP16")[0], [Infinity, -Infinity]);
  assert.deepEqual(halves(["6e-8", "1e-9", "6.1035e-5"], "FP16")[0], [2 ** -24, 0, 2 ** -14].map((v, i) => (i === 2 ? 6.103515625e-5 : v)));
  assert.deepEqual(halves(["1", "-2", "0.1", "3.4e38"], "BF16")[1], "803f00c0cd3d807f");
}

export async function half_precision_rounds_to_even_for_every_value() {
  for (let bits = 0; bits < 0x7c00; bits += 1) {
    const bytes = new Uint8Array([bits & 255, bits >> 8]);
    const [value] = decode(bytes.buffer, 0, 2, "FP16");
    assert.deepEqual([...encode([String(value)], "FP16")], [...bytes], `bits ${bits}`);
  }
}

export async function whole_numbers_are_kept_to_the_last_digit() {
  assert.deepEqual(read("9223372036854775807, -1", "INT64", 2), ["9223372036854775807", "-1"]);
  const bytes = new BigInt64Array([9223372036854775807n]);
  assert.deepEqual(decode(bytes.buffer, 0, 8, "INT64"), [9223372036854775807n]);
}

export async function wrong_values_are_named() {
  const check = (text, type, size, message) => assert.throws(() => read(text, type, size), { message });
  check("1 2", "FP32", 3, "2 values are given, the shape takes 3");
  check("1 x", "FP32", 2, "x is not a finite number");
  check("1.5", "INT32", 1, "1.5 is not a whole number");
  check("300", "UINT8", 1, "300 does not fit into UINT8");
  check("maybe", "BOOL", 1, "maybe is neither true nor false");
  check('["a"', "BYTES", 1, "the list of texts is not valid JSON");
}

export async function everything_that_is_offered_can_be_read_back() {
  for (const type of ["BOOL", "INT8", "UINT8", "INT64", "UINT64", "FP16", "BF16", "FP32", "FP64"]) {
    for (const fill of fills(type)) assert.equal(read(made(fill, type, 300).join(", "), type, 300).length, 300, type + fill);
  }
  assert.deepEqual(read('one "line"\ntwo', "BYTES", 2), ['"one \\"line\\""', '"two"']);
}
