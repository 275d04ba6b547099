import { blockBytes, countBlocks } from "../blocks.ts";
import { MAX_DIM, MAX_NLIST, METRICS } from "../codebook.ts";
import { deltaBytes } from "../delta/payload.ts";
import { viewsOf } from "../delta/views.ts";
import { check, checkInteger, FormatError } from "../errors.ts";
import type { ChunkEntry, DeltaCounts, Manifest } from "../types.ts";
import { chunkKey, sha256 } from "./chunk.ts";
import { codebookBytes } from "./codebook-chunk.ts";
import {
  align,
  FORMAT,
  FORMAT_VERSION,
  HEADER_BYTES,
  KIND_NUMBERS,
  MAX_CHUNK_BYTES,
  MAX_ITEMS,
  MAX_MANIFEST_BYTES,
} from "./constants.ts";

const encoder = new TextEncoder();

async function hashJson(value: unknown): Promise<string> {
  return sha256(encoder.encode(JSON.stringify(value)));
}

/** Completes a manifest with the version and the checksum, which are derived from its content. */
export async function sealManifest(
  content: Omit<Manifest, "format" | "formatVersion" | "version" | "previousVersion" | "checksum">,
  previousVersion: string | undefined,
): Promise<{ manifest: Manifest; manifestBytes: Uint8Array }> {
  const version = (await hashJson([FORMAT_VERSION, content])).slice(0, 16);
  const rest = {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    version,
    ...(previousVersion === undefined ? {} : { previousVersion }),
    ...content,
  };
  const manifest = { ...rest, checksum: await hashJson(rest) } as Manifest;
  const manifestBytes = encoder.encode(`${JSON.stringify(manifest)}\n`);
  const { length } = manifestBytes;
  if (length > MAX_MANIFEST_BYTES)
    throw new FormatError(WHERE, `expected at most ${MAX_MANIFEST_BYTES} bytes, got ${length}`);
  return { manifest, manifestBytes };
}

/**
 * Parses and checks a manifest: types, ranges, checksum, and that each kind's chunks cover what they must without a gap.
 *
 * @throws FormatError naming the member, what was expected and what came
 */
export async function openManifest(bytes: Uint8Array): Promise<Manifest> {
  expect(bytes instanceof Uint8Array, "bytes", "a Uint8Array", typeof bytes);
  expect(bytes.length <= MAX_MANIFEST_BYTES, "size", `at most ${MAX_MANIFEST_BYTES} bytes`, bytes.length);
  const value = parse(bytes) as Partial<Record<keyof Manifest, unknown>>;
  equal("format", value.format, FORMAT);
  equal("formatVersion", value.formatVersion, FORMAT_VERSION);
  const { checksum, ...rest } = value;
  const expected = await hashJson(rest).catch((cause: unknown) => {
    throw new FormatError(WHERE, "is nested too deeply", { cause });
  });
  equal("checksum", checksum, expected);
  checkMembers(value);
  const manifest = value as Manifest;
  const { base, delta } = viewsOf(manifest);
  for (const part of delta === undefined ? [base] : [base, delta]) {
    checkChunks(part);
    if (part === base) checkSizes(part, "codebook", codebookBytes(part));
    else checkSizes(part, "delta", deltaBytes(manifest));
  }
  return manifest;
}

function checkMembers(m: Partial<Record<keyof Manifest, unknown>>): void {
  hex("version", m.version, 16);
  const { previousVersion = "" } = m;
  expect(typeof previousVersion === "string", "previousVersion", "a string", previousVersion);
  integer("dim", m.dim, 1, MAX_DIM);
  integer("nlist", m.nlist, 0, MAX_NLIST);
  integer("numSubQuantizers", m.numSubQuantizers, 1, MAX_DIM);
  integer("numItems", m.numItems, 0, MAX_ITEMS);
  integer("defaultNprobe", m.defaultNprobe, 1, Math.max(1, m.nlist as number));
  oneOf("metric", m.metric, METRICS);
  oneOf("nbits", m.nbits, [4, 8]);
  oneOf("idType", m.idType, ["string", "u32", "u64"]);
  for (const name of ["byResidual", "hasRotation", "hasFields"] as const) oneOf(name, m[name], [true, false]);
  expect(Array.isArray(m.chunks), "chunks", "an array", m.chunks);
  if (m.delta !== undefined) checkDelta(m.delta, m.numItems);
}

