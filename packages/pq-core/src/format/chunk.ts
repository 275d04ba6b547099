import { FormatError } from "../errors.ts";
import type { ArtifactChunk, ChunkEntry, ChunkKind } from "../types.ts";
import { ALIGNMENT, FORMAT_VERSION, HEADER_BYTES, KIND_NUMBERS, MAGIC, MAX_CHUNK_BYTES } from "./constants.ts";

export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** SHA-256 in hex, by WebCrypto: the same call in Node, Workers and browsers. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  // WebCrypto takes no view of a SharedArrayBuffer; a plain view is passed as it is.
  const plain = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", plain));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A chunk's key: its content decides it, and the kind and number tell a reader of a key listing what it is. */
export function chunkKey(kind: ChunkKind, seq: number, hash: string): string {
  return `${kind}-${String(seq).padStart(4, "0")}-${hash.slice(0, 16)}.bin`;
}

/** Header and payload, padded to 16 bytes; with its entry for the manifest. */
export async function sealChunk(
  kind: ChunkKind,
  seq: number,
  first: number,
  count: number,
  payload: Uint8Array,
): Promise<{ chunk: ArtifactChunk; entry: ChunkEntry }> {
  const size = HEADER_BYTES + align(payload.length);
  if (size > MAX_CHUNK_BYTES)
    throw new FormatError(`chunk ${kind}-${seq}`, `expected at most ${MAX_CHUNK_BYTES} bytes, got ${size}`);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  view.setUint16(4, FORMAT_VERSION, true);
  view.setUint16(6, KIND_NUMBERS[kind], true);
  view.setUint32(8, seq, true);
  view.setUint32(12, first, true);
  view.setUint32(16, count, true);
  view.setUint32(20, payload.length, true);
  bytes.set(payload, HEADER_BYTES);
  const hash = await sha256(bytes);
  const key = chunkKey(kind, seq, hash);
  return { chunk: { key, bytes }, entry: { kind, key, size, sha256: hash, first, count } };
}

/**
 * Checks a fetched chunk against its manifest entry and gives its payload: a view, 16-byte aligned in `bytes`.
 * Everything is checked before the view is made, so a hostile chunk costs no more than its own bytes.
 *
 * @throws FormatError naming the key, the field, what was expected and what came
 */
export async function openChunk(
  entry: ChunkEntry,
  seq: number,
  fetched: Uint8Array,
  verify: boolean,
): Promise<Uint8Array> {
  const where = `chunk ${entry.key}`;
  const check = (field: string, expected: number | string, got: number | string): void => {
    if (expected !== got) throw new FormatError(where, `"${field}" expected ${expected}, got ${got}`);
  };
  if (!(fetched instanceof Uint8Array)) throw new FormatError(where, "the source gave no Uint8Array");
  check("size", entry.size, fetched.length);
  if (verify) check("sha256", entry.sha256, await sha256(fetched));
  // Views of wider elements need an aligned start, which a view into a larger buffer need not have.
  const bytes = fetched.byteOffset % ALIGNMENT === 0 ? fetched : Uint8Array.from(fetched);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  check("magic", MAGIC.join(" "), Array.from(bytes.subarray(0, 4)).join(" "));
  check("format version", FORMAT_VERSION, view.getUint16(4, true));
  check("kind", KIND_NUMBERS[entry.kind], view.getUint16(6, true));
  check("seq", seq, view.getUint32(8, true));
  check("first", entry.first, view.getUint32(12, true));
  check("count", entry.count, view.getUint32(16, true));
  const length = view.getUint32(20, true);
  check("payload length, aligned", entry.size - HEADER_BYTES, align(length));
  check("reserved", 0, view.getUint32(24, true) + view.getUint32(28, true));
  return bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
}
