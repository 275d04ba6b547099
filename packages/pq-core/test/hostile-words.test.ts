import { describe, expect, it } from "vitest";
import { partsOf } from "../src/catalogue/rows.ts";
import { compareIds } from "../src/format/ids.ts";
import { type Artifact, FormatError } from "../src/index.ts";
import { openWords } from "../src/words/index.ts";
import { openWordPart, type WordPart } from "../src/words/part.ts";
import { createCodebook, writeArtifact, writeDelta } from "../src/write.ts";
import { chunkMap, readAll, replaceChunk, reseal, smallArtifact } from "./hostile.ts";
import { random } from "./support.ts";
import { toItemWords, type WordsOfItem } from "./word-rows.ts";

/** Terms "a" and "ab" of all 40 items, "é" of every fourth; names 100 + i and, of two items, 7. */
const wordsOf = (i: number): WordsOfItem => ({
  terms: new Map([["a", 1 + (i % 15)], ["ab", 15], ...(i % 4 === 0 ? ([["é", 3]] as const) : [])]),
  names: i < 2 ? [100 + i, 7] : [100 + i],
});
const artifact = await smallArtifact(wordsOf);
const entries = artifact.manifest.chunks;
const wordsAt = entries.findIndex(({ kind }) => kind === "words");
const postingsAt = entries.findIndex(({ kind }) => kind === "postings");

type Chunks = ReadonlyMap<string, Uint8Array>;

/** Reads all words, and looks whether what comes is what words can be. */
async function readWords(chunks: Chunks, manifestBytes: Uint8Array, verify = true): Promise<void> {
  const index = await readAll(chunks, manifestBytes, verify);
  const { base } = partsOf(index);
  const part = await openWordPart(base);
  if (part === undefined) throw new Error("no words");
  const { names } = part.vocabulary;
  const terms = Array.from({ length: part.numTerms }, (_, term) => part.termAt(term));
  expect([...part.vocabulary.all()]).toEqual(terms);
  part.vocabulary.allNamed();
  for (const [i, term] of terms.entries()) {
    if (i > 0 && compareIds(terms[i - 1]!, term) >= 0) throw new Error(`${terms[i - 1]} before ${term}`);
    if (part.find(term) !== i) throw new Error(`${term} is not found`);
  }
  const words = (await openWords(index))!;
  for (const term of [...terms, "abd", "al"])
    for (const { likeness } of words.near(term, 9, true)) if (!(likeness > 0 && likeness <= 1)) throw new Error(term);
  for (const name of new Set(names)) expectAscending(part.named(name), part);
  for (const [term, list] of (await part.postings(base.parts.cache, [...terms.keys()])).entries()) {
    const { ordinals, impacts } = list.all();
    expectAscending(ordinals, part);
    if (ordinals.length !== part.vocabulary.countOf(term)) throw new Error(`${ordinals.length} of them`);
    if (impacts.some((impact) => impact < 1 || impact > 15)) throw new Error(`impacts ${impacts}`);
    if (list.at(ordinals).some((impact, i) => impact !== impacts[i])) throw new Error("impacts differ");
  }
}

function expectAscending(ordinals: Uint32Array, { numItems }: WordPart): void {
  if (ordinals.length === 0) throw new Error("no ordinals");
  for (const [i, ordinal] of ordinals.entries())
    if (ordinal >= numItems || (i > 0 && ordinal <= ordinals[i - 1]!)) throw new Error(`ordinals ${ordinals}`);
}

it("the small artifact itself is read", async () => {
  await readWords(chunkMap(artifact), artifact.manifestBytes);
});

it("a reader of format 1.4 refuses it, since it knows neither kind", () => {
  const kinds = ["codebook", "lists", "items", "lookup", "filters", "refine", "query-tower", "delta"];
  expect(entries.filter(({ kind }) => !kinds.includes(kind)).map(({ kind }) => kind)).toEqual(["words", "postings"]);
});

