/** An index of pages in tables, damaged and altered in every way: a FormatError that names what is at fault. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { chunkKey, PAGED_KINDS, type PagedKind } from "../src/format/chunk.ts";
import { readFilterDirectory, readFilterPage } from "../src/format/filter-pages.ts";
import { readFieldPage } from "../src/format/item-pages.ts";
import { readListsPage } from "../src/format/lists-page.ts";
import { readLookupPage } from "../src/format/lookup-pages.ts";
import { FormatError, listChunks } from "../src/index.ts";
import { chunkMap, fuzz, MissingChunk, mutate, readAll, replaceChunk, reseal, smallArtifact } from "./hostile.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource } from "./support.ts";

const artifact = await smallArtifact(undefined, { cellsPerPage: 1, itemChunkBytes: 1024 });
const { manifest, manifestBytes } = artifact;
const byKey = chunkMap(artifact);
const listed = await listChunks(manifest, memorySource(artifact.chunks));
const pagesOf = (kind: PagedKind) => listed.filter((entry) => entry.kind === kind);
const tableAt = (of: PagedKind): number => manifest.chunks.findIndex((entry) => entry.of === of);
const filtersAt = manifest.chunks.findIndex(({ kind }) => kind === "filters");
const simd = kernelModule("kernel.wasm");

type Edit = (view: DataView, bytes: Uint8Array) => void;

function edited(key: string, edit: Edit): Uint8Array {
  const bytes = byKey.get(key)!.slice();
  edit(new DataView(bytes.buffer), bytes);
  return bytes;
}

/** A chunk of the manifest altered, its hash made right. */
function withChunk(at: number, edit: Edit) {
  return replaceChunk(artifact, at, edited(manifest.chunks[at]!.key, edit));
}

/** A page altered or replaced, with the table that lists it and the entry of that made right. */
function withPage(kind: PagedKind, page: number, edit: Edit | Uint8Array) {
  const before = pagesOf(kind);
  const bytes = edit instanceof Uint8Array ? edit : edited(before[page]!.key, edit);
  const hash = createHash("sha256").update(bytes).digest();
  const at = tableAt(kind);
  const P = before.length;
  const sizesAt = 32 + Math.ceil((4 * P) / 16) * 16;
  const table = edited(manifest.chunks[at]!.key, (view, own) => {
    view.setUint32(sizesAt + 4 * page, bytes.length, true);
    own.set(hash, 2 * sizesAt - 32 + 32 * page);
  });
  const { chunks, manifestBytes } = replaceChunk(artifact, at, table);
  chunks.set(chunkKey(kind, page, hash.toString("hex")), bytes);
  const sizes = before.map(({ size }, i) => (i === page ? bytes.length : size));
  const facts = { bytes: sizes.reduce((sum, size) => sum + size, 0), largest: Math.max(...sizes) };
  return { chunks, manifestBytes: reseal(manifestBytes, (m) => Object.assign((m["chunks"] as object[])[at]!, facts)) };
}

async function expectRefused(
  { chunks, manifestBytes }: { chunks: ReadonlyMap<string, Uint8Array>; manifestBytes: Uint8Array },
  message: RegExp,
): Promise<void> {
  for (const kernel of [undefined, simd]) {
    const reading = readAll(chunks, manifestBytes, true, kernel);
    await expect(reading).rejects.toThrow(FormatError);
    await expect(reading).rejects.toThrow(message);
  }
}

it("the small artifact itself is read, and has two pages of nearly every kind", async () => {
  await expect(readAll(byKey, manifestBytes, true)).resolves.toBeDefined();
  const kinds = ["lists", "items", "lookup", "filter-pages"] as const;
  expect(kinds.map((kind) => pagesOf(kind).length)).toEqual([2, 1, 1, 1]);
});

