/** Largest vector that is decoded; pq-core's own limit. */
const MAX_DIM = 65_536;
/** Lists in a list, and what else is no list of numbers. */
const NOT_FLAT = /.[[{"]/s;

/**
 * A query vector as it comes over HTTP: little-endian float32 as base64url (with or without padding), or numbers as a
 * list or as JSON text.
 * @returns the vector, or what was expected and got
 */
export function decodeVector(value: unknown): Float32Array | { readonly error: string } {
  const numbers = typeof value === "string" ? parseText(value) : value;
  if (numbers instanceof Float32Array) return finite(numbers);
  if (
    !Array.isArray(numbers) ||
    numbers.length === 0 ||
    numbers.length > MAX_DIM ||
    !numbers.every((number) => typeof number === "number")
  ) {
    return { error: "expected float32 as base64url or a list of numbers, got something else" };
  }
  const vector = finite(Float32Array.from(numbers as number[]));
  // A direction is not to be lost without a word.
  return vector instanceof Float32Array && isZero(vector) && !isZero(numbers)
    ? { error: "expected zeros alone or a number that is not 0 in float32, got smaller ones" }
    : vector;
}

function parseText(text: string): unknown {
  if (text.startsWith("[")) {
    // Of a megabyte of brackets, parsing would make 80.
    if (NOT_FLAT.test(text)) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
  const bytes = decodeBase64Url(text);
  if (bytes === undefined || bytes.length % 4 !== 0) return undefined;
  // Every engine in use is little-endian, as the bytes are.
  return new Float32Array(bytes.buffer);
}

/** Value of a character of base64url at its code; -1 where there is none. */
const SEXTETS = new Int8Array(128).fill(-1);
for (const [i, c] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"].entries())
  SEXTETS[c.charCodeAt(0)] = i;

/** Strict except for padding, which is optional. By hand: `atob` knows only the other alphabet. */
function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  const length = text.endsWith("==") ? text.length - 2 : text.endsWith("=") ? text.length - 1 : text.length;
  if (length % 4 === 1 || length > MAX_DIM * 6) return undefined;
  const bytes = new Uint8Array(Math.floor((length * 3) / 4));
  let bits = 0;
  let pending = 0;
  let at = 0;
  for (let i = 0; i < length; i++) {
    const sextet = SEXTETS[text.charCodeAt(i)] ?? -1;
    if (sextet < 0) return undefined;
    bits = ((bits << 6) | sextet) & 0xffff;
    pending += 6;
    if (pending >= 8) {
      pending -= 8;
      bytes[at++] = bits >>> pending;
    }
  }
  return bytes;
}

function finite(vector: Float32Array): Float32Array | { readonly error: string } {
  for (let at = 0; at < vector.length; at++) {
    const value = vector[at]!;
    // Only infinities and NaN differ from themselves in this way.
    if (value - value !== 0) return { error: `expected finite float32 numbers, got ${value} at ${at}` };
  }
  return vector;
}

function isZero(numbers: ArrayLike<number>): boolean {
  for (let at = 0; at < numbers.length; at++) if (numbers[at] !== 0) return false;
  return true;
}

/** The base64url form of a vector, for clients. */
export function encodeVector(vector: Float32Array): string {
  const bytes = new Uint8Array(vector.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of vector.entries()) view.setFloat32(i * 4, value, true);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
