import { blockBytes, countBlocks } from "../blocks.ts";
import { MAX_DIM, MAX_NLIST, METRICS } from "../codebook.ts";
import { deltaBytes } from "../delta/payload.ts";
import { viewsOf } from "../delta/views.ts";
import { FormatError } from "../errors.ts";
import type { ChunkEntry, DeltaCounts, Manifest } from "../types.ts";
import { align, chunkKey, sha256 } from "./chunk.ts";
import { codebookBytes } from "./codebook-chunk.ts";
import {
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
  if (manifestBytes.length > MAX_MANIFEST_BYTES) {
    throw new FormatError("manifest", `expected at most ${MAX_MANIFEST_BYTES} bytes, got ${manifestBytes.length}`);
  }
  return { manifest, manifestBytes };
}

/**
 * Parses and checks a manifest: types, ranges, checksum, and that each kind's chunks cover what they must without a gap.
 *
 * @throws FormatError naming the member, what was expected and what came
 */
export async function openManifest(bytes: Uint8Array): Promise<Manifest> {
  if (!(bytes instanceof Uint8Array)) fail("bytes", "a Uint8Array", typeof bytes);
  if (bytes.length > MAX_MANIFEST_BYTES) fail("size", `at most ${MAX_MANIFEST_BYTES} bytes`, bytes.length);
  const value = parse(bytes) as Partial<Record<keyof Manifest, unknown>>;
  if (value.format !== FORMAT) fail("format", FORMAT, value.format);
  if (value.formatVersion !== FORMAT_VERSION) fail("formatVersion", FORMAT_VERSION, value.formatVersion);
  const { checksum, ...rest } = value;
  const expected = await hashJson(rest).catch((cause: unknown) => {
    throw new FormatError("manifest", "is nested too deeply", { cause });
  });
  if (checksum !== expected) fail("checksum", expected, checksum);
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
  if (typeof m.version !== "string" || !/^[0-9a-f]{16}$/.test(m.version)) fail("version", "16 hex digits", m.version);
  if (m.previousVersion !== undefined && typeof m.previousVersion !== "string")
    fail("previousVersion", "a string", m.previousVersion);
  integer("dim", m.dim, 1, MAX_DIM);
  integer("nlist", m.nlist, 0, MAX_NLIST);
  integer("numSubQuantizers", m.numSubQuantizers, 1, MAX_DIM);
  integer("numItems", m.numItems, 0, MAX_ITEMS);
  integer("defaultNprobe", m.defaultNprobe, 1, Math.max(1, m.nlist as number));
  oneOf("metric", m.metric, METRICS);
  oneOf("nbits", m.nbits, [4, 8]);
  oneOf("idType", m.idType, ["string", "u32", "u64"]);
  for (const name of ["byResidual", "hasRotation", "hasFields"] as const) oneOf(name, m[name], [true, false]);
  if (!Array.isArray(m.chunks)) fail("chunks", "an array", m.chunks);
  if (m.delta !== undefined) checkDelta(m.delta, m.numItems);
}

function checkDelta(delta: unknown, numItems: unknown): void {
  if (typeof delta !== "object" || delta === null) fail("delta", "an object", delta);
  const { baseItems, removed, numItems: added } = delta as DeltaCounts;
  integer("delta.baseItems", baseItems, 0, MAX_ITEMS);
  integer("delta.removed", removed, 0, baseItems);
  integer("delta.numItems", added, 0, MAX_ITEMS);
  if (baseItems - removed + added !== numItems) fail("numItems", baseItems - removed + added, numItems);
}

function parse(bytes: Uint8Array): object {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    throw new FormatError("manifest", "is not JSON in UTF-8", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail("root", "an object", value);
  return value as object;
}

/** Each entry by itself, its key, and that each kind covers all items once. */
function checkChunks(manifest: Manifest): void {
  const { chunks, numItems } = manifest;
  const seqs = new Map<string, number>();
  for (const [i, entry] of chunks.entries()) {
    const name = entry?.delta === true ? `delta chunks[${i}]` : `chunks[${i}]`;
    if (typeof entry !== "object" || entry === null) fail(name, "an object", entry);
    oneOf(`${name}.kind`, entry.kind, Object.keys(KIND_NUMBERS));
    integer(`${name}.size`, entry.size, HEADER_BYTES, MAX_CHUNK_BYTES);
    integer(`${name}.first`, entry.first, 0, MAX_ITEMS);
    integer(`${name}.count`, entry.count, 0, MAX_ITEMS);
    if (typeof entry.sha256 !== "string" || !/^[0-9a-f]{64}$/.test(entry.sha256))
      fail(`${name}.sha256`, "64 hex digits", entry.sha256);
    if (entry.kind === "lookup" && typeof entry.firstId !== "string")
      fail(`${name}.firstId`, "a string", entry.firstId);
    const seq = seqs.get(entry.kind) ?? 0;
    seqs.set(entry.kind, seq + 1);
    const key = chunkKey(entry.kind, seq, entry.sha256);
    if (entry.key !== key) fail(`${name}.key`, key, entry.key);
  }
  checkCover(chunks, "lists", countBlocks(numItems));
  checkCover(chunks, "items", numItems);
  checkCover(chunks, "lookup", numItems);
  if (seqs.has("refine")) checkCover(chunks, "refine", numItems);
}

/** The sizes that the numbers ask for are the sizes of the chunks, so nothing is allocated that was not declared. */
function checkSizes(manifest: Manifest, kind: "codebook" | "delta", bytesOfKind: number): void {
  const { chunks } = manifest;
  const payload = (entries: readonly ChunkEntry[]): number =>
    entries.reduce((sum, { size }) => sum + size - HEADER_BYTES, 0);
  for (const only of ["codebook", "delta"] as const) {
    const bytes = payload(chunks.filter((entry) => entry.kind === only));
    const expected = only === kind ? align(bytesOfKind) : 0;
    if (bytes !== expected) fail(`${only} chunks`, `${expected} payload bytes`, bytes);
  }
  for (const entry of chunks) {
    if (entry.kind !== "lists") continue;
    const bytes = align(entry.count * blockBytes(manifest));
    if (entry.size !== HEADER_BYTES + bytes) fail(`${entry.key}.size`, HEADER_BYTES + bytes, entry.size);
  }
}

/** The chunks of a kind must follow each other without gap or overlap, from 0 to `total`. */
function checkCover(chunks: readonly ChunkEntry[], kind: ChunkEntry["kind"], total: number): void {
  let next = 0;
  for (const entry of chunks) {
    if (entry.kind !== kind) continue;
    if (entry.first !== next) fail(`${entry.key}.first`, next, entry.first);
    next += entry.count;
  }
  if (next !== total) fail(`${kind} chunks`, `to cover ${total}`, next);
}

function integer(name: string, value: unknown, min: number, max: number): void {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
    fail(name, `an integer from ${min} to ${max}`, value);
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) fail(name, `one of ${allowed.join(", ")}`, value);
}

function fail(name: string, expected: unknown, got: unknown): never {
  throw new FormatError(
    "manifest",
    `"${name}" expected ${expected}, got ${typeof got === "object" ? JSON.stringify(got)?.slice(0, 60) : String(got)}`,
  );
}
