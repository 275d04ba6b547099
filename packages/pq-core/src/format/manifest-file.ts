import { checkCellSpread, MAX_DIM, MAX_NLIST, METRICS } from "../codebook/codebook.ts";
import { check, checkInteger, FormatError } from "../errors.ts";
import { blockBytes, countBlocks } from "../kernel/blocks.ts";
import { type ChunkEntry, chunkKey, PAGED_KINDS, sha256 } from "./chunk.ts";
import { codebookBytes } from "./codebook-chunk.ts";
import {
  align,
  type ChunkKind,
  FORMAT,
  HEADER_BYTES,
  KIND_NUMBERS,
  MANIFEST_VERSIONS,
  MAX_CHUNK_BYTES,
  MAX_ITEMS,
  MAX_MANIFEST_BYTES,
} from "./constants.ts";
import { deltaBytes } from "./delta-chunk.ts";
import { type Manifest, viewsOf } from "./manifest.ts";
import { MAX_TABLE_PAGES } from "./page-tables.ts";
import { checkPopularQueries } from "./popular-queries.ts";

const encoder = new TextEncoder();

async function hashJson(value: unknown): Promise<string> {
  return sha256(encoder.encode(JSON.stringify(value)));
}

const VERSIONS: readonly number[] = Object.values(MANIFEST_VERSIONS);

/** An earlier reader must not take an index with tables of pages for one without. */
function versionOf({ cellsPerPage }: Pick<Manifest, "cellsPerPage">): number {
  return cellsPerPage === undefined ? MANIFEST_VERSIONS.listed : MANIFEST_VERSIONS.paged;
}

/** Completes a manifest with the version and the checksum, which are derived from its content. */
export async function sealManifest(
  content: Omit<Manifest, "format" | "formatVersion" | "version" | "previousVersion" | "checksum">,
  previousVersion: string | undefined,
): Promise<{ manifest: Manifest; manifestBytes: Uint8Array }> {
  const formatVersion = versionOf(content);
  const version = (await hashJson([formatVersion, content])).slice(0, 16);
  const rest = {
    format: FORMAT,
    formatVersion,
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
 * Parses and checks a manifest: types, ranges, checksum, and that each kind's chunks cover what they must without a
 * gap.
 *
 * @throws FormatError naming the member, what was expected and what came
 */
export async function openManifest(bytes: Uint8Array): Promise<Manifest> {
  expect(bytes instanceof Uint8Array, "bytes", "a Uint8Array", typeof bytes);
  expect(bytes.length <= MAX_MANIFEST_BYTES, "size", `at most ${MAX_MANIFEST_BYTES} bytes`, bytes.length);
  const manifest = parse(bytes);
  const { checksum, ...rest } = manifest;
  equal("format", manifest.format, FORMAT);
  expect(VERSIONS.includes(manifest.formatVersion), "formatVersion", VERSIONS.join(" or "), manifest.formatVersion);
  const expected = await hashJson(rest).catch((cause: unknown) => {
    throw new FormatError(WHERE, "is nested too deeply", { cause });
  });
  equal("checksum", checksum, expected);
  checkMembers({ previousVersion: "", ...manifest }, MEMBERS);
  if (manifest.cellsPerPage !== undefined) checkMembers(manifest, { cellsPerPage: [1, MAX_NLIST] });
  equal("formatVersion", manifest.formatVersion, versionOf(manifest));
  const { chunks, numItems, delta, queries } = manifest;
  checkMembers(manifest, { defaultNprobe: [1, Math.max(1, manifest.nlist)] });
  expect(Array.isArray(chunks), "chunks", "an array", chunks);
  if (manifest.cellSpread !== undefined) checkCellSpread("cellSpread", manifest.cellSpread, manifest, WHERE);
  if (queries !== undefined) checkPopularQueries("queries", queries, WHERE);
  if (delta !== undefined) {
    expect(isObject(delta), "delta", "an object", delta);
    checkMembers(delta, { baseItems: [0, MAX_ITEMS], numItems: [0, MAX_ITEMS] }, "delta.");
    checkMembers(delta, { removed: [0, delta.baseItems] }, "delta.");
    equal("numItems", numItems, delta.baseItems - delta.removed + delta.numItems);
  }
  const views = viewsOf(manifest);
  checkChunks(views.base, "", { codebook: codebookBytes(views.base), delta: 0 });
  if (views.delta) checkChunks(views.delta, "delta ", { codebook: 0, delta: deltaBytes(manifest) });
  return manifest;
}

/** What a member must be: of a type, so many hex digits, an integer from … to, or one of some values. */
type Rule = "string" | number | readonly [min: number, max: number] | ReadonlySet<unknown>;

const FLAG = new Set([true, false]);
const MEMBERS: Readonly<Record<string, Rule>> = {
  version: 16,
  previousVersion: "string",
  dim: [1, MAX_DIM],
  nlist: [0, MAX_NLIST],
  numSubQuantizers: [1, MAX_DIM],
  numItems: [0, MAX_ITEMS],
  metric: new Set(METRICS),
  nbits: new Set([4, 8]),
  idType: new Set(["string", "u32", "u64"]),
  byResidual: FLAG,
  hasRotation: FLAG,
  hasFields: FLAG,
};
const ENTRY: Readonly<Record<string, Rule>> = {
  kind: new Set(Object.keys(KIND_NUMBERS)),
  size: [HEADER_BYTES, MAX_CHUNK_BYTES],
  first: [0, MAX_ITEMS],
  count: [0, MAX_ITEMS],
  sha256: 64,
};

function checkMembers(value: object, rules: Readonly<Record<string, Rule>>, prefix = ""): void {
  for (const [member, rule] of Object.entries(rules)) {
    const name = prefix + member;
    const got = (value as Record<string, unknown>)[member];
    if (Array.isArray(rule)) checkInteger(name, got, rule[0], rule[1], WHERE);
    else if (rule instanceof Set) expect(rule.has(got), name, `one of ${[...rule].join(", ")}`, got);
    else if (rule === "string") expect(typeof got === rule, name, "a string", got);
    else
      expect(
        typeof got === "string" && got.length === rule && /^[0-9a-f]+$/.test(got),
        name,
        `${rule} hex digits`,
        got,
      );
  }
}

function parse(bytes: Uint8Array): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    throw new FormatError(WHERE, "is not JSON in UTF-8", { cause });
  }
  expect(isObject(value) && !Array.isArray(value), "root", "an object", value);
  return value as Manifest;
}