describe("one altered member of a table's entry, the checksum made right", () => {
  const set = (of: PagedKind, members: object) => (m: Record<string, unknown>) =>
    Object.assign((m["chunks"] as object[])[tableAt(of)]!, members);
  it.each<[string, (manifest: Record<string, unknown>) => unknown, RegExp]>([
    [
      "of",
      set("items", { of: "postings" }),
      /"chunks\[\d\].of" expected one of lists, items, lookup, filter-pages, got/,
    ],
    ["of, another kind", set("items", { of: "lists" }), /"pages-\S+.first" expected 40, got 0/],
    ["of, none", set("lists", { of: undefined }), /"chunks\[\d\].of" expected one of/],
    ["pages", set("lists", { pages: 0 }), /"chunks\[\d\].pages" expected an integer from 1 to 2048, got 0/],
    ["pages, many", set("lists", { pages: 2049 }), /"chunks\[\d\].pages" expected an integer from 1 to 2048, got 2049/],
    ["pages, more", set("lists", { pages: 3 }), /chunk pages-0000-\S+: /],
    ["bytes", set("lists", { bytes: "1" }), /"chunks\[\d\].bytes" expected an integer from \d+ to \d+, got 1/],
    ["bytes, fewer than the largest has", set("lists", { bytes: 32 }), /"chunks\[\d\].bytes" expected an integer/],
    ["bytes, more than all can have", set("items", { bytes: 1e12 }), /"chunks\[\d\].bytes" expected an integer/],
    ["bytes, one more", set("lookup", { bytes: 1e3, largest: 2e3 }), /"chunks\[\d\].bytes" expected an integer/],
    ["largest", set("lists", { largest: 9e6 }), /"chunks\[\d\].largest" expected an integer from 32 to 8388608, got/],
    ["largest, none", set("lists", { largest: null }), /"chunks\[\d\].largest" expected an integer from 32/],
    ["first", set("items", { first: 1 }), /"pages-\S+.first" expected 0, got 1/],
    ["count", set("lists", { count: 39 }), /"lists chunks" expected to cover 40, got 39/],
    ["firstId", set("lookup", { firstId: 7 }), /"chunks\[\d\].firstId" expected a string, got 7/],
    ["size", set("lists", { size: 16 }), /"chunks\[\d\].size" expected an integer from 32 to 8388608, got 16/],
    [
      "key",
      set("lists", { key: "pages-0009-0000000000000000.bin" }),
      /"chunks\[\d\].key" expected pages-0000-\S+, got/,
    ],
    [
      "more items than the pages of lists have bytes for",
      (m) => {
        m["numItems"] = 4_000_000_000;
        for (const entry of m["chunks"] as Record<string, unknown>[])
          if (entry["kind"] === "pages") entry["count"] = 4_000_000_000;
      },
      /"pages-0000-\S+.bytes" expected at least 2\d{10}, got/,
    ],
    ["a table left out", (m) => (m["chunks"] as unknown[]).splice(tableAt("lists"), 1), /expected pages-0000-\S+, got/],
    ["no filters", (m) => (m["chunks"] as unknown[]).splice(filtersAt, 1), /"filter-pages chunks" expected to cover 0/],
    ["no fields", (m) => (m["hasFields"] = false), /"items chunks" expected to cover 0, got 40/],
    ["cellsPerPage 0", (m) => (m["cellsPerPage"] = 0), /"cellsPerPage" expected an integer from 1 to 16777216, got 0/],
    ["cellsPerPage −1", (m) => (m["cellsPerPage"] = -1), /"cellsPerPage" expected an integer from 1 .*, got -1/],
    [
      "cellsPerPage huge",
      (m) => (m["cellsPerPage"] = 2 ** 32),
      /"cellsPerPage" expected an integer from 1 to 16777216/,
    ],
    ["cellsPerPage, a part", (m) => (m["cellsPerPage"] = 1.5), /"cellsPerPage" expected an integer from 1 .*, got 1.5/],
    ["cellsPerPage null", (m) => (m["cellsPerPage"] = null), /"cellsPerPage" expected an integer from 1/],
    ["version 1", (m) => (m["formatVersion"] = 1), /"formatVersion" expected 2, got 1/],
    ["no cellsPerPage", (m) => Reflect.deleteProperty(m, "cellsPerPage"), /"formatVersion" expected 1, got 2/],
    [
      "version 1 with tables",
      (m) => {
        Reflect.deleteProperty(m, "cellsPerPage");
        m["formatVersion"] = 1;
      },
      /"chunks\[\d\].kind" expected one that is listed here, got pages/,
    ],
    [
      "version 1 with filter pages",
      (m) => {
        Reflect.deleteProperty(m, "cellsPerPage");
        m["formatVersion"] = 1;
        const [page] = pagesOf("filter-pages");
        m["chunks"] = [manifest.chunks[0], page];
      },
      /"chunks\[1\].kind" expected one that is listed here, got filter-pages/,
    ],
    ...PAGED_KINDS.map((kind): [string, (m: Record<string, unknown>) => unknown, RegExp] => [
      `version 2 that lists ${kind}`,
      (m) => (m["chunks"] as unknown[]).push({ ...pagesOf(kind)[0], ...(kind === "lookup" && { firstId: "a" }) }),
      new RegExp(`"chunks\\[\\d+\\].kind" expected one that is listed here, got ${kind}`),
    ]),
    [
      "a table beside the base",
      (m) =>
        Object.assign(m, {
          delta: { baseItems: 40, removed: 0, numItems: 0 },
          chunks: [...manifest.chunks, { ...manifest.chunks[tableAt("lists")], delta: true }],
        }),
      /"delta chunks\[0\].kind" expected one that is listed here, got pages/,
    ],
  ])("%s", async (_, change, message) => {
    await expectRefused({ chunks: byKey, manifestBytes: reseal(manifestBytes, change) }, message);
  });

  it("a run of more cells than there are is one run", async () => {
    const bytes = reseal(manifestBytes, (m) => (m["cellsPerPage"] = 1 << 24));
    const index = await openWhole(memorySource(artifact.chunks), bytes);
    const { ordinals } = await index.search(new Float32Array(4).fill(1), { k: 50, nprobe: 1 });
    expect(ordinals.length).toBe(40);
  });
});

