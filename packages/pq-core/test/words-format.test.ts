import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { partsOf, readRows } from "../src/catalogue/rows.ts";
import { compareIds } from "../src/format/ids.ts";
import { Vocabulary } from "../src/format/vocabulary.ts";
import type { Index } from "../src/index.ts";
import { type ItemWords, openWords, type WordFacts } from "../src/words/index.ts";
import { openWordPart } from "../src/words/part.ts";
import { withWordFacts, writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { memorySource, random, randomCodebook, randomCodes } from "./support.ts";
import { fromItemWords, randomWords, TERMS, toItemWords, type WordsOfItem } from "./word-rows.ts";

const FACTS: WordFacts = { rules: 2, dense: 1, words: 0.5, near: [0.1, 0.6] };
const codebook = randomCodebook({ dim: 4, M: 2, nbits: 4, nlist: 3 }, 3);

const cases = fc.record({
  // around a run of postings
  n: fc.constantFrom(0, 1, 2, 127, 128, 129, 256, 257, 700),
  seed: fc.nat(),
  itemChunkBytes: fc.constantFrom(1024, undefined),
});

async function write(items: readonly WordsOfItem[], seed: number, itemChunkBytes?: number) {
  const ids = Uint32Array.from(items, (_, i) => (i * 7919) % 100_003);
  const input = { codebook, ...randomCodes(codebook, items.length, seed), ids, itemChunkBytes };
  return { ids, artifact: await writeArtifact({ ...input, words: toItemWords(items, seed), wordFacts: FACTS }) };
}

async function open(items: readonly WordsOfItem[], seed: number, itemChunkBytes?: number) {
  const { ids, artifact } = await write(items, seed, itemChunkBytes);
  const source = memorySource(artifact.chunks);
  const index = await openWhole(source, artifact.manifestBytes, { cacheBytes: 4096 });
  const { base } = partsOf(index);
  const part = (await openWordPart(base))!;
  // The items as the index orders them.
  const position = new Map(Array.from(ids, (id, i) => [id, i]));
  const ordinals = Array.from(items, (_, ordinal) => ordinal);
  const inOrder = (await index.items(ordinals)).map(({ id }) => items[position.get(id as number)!]!);
  return { index, part, cache: base.parts.cache, inOrder, source, artifact };
}
type Opened = Awaited<ReturnType<typeof open>>;

/** Brute force: which items have a term. */
function postingsOf(items: readonly WordsOfItem[], term: string): { ordinals: number[]; impacts: number[] } {
  const having = items.flatMap((item, ordinal) => (item.terms.has(term) ? [ordinal] : []));
  return { ordinals: having, impacts: having.map((ordinal) => items[ordinal]!.terms.get(term)!) };
}

async function expectPart({ part, inOrder: items, cache }: Opened, next: () => number): Promise<void> {
  const terms = [...new Set(items.flatMap((item) => [...item.terms.keys()]))].sort(compareIds);
  expect(Array.from({ length: part.numTerms }, (_, term) => part.termAt(term))).toEqual(terms);
  for (const term of ["", "zz", ...TERMS]) expect(part.find(term)).toBe(terms.indexOf(term));
  for (const prefix of ["", "a", "ab", "é", "日", "😀", "zz", "\u{10ffff}"]) {
    const { from, to } = part.range(prefix);
    expect(terms.slice(from, to)).toEqual(terms.filter((term) => term.startsWith(prefix)));
  }
  const lists = await part.postings(cache, Uint32Array.from(terms.keys()));
  const ordinals = new Uint32Array(items.length);
  const impacts = new Uint8Array(items.length);
  for (const [number, list] of lists.entries()) {
    const expected = postingsOf(items, terms[number]!);
    expect(list.count).toBe(expected.ordinals.length);
    expect(part.vocabulary.countOf(number)).toBe(list.count);
    const all = list.all();
    expect({ ordinals: [...all.ordinals], impacts: [...all.impacts] }).toEqual(expected);
    list.decode(ordinals, impacts);
    expect([...ordinals.subarray(0, list.count)]).toEqual(expected.ordinals);
    // Some ordinals, whatever lies between: few, half of them, all.
    for (const share of [0.01, 0.5, 1]) {
      const wanted = Uint32Array.from([...items.keys()].filter(() => next() < share));
      const found = Array.from(wanted, (ordinal) => items[ordinal]!.terms.get(terms[number]!) ?? 0);
      expect([...list.at(wanted)]).toEqual(found);
    }
  }
  for (const hash of [0, 1, 7, 8, 0xffff_ffff])
    expect([...part.named(hash)]).toEqual([...items.keys()].filter((ordinal) => items[ordinal]!.names.includes(hash)));
}

describe("words of an artifact", () => {
  it("are read as brute force inverts them, whatever the pages and the cache", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ n, seed, itemChunkBytes }) => {
        const opened = await open(randomWords(n, seed), seed, itemChunkBytes);
        const { index, artifact } = opened;
        await expectPart(opened, random(seed));
        expect(index.manifest.words).toEqual(FACTS);
        const pages = artifact.manifest.chunks.filter(({ kind }) => kind === "postings");
        if (n === 700 && itemChunkBytes !== undefined) expect(pages.length).toBeGreaterThan(2);
      }),
      { seed: 20261128, numRuns: 40 },
    );
  });

  it("count their postings without reading a term", async () => {
    const { index, inOrder } = await open(randomWords(700, 9), 9, 1024);
    const words = (await openWords(index))!;
    const [all, read] = (["all", "termAt"] as const).map((name) => vi.spyOn(Vocabulary.prototype, name));
    expect(words.numPostings).toBe(inOrder.reduce((sum, { terms }) => sum + terms.size, 0));
    expect([all!.mock.calls.length, read!.mock.calls.length]).toEqual([0, 0]);
    vi.restoreAllMocks();
  });

  it("come back as rows, in any order, and leave nothing of items that are left out", async () => {
    const { index, inOrder } = await open(randomWords(300, 5), 5, 1024);
    const next = random(6);
    const ordinals = Uint32Array.from([...inOrder.keys()].filter(() => next() < 0.5)).sort(() => next() - 0.5);
    const { words } = await readRows(partsOf(index).base, ordinals);
    const wanted = fromItemWords(toItemWords(Array.from(ordinals, (ordinal) => inOrder[ordinal]!)));
    expect(fromItemWords(words!)).toEqual(wanted);
  });

  it("do not depend on the order of terms, on terms that no item has, or on names that come twice", async () => {
    const items = randomWords(50, 7);
    const { artifact } = await write(items, 1);
    const words = toItemWords(
      items.map((item) => ({ ...item, names: [...item.names, ...item.names] })),
      99,
    );
    const more = { ...words, terms: [...words.terms, "no item has it"] };
    const ids = Uint32Array.from(items, (_, i) => (i * 7919) % 100_003);
    const input = { codebook, ...randomCodes(codebook, 50, 1), ids };
    expect((await writeArtifact({ ...input, words: more, wordFacts: FACTS })).version).toBe(artifact.version);
  });

  it("read each page once, and only those that are asked for", async () => {
    const { part, cache, source } = await open(randomWords(700, 8), 8, 1024);
    source.fetched.length = 0;
    const terms = [part.find("a"), part.find("b"), part.find("日")];
    await part.postings(cache, [...terms, ...terms]);
    expect(source.fetched.length).toBe(new Set(source.fetched).size);
    expect(source.fetched.length).toBeLessThanOrEqual(3);
    expect(source.fetched.every((key) => key.startsWith("postings-"))).toBe(true);
  });

  it("are opened once for all versions that share the base", async () => {
    const { index, artifact, source } = await open(randomWords(40, 9), 9);
    const other = await withWordFacts(artifact, { rules: 2, dense: 0, words: 1 });
    expect(other.chunks).toBe(artifact.chunks);
    expect(other.version).not.toBe(artifact.version);
    source.fetched.length = 0;
    const again: Index = await openWhole(source, other.manifestBytes, { previous: index });
    expect(again.manifest.words).toEqual({ rules: 2, dense: 0, words: 1 });
    const part = await openWordPart(partsOf(again).base);
    expect(part).toBe(await openWordPart(partsOf(index).base));
    expect(source.fetched).toEqual([]);
    const back = await withWordFacts(other, FACTS);
    expect(new TextDecoder().decode(back.manifestBytes)).toBe(new TextDecoder().decode(artifact.manifestBytes));
  });

  it("are not there in an index that was written without", async () => {
    const { chunks, manifestBytes, manifest } = await writeArtifact({
      codebook,
      ...randomCodes(codebook, 3, 1),
      ids: ["a", "b", "c"],
    });
    expect(manifest.words).toBeUndefined();
    const index = await openWhole(memorySource(chunks), manifestBytes);
    expect(await openWordPart(partsOf(index).base)).toBeUndefined();
    await expect(withWordFacts({ manifest, chunks, manifestBytes, version: "" }, FACTS)).rejects.toThrow(TypeError);
  });
});

