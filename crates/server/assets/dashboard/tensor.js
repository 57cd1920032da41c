// Tensors of the test request: making up values, reading what was typed, and the two types that JSON
// has no form for.

// Types whose values the server cannot write as JSON, or that numbers of the page would round.
export const BINARY_OUTPUTS = new Set(["FP16", "BF16", "INT64", "UINT64"]);
const BINARY_INPUTS = new Set(["FP16", "BF16"]);

const RANGES = {
  INT8: [-128n, 127n], INT16: [-32768n, 32767n], INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n], UINT8: [0n, 255n], UINT16: [0n, 65535n],
  UINT32: [0n, 2n ** 32n - 1n], UINT64: [0n, 2n ** 64n - 1n],
};

export const isBinary = (type) => BINARY_INPUTS.has(type);
const isFloat = (type) => /^(FP|BF)/.test(type);

// Ways to fill a tensor of a type; the first one is offered.
export function fills(type) {
  if (type === "BYTES") return ["text", "empty"];
  if (type === "BOOL") return ["true", "false", "random"];
  return isFloat(type) ? ["random", "zeros", "ones", "counting"] : ["ones", "zeros", "counting", "random"];
}

const round = (value) => Number(value.toPrecision(6));

// Values as texts, as JSON has them.
export function made(fill, type, size) {
  const random = {
    BOOL: () => String(Math.random() < 0.5),
    float: () => String(round(Math.random() * 2 - 1)),
    integer: () => String(Math.floor(Math.random() * 100)),
  }[type === "BOOL" ? "BOOL" : isFloat(type) ? "float" : "integer"];
  const limit = RANGES[type] ? Number(RANGES[type][1] > 1_000_000n ? 1_000_000n : RANGES[type][1]) : Infinity;
  const of = {
    random, zeros: () => "0", ones: () => "1", true: () => "true", false: () => "false",
    counting: (index) => String(index % (limit + 1)), text: () => '"hello"', empty: () => '""',
  }[fill];
  return Array.from({ length: size }, (_, index) => of(index));
}

// Reads what was typed; throws what is wrong with it.
export function read(text, type, size) {
  const found = type === "BYTES" ? readTexts(text) : text.split(/[\s,[\]]+/).filter(Boolean);
  const values = type === "BYTES" ? found : found.map((word) => checked(word, type));
  if (values.length !== size) {
    throw new Error(`${values.length} values are given, the shape takes ${size}`);
  }
  return values;
}

function readTexts(text) {
  const trimmed = text.trim();
  if (trimmed.startsWith("[")) {
    let parsed;
    try {
      parsed = JSON.parse(trimmed).flat(Infinity);
    } catch {
      throw new Error("the list of texts is not valid JSON");
    }
    return parsed.map((item) => JSON.stringify(String(item)));
  }
  return text.split("\n").map((line) => JSON.stringify(line));
}

function checked(word, type) {
  if (type === "BOOL") {
    const known = { true: "true", false: "false", 1: "true", 0: "false" }[word.toLowerCase()];
    if (!known) throw new Error(`${word} is neither true nor false`);
    return known;
  }
  if (isFloat(type)) {
    if (!Number.isFinite(Number(word))) throw new Error(`${word} is not a finite number`);
    return String(Number(word));
  }
  if (!/^[+-]?\d+$/.test(word)) throw new Error(`${word} is not a whole number`);
  const value = BigInt(word.replace("+", ""));
  const [low, high] = RANGES[type];
  if (value < low || value > high) throw new Error(`${word} does not fit into ${type}`);
  return String(value);
}

const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);

// Rounds to even, as processors do.
function toBfloat(value) {
  floats[0] = value;
  const lower = bits[0] & 0xffff;
  const upper = bits[0] >>> 16;
  const up = lower > 0x8000 || (lower === 0x8000 && upper & 1);
  return (upper + (up ? 1 : 0)) & 0xffff;
}

function fromBfloat(half) {
  bits[0] = half << 16;
  return floats[0];
}

function toHalf(value) {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const scaled = size / 2 ** (exponent - 10);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  let mantissa = floor + (rest > 0.5 || (rest === 0.5 && floor & 1) ? 1 : 0);
  let power = exponent;
  if (mantissa === 2048) [mantissa, power] = [1024, exponent + 1];
  if (power > 15) return sign | 0x7c00;
  return sign | (mantissa < 1024 ? mantissa : ((power + 15) << 10) | (mantissa - 1024));
}

function fromHalf(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + mantissa / 1024) * 2 ** (exponent - 15) : mantissa * 2 ** -24);
}

// Two bytes a value, little-endian.
export function encode(values, type) {
  const data = new DataView(new ArrayBuffer(values.length * 2));
  const convert = type === "BF16" ? toBfloat : toHalf;
  values.forEach((value, index) => data.setUint16(index * 2, convert(Number(value)), true));
  return new Uint8Array(data.buffer);
}

export function decode(buffer, offset, length, type) {
  const data = new DataView(buffer, offset, length);
  const size = type.endsWith("64") ? 8 : 2;
  const value = {
    BF16: (at) => fromBfloat(data.getUint16(at, true)),
    FP16: (at) => fromHalf(data.getUint16(at, true)),
    INT64: (at) => data.getBigInt64(at, true),
    UINT64: (at) => data.getBigUint64(at, true),
  }[type];
  return Array.from({ length: length / size }, (_, index) => value(index * size));
}