describe("altered tables, the hash made right", () => {
  // payload of two pages: counts (8 → 16), sizes (8 → 16), hashes; of one page the same
  const word =
    (at: number, value: number): Edit =>
    (view) =>
      view.setUint32(32 + at, value, true);
  const [one, two] = pagesOf("lists").map(({ count }) => count) as [number, number];
  it.each<[string, PagedKind, Edit, RegExp]>([
    ["a page of nothing", "lists", word(0, 0), /chunk pages-0000-\S+: "counts\[0\]" expected at least 1, got 0/],
    ["counts that sum to less", "lists", word(0, 1), /chunk pages-0000-\S+: "counts" expected 40 in all, got/],
    ["counts beyond all numbers", "lists", word(0, 0xffff_ffff), /"counts" expected 40 in all, got 4294967\d+/],
    ["a size below a header", "lists", word(16, 16), /chunk pages-0000-\S+: "sizes\[0\]" expected to \d+, got 16/],
    ["a size above the largest", "lists", word(20, 1 << 20), /"sizes\[1\]" expected to \d+, got 1048576/],
    ["sizes that sum to less", "lists", word(16, 48), /"sizes" expected \d+ in all, got \d+/],
    ["another hash", "lists", word(32, 5), /no chunk|MissingChunk|lists-0000/],
    [
      "pages in another order",
      "lists",
      (view) => {
        view.setUint32(32, two, true);
        view.setUint32(36, one, true);
      },
      /chunk lists-000[01]-\S+: "count" expected \d+, got \d+/,
    ],
    ["fewer pages than are said", "lists", (view) => view.setUint32(20, 80, true), /payload length, aligned/],
    ["first ids beyond the bytes", "lookup", word(64 + 4, 9999), /chunk pages-\S+: "ids bytes" expected 9999/],
    ["a fields page of fewer items", "items", word(0, 39), /chunk pages-\S+: "counts" expected 40 in all, got 39/],
    ["a filter page of more", "filter-pages", word(0, 41), /chunk pages-\S+: "counts" expected 40 in all, got 41/],
  ])("%s", async (name, of, edit, message) => {
    const damaged = withChunk(tableAt(of), edit);
    if (name !== "another hash") return expectRefused(damaged, message);
    await expect(readAll(damaged.chunks, damaged.manifestBytes, true)).rejects.toThrow(MissingChunk);
  });

  it("cut and longer ones", async () => {
    for (const of of PAGED_KINDS) {
      const bytes = byKey.get(manifest.chunks[tableAt(of)]!.key)!;
      const length = new DataView(bytes.buffer).getUint32(20, true);
      for (const [size, payload] of [
        [bytes.length - 16, Math.ceil(length / 16) * 16 - 16],
        [bytes.length + 16, length + 16],
        [32, 0],
      ] as const) {
        const other = new Uint8Array(size);
        other.set(bytes.subarray(0, size));
        new DataView(other.buffer).setUint32(20, payload, true);
        await expectRefused(replaceChunk(artifact, tableAt(of), other), /chunk pages-000\d-\S+: /);
      }
    }
  });
});