describe("one altered member of the manifest, the checksum made right", () => {
  type Members = { words: Record<string, unknown>; chunks: Record<string, unknown>[] };
  const facts = (change: object) => (m: Members) => Object.assign(m.words, change);
  it.each<[string, (manifest: Members) => unknown, RegExp]>([
    ["no words member", (m) => Reflect.deleteProperty(m, "words"), /"words" expected false, got true/],
    ["no words chunk", (m) => m.chunks.splice(wordsAt, 1), /"words" expected true, got false/],
    [
      "words that are null",
      (m) => ((m as { words: unknown }).words = null),
      /"words.rules" expected an integer from 1/,
    ],
    ["words that are a number", (m) => ((m as { words: unknown }).words = 3), /"words.rules" expected an integer/],
    [
      "rules without a number",
      facts({ rules: "2" }),
      /manifest: "words.rules" expected an integer from 1 to \d+, got 2/,
    ],
    [
      "no weight",
      facts({ dense: undefined }),
      /"words" expected weights from 0 to 1000000, not both 0, got undefined, 1/,
    ],
    ["a weight below 0", facts({ words: -1 }), /"words" expected weights from 0 to 1000000, not both 0, got 1, -1/],
    ["a weight beyond all", facts({ words: 1e308 }), /"words" expected weights from 0 to 1000000, .*, got 1, 1e\+308/],
    ["weights of 0", facts({ dense: 0, words: 0 }), /"words" expected weights from 0 to 1000000, not both 0, got 0, 0/],
    ["a weight that is text", facts({ dense: "1" }), /"words" expected weights from 0/],
    ["near that is text", facts({ near: "01" }), /"words.near" expected two numbers, ascending/],
    ["near that falls", facts({ near: [1, 1] }), /"words.near" expected two numbers, ascending/],
    ["no postings", (m) => m.chunks.splice(postingsAt, 1), /"postings chunks" expected to cover 3 terms, got 0/],
    [
      "another first",
      (m) => (m.chunks[postingsAt]!["first"] = 1),
      /postings-0000-.*first" expected 0 of 3 terms, got 3/,
    ],
    ["fewer terms", (m) => (m.chunks[postingsAt]!["count"] = 2), /postings-0000-.*size" expected \d+, got \d+/],
    ["more terms", (m) => (m.chunks[postingsAt]!["count"] = 4), /postings-0000-.*first" expected 0 of 3 terms, got 4/],
  ])("%s", async (_, change, message) => {
    const edited = reseal(artifact.manifestBytes, (manifest) => void change(manifest as unknown as Members));
    const reading = readWords(chunkMap(artifact), edited);
    await expect(reading).rejects.toThrow(FormatError);
    await expect(reading).rejects.toThrow(message);
  });
});

describe("altered payloads, the hash made right", () => {
  /** A byte, or a number of four where it is larger. */
  const edited = (at: number, place: number, value: number): Uint8Array => {
    const bytes = artifact.chunks[at]!.bytes.slice();
    if (value > 255) new DataView(bytes.buffer).setUint32(32 + place, value, true);
    else bytes[32 + place] = value;
    return bytes;
  };
  // Words payload: lengths at 0, blocks at 32 (0, 10), places at 48 (0, 90), no large ones, 42 names at 64, in order
  // 7, 7, 100 …, their ordinals at 240, buckets at 416 (0, 3), counts at 432 (40 40 10), sizes at 448 (40 40 10),
  // 3-grams at 464 (1 2 1), terms at 480: "a" (0 1 a), "ab" at 483 (1 1 b), "é" at 486 (0 2 c3 a9), and lists at 496
  // (0 0 0).
  it.each<[string, number, number, number, RegExp]>([
    ["more terms", wordsAt, 0, 4, /words: .*(expected|got)/],
    ["fewer terms", wordsAt, 0, 2, /words: /],
    ["terms without end", wordsAt, 0, 0xffff_ffff, /words: "blocks" expected \d+ bytes/],
    ["terms beyond the payload", wordsAt, 4, 0xffff_ffff, /words: "terms" expected 4294967295 bytes/],
    ["fewer letters", wordsAt, 4, 9, /words: "blocks" expected to end at 9, got 10/],
    ["large ones there are not", wordsAt, 8, 0x7fff_ffff, /words: "large terms" expected \d+ bytes/],
    ["more names", wordsAt, 12, 45, /words: /],
    ["names beyond the payload", wordsAt, 12, 0xffff_ffff, /words: "names" expected \d+ bytes/],
    ["fewer names", wordsAt, 12, 8, /words: /],
    ["buckets that are no power of two", wordsAt, 16, 3, /words: "buckets" expected a power of two, got 3/],
    ["no buckets", wordsAt, 16, 0, /words: /],
    ["fewer bytes of lists", wordsAt, 20, 2, /words: "buckets" expected to end at 2, got 3/],
    [
      "a block that begins later",
      wordsAt,
      32,
      3,
      /words: "terms\[0\]" expected a term within its bytes, got 1 after 1/,
    ],
    ["a block beyond the terms", wordsAt, 32, 0xffff_ff00, /words: "terms\[0\]" expected a term within its bytes/],
    ["places that are not the sum of sizes", wordsAt, 48, 1, /words: "places\[1\]" expected 91, got 90/],
    ["names out of order", wordsAt, 72, 6, /words: "names\[\d\]" expected in order/],
    ["a name of an item there is not", wordsAt, 240, 40, /words: "names\[0\]" expected in order, of items below 40/],
    ["a name twice of an item", wordsAt, 244, 0, /words: "names\[1\]" expected in order/],
    ["lists that overlap", wordsAt, 416, 4, /words: "grams\[0\]" expected terms in order, within their bytes/],
    ["no item", wordsAt, 433, 0, /words: "terms\[1\]" expected from 1 to 40 items, got 0/],
    ["more items than there are", wordsAt, 433, 41, /words: "terms\[1\]" expected from 1 to 40 items, got 41/],
    [
      "more items than there are postings",
      wordsAt,
      434,
      11,
      /words: "terms\[2\]" expected postings of 11 bytes or more, got 10/,
    ],
    ["a large count that is nowhere", wordsAt, 433, 255, /words: "terms\[1\]" expected its large count and size/],
    ["fewer bytes than postings take", wordsAt, 449, 39, /words: "places\[1\]" expected 89, got 90/],
    ["a large size that is nowhere", wordsAt, 449, 255, /words: "terms\[1\]" expected its large count and size/],
    ["other 3-grams", wordsAt, 465, 3, /words: "terms\[1\]" expected 2 3-grams, got 3/],
    ["a first term that shares", wordsAt, 480, 1, /words: "terms\[0\]" expected a term within its bytes/],
    ["an empty term", wordsAt, 481, 0, /words: "terms\[0\]" expected a term within its bytes, got 0 after 0/],
    ["a term of 200 bytes", wordsAt, 481, 200, /words: "terms\[0\]" expected a term within its bytes/],
    ["terms out of order", wordsAt, 488, 0x41, /words: "terms\[2\]" expected terms in order, got 65/],
    ["a term twice", wordsAt, 483, 0, /words: "terms/],
    ["more shared than there is", wordsAt, 483, 2, /words: "terms\[1\]" expected a term within its bytes/],
    ["a term that begins within a letter", wordsAt, 488, 0xa9, /words: "terms\[2\]" is not UTF-8/],
    ["a term that ends within a letter", wordsAt, 489, 0x61, /words: "terms\[2\]" is not UTF-8/],
    ["a list of terms there are not", wordsAt, 498, 1, /words: "grams\[0\]" expected terms in order/],
    ["a list without end", wordsAt, 498, 128, /words: "grams\[0\]" expected terms in order/],
    ["an ordinal beyond the items", postingsAt, 0, 15, /chunk postings-.*expected ordinals below 40, got 40/],
    ["a number without end", postingsAt, 38, 128, /chunk postings-.*expected ordinals below 40, got \d+/],
    ["fewer numbers than bytes", postingsAt, 20, 128, /chunk postings-.*postings: expected/],
  ])("%s", async (_, at, place, value, message) => {
    const { chunks, manifestBytes } = replaceChunk(artifact, at, edited(at, place, value));
    const reading = readWords(chunks, manifestBytes);
    await expect(reading).rejects.toThrow(FormatError);
    await expect(reading).rejects.toThrow(message);
  });
});

it("rejects every flip of a single byte and every truncation of both chunks", async () => {
  for (const { key, bytes } of artifact.chunks.slice(wordsAt)) {
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1 << (at % 8);
      for (const bad of [flipped, bytes.subarray(0, at)]) {
        const reading = readWords(chunkMap(artifact).set(key, bad), artifact.manifestBytes);
        await expect(reading).rejects.toThrow(FormatError);
      }
    }
  }
});

describe("beside the base", () => {
  it.each<[string, (own: Record<string, unknown>[]) => void, RegExp]>([
    [
      "no words",
      (own) => own.splice(own.findIndex(({ kind, delta }) => kind === "words" && delta === true)),
      /"delta words" expected true/,
    ],
    ["postings without terms", (own) => own.pop(), /words: "postings chunks" expected to cover 1 terms, got 0/],
  ])("%s", async (_, change, message) => {
    const index = await readAll(chunkMap(artifact), artifact.manifestBytes, true);
    const words = toItemWords([{ terms: new Map([["new", 5]]), names: [] }]);
    const items = { assignments: new Uint32Array(1), codes: new Uint8Array(2), ids: ["new"], fields: [{}], words };
    const columns = { facets: { parity: [[]], rare: [[]] }, numbers: { rank: [1] } };
    const delta = await writeDelta(index, { items: { ...items, ...columns } });
    const chunks = new Map([...chunkMap(artifact), ...chunkMap(delta)]);
    const open = async (manifestBytes: Uint8Array) => {
      const { delta: beside } = partsOf(await readAll(chunks, manifestBytes, true));
      return openWordPart(beside!);
    };
    expect((await open(delta.manifestBytes))!.find("new")).toBe(0);
    const edited = reseal(delta.manifestBytes, (manifest) => change(manifest["chunks"] as Record<string, unknown>[]));
    await expect(open(edited)).rejects.toThrow(FormatError);
    await expect(open(edited)).rejects.toThrow(message);
  });
});

/** 300 items, so that a list has skip entries and a large count. */
async function longLists(): Promise<Artifact> {
  const shape = { dim: 1, metric: "innerProduct", nlist: 0, numSubQuantizers: 1, nbits: 4, byResidual: false } as const;
  const codebook = createCodebook({ ...shape, centroids: Float32Array.from({ length: 16 }, (_, i) => i) });
  const items = Array.from({ length: 300 }, (_, i) => ({
    terms: new Map([["all", 1 + (i % 15)], ...(i % 100 === 0 ? ([["few", 2]] as const) : [])]),
    names: i % 9 === 0 ? [5, i] : [],
  }));
  return writeArtifact({
    codebook,
    assignments: new Uint32Array(300),
    codes: new Uint8Array(300),
    ids: Uint32Array.from({ length: 300 }, (_, i) => i),
    words: toItemWords(items),
    wordFacts: { rules: 2, dense: 1, words: 1 },
  });
}

it("every byte altered seven ways: words that can be, or a FormatError", { timeout: 600_000 }, async () => {
  const outcomes = { read: 0, refused: 0 };
  const next = random(2029);
  for (const whole of [artifact, await longLists()]) {
    for (const { key, bytes } of whole.chunks.filter(({ key }) => /^(words|postings)/.test(key))) {
      for (let at = 32; at < bytes.length; at++) {
        const own = bytes[at]!;
        for (const value of [0, 1, 127, 128, 255, own ^ 1, Math.floor(next() * 256)]) {
          if (value === own) continue;
          const altered = bytes.slice();
          altered[at] = value;
          // Without the hashes, so that the alteration reaches the checks behind them.
          await readWords(chunkMap(whole).set(key, altered), whole.manifestBytes, false)
            .then(() => outcomes.read++)
            .catch((error: unknown) => {
              if (!(error instanceof FormatError)) throw new Error(`${key} ${at}: ${value}`, { cause: error });
              outcomes.refused++;
            });
        }
      }
    }
  }
  expect(outcomes.read).toBeGreaterThan(100);
  expect(outcomes.refused).toBeGreaterThan(1000);
});