describe("a writer refuses", () => {
  const items: WordsOfItem[] = [
    {
      terms: new Map([
        ["red", 3],
        ["lamp", 15],
      ]),
      names: [5],
    },
    { terms: new Map([["red", 1]]), names: [] },
  ];
  const good = toItemWords(items);
  const one = (values: Uint32Array, at: number, value: number): Uint32Array => {
    const changed = values.slice();
    changed[at] = value;
    return changed;
  };
  const lone = "\ud83d";
  it.each<[string, Partial<ItemWords>, string]>([
    ["offsets of other items", { offsets: good.offsets.slice(1) }, '"words.offsets" expected length 3, got 2'],
    ["offsets that are no Uint32Array", { offsets: [0, 2, 3] as never }, '"words.offsets" expected a Uint32Array'],
    ["offsets that fall", { offsets: Uint32Array.of(0, 3, 2) }, '"words.offsets[2]" expected an integer from 3 to 3'],
    ["offsets that end early", { offsets: Uint32Array.of(0, 1, 2) }, '"words.offsets" expected to end at 3, got 2'],
    ["impacts of other terms", { impacts: good.impacts.slice(1) }, '"words.impacts" expected length 3, got 2'],
    [
      "an impact of 0",
      { impacts: Uint8Array.of(1, 0, 1) },
      '"words.impacts[1]" expected an integer from 1 to 15, got 0',
    ],
    ["an impact of 16", { impacts: Uint8Array.of(1, 1, 16) }, '"words.impacts[2]" expected an integer from 1 to 15'],
    ["a number without a term", { numbers: one(good.numbers, 2, 2) }, '"words.numbers[2]" expected a number below 2'],
    ["a term twice in an item", { numbers: Uint32Array.of(0, 0, 1) }, '"words.numbers[1]" expected a term that item 0'],
    ["a term twice", { terms: ["red", "red"] }, '"words.terms[1]" expected distinct terms, got "red"'],
    ["a term that is none", { terms: ["red", 3 as never] }, '"words.terms[1]" expected a string, got 3'],
    ["an empty term", { terms: ["red", ""] }, '"words.terms[1]" expected 1 to 128 bytes of UTF-8, got ""'],
    ["a long term", { terms: ["red", "x".repeat(129)] }, '"words.terms[1]" expected 1 to 128 bytes of UTF-8'],
    ["half a pair", { terms: ["red", lone] }, '"words.terms[1]" expected 1 to 128 bytes of UTF-8'],
    ["names of other items", { nameOffsets: Uint32Array.of(0, 0, 0) }, '"words.nameOffsets" expected to end at 1'],
  ])("%s", async (_, wrong, message) => {
    const input = { codebook, ...randomCodes(codebook, 2, 1), ids: ["a", "b"] };
    const writing = writeArtifact({ ...input, words: { ...good, ...wrong }, wordFacts: FACTS });
    await expect(writing).rejects.toThrow(message);
  });

  it.each<[string, Partial<WordFacts> | null, string]>([
    ["rules without a number", { rules: 0 }, '"wordFacts.rules" expected an integer from 1'],
    ["weights of 0", { dense: 0, words: 0 }, '"wordFacts" expected weights from 0 to 1000000, not both 0, got "0, 0"'],
    ["a weight below 0", { dense: -1 }, '"wordFacts" expected weights from 0 to 1000000'],
    ["a weight without an end", { dense: Infinity }, '"wordFacts" expected weights from 0 to 1000000'],
    ["near that falls", { near: [1, 0] }, '"wordFacts.near" expected two numbers, ascending'],
    ["near of one number", { near: [1] as never }, '"wordFacts.near" expected two numbers, ascending'],
    ["words without facts", null, '"wordFacts" expected a value, since there are words, got undefined'],
  ])("%s", async (_, wrong, message) => {
    const input = { codebook, ...randomCodes(codebook, 2, 1), ids: ["a", "b"] };
    const wordFacts = wrong === null ? undefined : { ...FACTS, ...wrong };
    await expect(writeArtifact({ ...input, words: good, wordFacts })).rejects.toThrow(message);
  });

  it("facts without words", async () => {
    const input = { codebook, ...randomCodes(codebook, 2, 1), ids: ["a", "b"] };
    await expect(writeArtifact({ ...input, wordFacts: FACTS })).rejects.toThrow('"wordFacts" expected nothing');
  });
});