describe("altered pages, the hashes made right", () => {
  const word =
    (at: number, value: number): Edit =>
    (view) =>
      view.setUint32(32 + at, value, true);
  const count = pagesOf("lists")[0]!.count;
  const blockBytes = 2 * 16 + 16 + 128;
  const idsAt = Math.ceil(count / 32) * blockBytes;
  const header: [string, Edit, RegExp][] = [
    ["magic", (view) => view.setUint8(0, 0x51), /"magic" expected/],
    ["format version", (view) => view.setUint16(4, 2, true), /"format version" expected 1, got 2/],
    ["kind", (view) => view.setUint16(6, 1, true), /"kind" expected \d+, got 1/],
    ["seq", (view) => view.setUint32(8, 7, true), /"seq" expected 0, got 7/],
    ["first", (view) => view.setUint32(12, 9, true), /"first" expected 0, got 9/],
    ["count", (view) => view.setUint32(16, 999, true), /"count" expected \d+, got 999/],
    ["payload length", (view) => view.setUint32(20, 0xffff_fff0, true), /"payload length, aligned" expected \d+/],
    ["reserved", (view) => view.setUint32(28, 1, true), /"reserved" expected 0, got 1/],
  ];
  it.each(PAGED_KINDS.flatMap((kind) => header.map(([field, edit, message]) => [kind, field, edit, message] as const)))(
    "%s: %s of the header",
    async (kind, _, edit, message) => {
      await expectRefused(withPage(kind, 0, edit), message);
      await expectRefused(withPage(kind, 0, edit), new RegExp(`chunk ${kind}-0000-`));
    },
  );

  // filter page: parity has 2 values: 1 → 16, numbers 8 → 16, counts 8 → 16, two bitmaps or lists
  it.each<[string, PagedKind, Edit, RegExp]>([
    [
      "ids that are not where they are said",
      "lists",
      word(idsAt + 4, 9999),
      /chunk lists-0000-\S+: "ids offsets\[1\]"/,
    ],
    [
      "ids that do not begin at 0",
      "lists",
      word(idsAt, 1),
      /chunk lists-0000-\S+: "ids offsets\[0\]" expected from 0 to 0/,
    ],
    ["ids longer than the page", "lists", word(idsAt + 4 * count, 1 << 30), /chunk lists-0000-\S+: "ids bytes"/],
    ["fields that are not where they are said", "items", word(4, 9999), /chunk items-0000-\S+: "fields offsets\[1\]"/],
    [
      "fields that are no JSON",
      "items",
      (view) => view.setUint8(32 + 176, 0x5b),
      /chunk items-0000-\S+: "fields\[0\]" is not (a )?JSON/,
    ],
    [
      "a look-up ordinal beyond the items",
      "lookup",
      word(0, 40),
      /chunk lookup-0000-\S+: "ordinals\[0\]" expected below 40/,
    ],
    [
      "more values than there are",
      "filter-pages",
      word(0, 0xffff_ffff),
      /chunk filter-pages-0000-\S+: "parity numbers"/,
    ],
    ["values of no number", "filter-pages", word(16, 9), /chunk filter-pages-0000-\S+: "parity numbers\[0\]" expected/],
    [
      "values in another order",
      "filter-pages",
      word(20, 0),
      /"parity numbers\[1\]" expected ascending and below 2, got 0/,
    ],
    ["counts beyond the page", "filter-pages", word(32, 1), /chunk filter-pages-0000-/],
  ])("%s", async (_, kind, edit, message) => {
    await expectRefused(withPage(kind, 0, edit), message);
  });

  it("cut and longer ones", async () => {
    for (const kind of PAGED_KINDS) {
      const bytes = byKey.get(pagesOf(kind)[0]!.key)!;
      const length = new DataView(bytes.buffer).getUint32(20, true);
      for (const [size, payload] of [
        [bytes.length - 16, Math.ceil(length / 16) * 16 - 16],
        [bytes.length + 16, length + 16],
        [32, 0],
      ] as const) {
        const other = new Uint8Array(size);
        other.set(bytes.subarray(0, size));
        new DataView(other.buffer).setUint32(20, payload, true);
        await expectRefused(withPage(kind, 0, other), new RegExp(`chunk ${kind}-0000-\\S+: `));
      }
    }
  });
});

