import { FormatError } from "../errors.ts";
import { align, CHUNK_VERSION, type ChunkKind, HEADER_BYTES, KIND_NUMBERS, MAGIC } from "./constants.ts";

/** What a chunk says of itself, without its manifest: for tools that look into files. */
export interface ChunkHeader {
  readonly kind: ChunkKind;
  readonly seq: number;
  readonly first: number;
  readonly count: number;
  /** A view of `bytes`. */
  readonly payload: Uint8Array;
}

/** True when bytes begin as a chunk does. */
export function isChunk(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/** @throws FormatError when the bytes are no chunk, or not all of one */
export function readChunkHeader(bytes: Uint8Array): ChunkHeader {
  const fail = (field: string, expected: string, got: unknown): never => {
    throw new FormatError("chunk", `"${field}" expected ${expected}, got ${got}`);
  };
  if (bytes.length < HEADER_BYTES || !isChunk(bytes)) fail("magic", MAGIC.join(" "), bytes.subarray(0, 4).join(" "));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const version = view.getUint16(4, true);
  if (version !== CHUNK_VERSION) fail("format version", String(CHUNK_VERSION), version);
  const number = view.getUint16(6, true);
  const kind = (Object.keys(KIND_NUMBERS) as ChunkKind[]).find((name) => KIND_NUMBERS[name] === number);
  const length = view.getUint32(20, true);
  if (bytes.length !== HEADER_BYTES + align(length))
    fail("size", `${HEADER_BYTES + align(length)} bytes`, bytes.length);
  return {
    kind: kind ?? fail("kind", "a known kind", number),
    seq: view.getUint32(8, true),
    first: view.getUint32(12, true),
    count: view.getUint32(16, true),
    payload: bytes.subarray(HEADER_BYTES, HEADER_BYTES + length),
  };
}
