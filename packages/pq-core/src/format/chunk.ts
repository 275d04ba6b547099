import { check, FormatError } from "../errors.ts";
import {
  ALIGNMENT,
  align,
  CHUNK_VERSION,
  type ChunkKind,
  HEADER_BYTES,
  KIND_NUMBERS,
  MAGIC,
  MAX_CHUNK_BYTES,
} from "./constants.ts";

/** Kinds whose chunks are listed in tables, where an index has those. */
export const PAGED_KINDS = ["lists", "items", "lookup", "filter-pages"] as const;
export type PagedKind = (typeof PAGED_KINDS)[number];

export interface ArtifactChunk {
  /** `<kind>-<seq>-<sha256 prefix>.bin`: the content decides the key, so a key never changes its bytes. */
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** One chunk as the manifest lists it. */
export interface ChunkEntry {
  readonly kind: ChunkKind;
  readonly key: string;
  /** Bytes, header included. */
  readonly size: number;
  /** SHA-256 of all bytes, 64 hex digits. */
  readonly sha256: string;
  /** First block (lists), first ordinal (items), first rank (lookup); what its pages cover (pages); else 0. */
  readonly first: number;
  /** Blocks, ordinals or ranks in this chunk; else 0. */
  readonly count: number;
  /** Lookup, or pages of it, only: the smallest id, as text. */
  readonly firstId?: string;
  /** Pages only: what the pages are that it lists, how many, their bytes, and those of the largest. */
  readonly of?: PagedKind;
  readonly pages?: number;
  readonly bytes?: number;
  readonly largest?: number;
  /** Present on the chunks that hold added and updated items beside the base; see `Manifest.delta`. */
  readonly delta?: true;
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
  view.setUint16(4, CHUNK_VERSION, true);
  view.setUint16(6, KIND_NUMBERS[kind], true);
  for (const [i, value] of [seq, first, count, payload.length].entries()) view.setUint32(8 + 4 * i, value, true);
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
  const { size, kind, first, count } = entry;
  const expect = (field: string, expected: number | string, got: number | string): void =>
    check(expected === got, field, expected, got, where);
  if (!(fetched instanceof Uint8Array)) throw new FormatError(where, "the source gave no Uint8Array");
  expect("size", size, fetched.length);
  if (verify) expect("sha256", entry.sha256, await sha256(fetched));
  // Views of wider elements need an aligned start, which a view into a larger buffer need not have.
  const bytes = fetched.byteOffset % ALIGNMENT === 0 ? fetched : Uint8Array.from(fetched);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  expect("magic", MAGIC.join(" "), bytes.subarray(0, 4).join(" "));
  expect("format version", CHUNK_VERSION, view.getUint16(4, true));
  expect("kind", KIND_NUMBERS[kind], view.getUint16(6, true));
  for (const [i, [field, expected]] of Object.entries({ seq, first, count }).entries())
    expect(field, expected, view.getUint32(8 + 4 * i, true));
  const length = view.getUint32(20, true);
  expect("payload length, aligned", size - HEADER_BYTES, align(length));
  expect("reserved", 0, view.getUint32(24, true) + view.getUint32(28, true));
  return bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
}