describe("altered filters, the hash made right", () => {
  const directory = manifest.chunks[filtersAt]!.key;
  const text = new TextDecoder("latin1").decode(byKey.get(directory)!);
  const json = (from: string, to: string): Edit => {
    expect(from.length).toBe(to.length);
    return (_, bytes) => bytes.set(new TextEncoder().encode(to), text.indexOf(from));
  };
  const word =
    (at: number, value: number): Edit =>
    (view) =>
      view.setUint32(32 + at, value, true);
  it.each<[string, Edit, RegExp]>([
    ["a directory longer than the filters", word(0, 9999), /filters: "directory" expected 9999 bytes/],
    ["no pages", word(4, 0), /filters: "filter pages" expected 1, got 0/],
    ["pages beyond all memory", word(4, 0xffff_ffff), /filters: "filter pages" expected 1, got 4294967295/],
    ["no JSON", word(16, 0), /filters: "directory" expected JSON/],
    ["no count of pages", json('["even",20,1]', '["even",20  ]'), /filters: "directory" expected JSON/],
    ["more items than there are", json('"even",20', '"even",41'), /filters: "parity=even" counts more than there are/],
    ["more pages than there are", json('"even",20,1', '"even",20,9'), /filters: "parity=even" counts more than there/],
    ["one value fewer", json('["odd",20,1]', '["odd",20,0]'), /filters/],
  ])("%s", async (_, edit, message) => {
    await expectRefused(withChunk(filtersAt, edit), message);
  });
});

it("rejects every flip of a single byte and every truncation of every chunk", async () => {
  const bytesOf = artifact.chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  expect(bytesOf).toBeLessThan(16_000);
  for (const { key, bytes } of artifact.chunks) {
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1 << (at % 8);
      for (const bad of [flipped, bytes.subarray(0, at)]) {
        const chunks = new Map(byKey).set(key, bad);
        const outcome = await readAll(chunks, manifestBytes, true).catch((error: unknown) => error);
        expect(outcome).toBeInstanceOf(FormatError);
        expect((outcome as Error).message).toContain(key);
      }
    }
  }
});

/** Mutations of each fuzz run; FUZZ=1000000 for longer ones. */
const FUZZ = Number(process.env["FUZZ"] ?? 100_000);

it(`the readers of pages survive ${FUZZ} mutated payloads`, { timeout: 600_000 }, async () => {
  const { codebook } = await openWhole(memorySource(artifact.chunks), manifestBytes);
  const payloadOf = (key: string): Uint8Array => {
    const bytes = byKey.get(key)!;
    return bytes.subarray(32, 32 + new DataView(bytes.buffer).getUint32(20, true));
  };
  const directory = readFilterDirectory(payloadOf(manifest.chunks[filtersAt]!.key), 40, 1);
  const pages = [manifest.chunks[filtersAt]!, ...PAGED_KINDS.flatMap(pagesOf)];
  await fuzz(FUZZ, 2028, (int) => {
    const entry = pages[int(pages.length)]!;
    const { kind, first, count } = entry;
    const payload = mutate(payloadOf(entry.key).slice(), int);
    if (kind === "filters") readFilterDirectory(payload, 40, 1);
    else if (kind === "filter-pages") readFilterPage(kind, payload, directory, first, count);
    else if (kind === "lists") {
      const { id } = readListsPage({ entry, seq: 0 }, payload, codebook, { idType: "string" });
      for (let i = 0; i < count; i += 7) id!(i);
    } else if (kind === "items") for (let i = 0; i < count; i += 13) readFieldPage(kind, payload, count)(i);
    else readLookupPage(kind, payload, count, "string", 40).find("id17");
  });
});

it(`whole artifacts survive ${FUZZ / 20} mutations: an answer or a FormatError, nothing else`, {
  timeout: 600_000,
}, async () => {
  await fuzz(FUZZ / 20, 2029, async (int, run) => {
    const at = int(artifact.chunks.length + 1);
    const isManifest = at === artifact.chunks.length;
    const bytes = mutate((isManifest ? manifestBytes : artifact.chunks[at]!.bytes).slice(), int);
    const chunks = new Map(byKey);
    if (!isManifest) chunks.set(artifact.chunks[at]!.key, bytes);
    try {
      // without the hashes, so that the mutation reaches the checks behind them
      await readAll(chunks, isManifest ? bytes : manifestBytes, false, run % 8 === 0 ? simd : undefined);
    } catch (error) {
      // an altered table names pages that there are not
      if (!(error instanceof MissingChunk)) throw error;
    }
  });
});