function checkDelta(delta: unknown, numItems: unknown): void {
  expect(isObject(delta), "delta", "an object", delta);
  const { baseItems, removed, numItems: added } = delta as DeltaCounts;
  integer("delta.baseItems", baseItems, 0, MAX_ITEMS);
  integer("delta.removed", removed, 0, baseItems);
  integer("delta.numItems", added, 0, MAX_ITEMS);
  equal("numItems", numItems, baseItems - removed + added);
}

function parse(bytes: Uint8Array): object {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    throw new FormatError(WHERE, "is not JSON in UTF-8", { cause });
  }
  expect(isObject(value) && !Array.isArray(value), "root", "an object", value);
  return value as object;
}

/** Each entry by itself, its key, and that each kind covers all items once. */
function checkChunks(manifest: Manifest): void {
  const { chunks, numItems } = manifest;
  const seqs = new Map<string, number>();
  for (const [i, entry] of chunks.entries()) {
    const name = entry?.delta === true ? `delta chunks[${i}]` : `chunks[${i}]`;
    expect(isObject(entry), name, "an object", entry);
    oneOf(`${name}.kind`, entry.kind, Object.keys(KIND_NUMBERS));
    integer(`${name}.size`, entry.size, HEADER_BYTES, MAX_CHUNK_BYTES);
    integer(`${name}.first`, entry.first, 0, MAX_ITEMS);
    integer(`${name}.count`, entry.count, 0, MAX_ITEMS);
    hex(`${name}.sha256`, entry.sha256, 64);
    if (entry.kind === "lookup")
      expect(typeof entry.firstId === "string", `${name}.firstId`, "a string", entry.firstId);
    const seq = seqs.get(entry.kind) ?? 0;
    seqs.set(entry.kind, seq + 1);
    equal(`${name}.key`, entry.key, chunkKey(entry.kind, seq, entry.sha256));
  }
  checkCover(chunks, "lists", countBlocks(numItems));
  checkCover(chunks, "items", numItems);
  checkCover(chunks, "lookup", numItems);
  if (seqs.has("refine")) checkCover(chunks, "refine", numItems);
}

/** The sizes that the numbers ask for are the sizes of the chunks, so nothing is allocated that was not declared. */
function checkSizes(manifest: Manifest, kind: "codebook" | "delta", bytesOfKind: number): void {
  const bytes = { codebook: 0, delta: 0 };
  for (const { kind: own, size, count, key } of manifest.chunks) {
    if (own === "codebook" || own === "delta") bytes[own] += size - HEADER_BYTES;
    if (own === "lists") equal(`${key}.size`, size, HEADER_BYTES + align(count * blockBytes(manifest)));
  }
  for (const only of ["codebook", "delta"] as const) {
    const expected = only === kind ? align(bytesOfKind) : 0;
    expect(bytes[only] === expected, `${only} chunks`, `${expected} payload bytes`, bytes[only]);
  }
}

/** The chunks of a kind must follow each other without gap or overlap, from 0 to `total`. */
function checkCover(chunks: readonly ChunkEntry[], kind: ChunkEntry["kind"], total: number): void {
  let next = 0;
  for (const entry of chunks) {
    if (entry.kind !== kind) continue;
    equal(`${entry.key}.first`, entry.first, next);
    next += entry.count;
  }
  expect(next === total, `${kind} chunks`, `to cover ${total}`, next);
}

const WHERE = "manifest";

function expect(ok: boolean, name: string, expected: unknown, got: unknown): void {
  check(ok, name, expected, got, WHERE);
}

function equal(name: string, got: unknown, expected: unknown): void {
  expect(got === expected, name, expected, got);
}

function integer(name: string, value: unknown, min: number, max: number): void {
  checkInteger(name, value, min, max, WHERE);
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  expect(allowed.includes(value), name, `one of ${allowed.join(", ")}`, value);
}

function hex(name: string, value: unknown, digits: number): void {
  const isHex = typeof value === "string" && value.length === digits && /^[0-9a-f]+$/.test(value);
  expect(isHex, name, `${digits} hex digits`, value);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
