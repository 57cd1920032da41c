// Writes ONNX files that give back what they get: one input and output for each element type.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

const ELEMENTS = { UINT8: 2, INT64: 7, BYTES: 8, BOOL: 9, FP16: 10, UINT64: 13, BF16: 16 };

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

// A field of a protobuf message: a number, a text or a message.
function field(number, value) {
  if (typeof value === "number") return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

const message = (...fields) => Buffer.concat(fields);

function tensor(name, element) {
  const shape = message(field(1, message(field(2, "any"))));
  const type = message(field(1, element), field(2, shape));
  return message(field(1, name), field(2, message(field(1, type))));
}

// Puts the model `name` into the repository `folder`; its inputs are named after their types.
export function writeEcho(folder, name) {
  const types = Object.entries(ELEMENTS);
  const graph = message(
    ...types.map(([type]) => field(1, message(field(1, type), field(2, `OUT_${type}`), field(4, "Identity")))),
    field(2, name),
    ...types.map(([type, element]) => field(11, tensor(type, element))),
    ...types.map(([type, element]) => field(12, tensor(`OUT_${type}`, element))),
  );
  const model = message(field(1, 8), field(7, graph), field(8, message(field(1, ""), field(2, 17))));
  mkdirSync(path.join(folder, name, "1"), { recursive: true });
  writeFileSync(path.join(folder, name, "1", "model.onnx"), model);
  writeFileSync(path.join(folder, name, "config.pbtxt"), "max_batch_size: 0\n");
}
