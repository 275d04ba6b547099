/** Largest vector that is decoded; pq-core's own limit. */
const maxDim = 65_536;

/**
 * A query vector as it comes over HTTP: little-endian float32 as base64url (with or without padding), or numbers as a list or as JSON text.
 * @returns the vector, or what was expected and got
 */
export function decodeVector(value: unknown): Float32Array | { readonly error: string } {
  const numbers = typeof value === "string" ? parseText(value) : value;
  if (numbers instanceof Float32Array) return finite(numbers);
  if (
    !Array.isArray(numbers) ||
    numbers.length === 0 ||
    numbers.length > maxDim ||
    !numbers.every((number) => typeof number === "number")
  ) {
    return { error: "expected float32 as base64url or a list of numbers, got something else" };
  }
  return finite(Float32Array.from(numbers as number[]));
}

function parseText(text: string): unknown {
  if (text.startsWith("[")) {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
  if (!/^[A-Za-z0-9_-]+={0,2}$/.test(text)) return undefined;
  try {
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    if (binary.length % 4 !== 0) return undefined;
    const view = new DataView(Uint8Array.from(binary, (c) => c.charCodeAt(0)).buffer);
    return Float32Array.from({ length: binary.length / 4 }, (_, i) => view.getFloat32(i * 4, true));
  } catch {
    return undefined;
  }
}

function finite(vector: Float32Array): Float32Array | { readonly error: string } {
  const at = vector.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) return { error: `expected finite float32 numbers, got ${vector[at]} at ${at}` };
  return vector;
}

/** The base64url form of a vector, for clients. */
export function encodeVector(vector: Float32Array): string {
  const bytes = new Uint8Array(vector.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of vector.entries()) view.setFloat32(i * 4, value, true);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