/**
 * Each entry by itself, its key, that each kind covers all items once, and that sizes are those which the numbers ask
 * for: nothing is allocated that was not declared.
 *
 * @param payloads bytes of the kinds that are read as one
 */
function checkChunks(manifest: Manifest, prefix: string, payloads: Partial<Record<ChunkKind, number>>): void {
  const { chunks, numItems } = manifest;
  const seqs: Record<string, number> = {};
  const ends: Record<string, number> = {};
  const sizes: Record<string, number> = {};
  for (const [i, entry] of chunks.entries()) {
    const name = `${prefix}chunks[${i}]`;
    expect(isObject(entry), name, "an object", entry);
    checkMembers(entry, ENTRY, `${name}.`);
    const { kind, key, size } = entry;
    if (kind === "lookup") checkMembers(entry, { firstId: "string" }, `${name}.`);
    const seq = seqs[kind] ?? 0;
    seqs[kind] = seq + 1;
    equal(`${name}.key`, key, chunkKey(kind, seq, entry.sha256));
    sizes[kind] = (sizes[kind] ?? 0) + size - HEADER_BYTES;
  }
  const isPaged = manifest.cellsPerPage !== undefined;
  const covered = isPaged
    ? coveredByTables(manifest)
    : { lists: countBlocks(numItems), items: numItems, lookup: numItems };
  for (const [i, entry] of chunks.entries()) {
    const kind = entry.kind === "pages" ? checkTable(entry, `${prefix}chunks[${i}]`) : entry.kind;
    const isListed = isPaged ? entry.kind === "pages" || !(kind in covered) : !TABLED.has(entry.kind);
    expect(isListed, `${prefix}chunks[${i}].kind`, "one that is listed here", entry.kind);
    if (!(kind in covered)) continue;
    equal(`${entry.key}.first`, entry.first, ends[kind] ?? 0);
    ends[kind] = entry.first + entry.count;
  }
  for (const [kind, total] of Object.entries(covered)) {
    const end = ends[kind] ?? 0;
    expect(end === total, `${kind} chunks`, `to cover ${total}`, end);
  }
  // What the member says is checked where words are opened.
  equal(`${prefix}words`, "words" in sizes, manifest.words !== undefined);
  for (const { kind, key, size, count, of, bytes } of chunks) {
    if (kind === "lists") equal(`${key}.size`, size, HEADER_BYTES + align(count * blockBytes(manifest)));
    const least = countBlocks(count) * blockBytes(manifest);
    if (of === "lists" && isPaged) expect(bytes! >= least, `${key}.bytes`, `at least ${least}`, bytes);
  }
  for (const [kind, bytes] of Object.entries(payloads)) {
    const got = sizes[kind] ?? 0;
    expect(got === align(bytes), `${kind} chunks`, `${align(bytes)} payload bytes`, got);
  }
}

/** What tables of pages must cover of each kind; filters are there or not. */
function coveredByTables({ numItems, hasFields, chunks }: Manifest): Partial<Record<ChunkKind, number>> {
  const hasFilters = chunks.some(({ kind }) => kind === "filters");
  return {
    lists: numItems,
    items: hasFields ? numItems : 0,
    lookup: numItems,
    "filter-pages": hasFilters ? numItems : 0,
  };
}

/** Kinds that are only where tables list pages. */
const TABLED: ReadonlySet<ChunkKind> = new Set(["pages", "filter-pages"]);

/** The kind of the pages that an entry lists, which it says itself. */
function checkTable(entry: ChunkEntry, name: string): ChunkKind {
  expect(PAGED_KINDS.includes(entry.of!), `${name}.of`, `one of ${PAGED_KINDS.join(", ")}`, entry.of);
  checkMembers(entry, { pages: [1, MAX_TABLE_PAGES], largest: [HEADER_BYTES, MAX_CHUNK_BYTES] }, `${name}.`);
  checkMembers(entry, { bytes: [entry.largest!, entry.pages! * entry.largest!] }, `${name}.`);
  if (entry.of === "lookup") checkMembers(entry, { firstId: "string" }, `${name}.`);
  return entry.of!;
}

const WHERE = "manifest";

function expect(ok: boolean, name: string, expected: unknown, got: unknown): void {
  check(ok, name, expected, got, WHERE);
}

function equal(name: string, got: unknown, expected: unknown): void {
  expect(got === expected, name, expected, got);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
