import { describe, expect, it } from "vitest";
import type { Filter, Index, Merge } from "../src/index.ts";
import { openWords, searchHybrid, type WordQuery } from "../src/words/index.ts";
import { createCodebook, decode, writeArtifact } from "../src/write.ts";
import { isAllowed, plainShare, randomItems, randomQuery, randomWord } from "./hybrid-model.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";
import { toItemWords } from "./word-rows.ts";

const N = 240;
const DIM = 8;
const FACTS = { rules: 1, dense: 1, words: 1 };
const codebook = randomCodebook({ dim: DIM, M: 4, nbits: 4, nlist: 5, metric: "cosine" }, 3);
const encoded = randomCodes(codebook, N, 4);
const decoded = decode(codebook, encoded.assignments, encoded.codes);
const next = random(5);
const vocabulary = [...new Set(Array.from({ length: 60 }, () => randomWord(next)))];
const items = randomItems(N, vocabulary, 6);
const colors = Array.from({ length: N }, () => ["red", "green"][Math.floor(next() * 2)]);
const ids = Uint32Array.from({ length: N }, (_, i) => 5000 - 7 * i);
const NOTHING: WordQuery = { words: [], required: [], excluded: [], named: new Uint32Array(0) };
const countOf = (term: string): number => items.filter((item) => item.terms.has(term)).length;

const artifact = await writeArtifact({
  codebook,
  ...encoded,
  ids,
  facets: { color: colors },
  words: toItemWords(items),
  wordFacts: FACTS,
  listChunkBytes: 1024,
});

const OPENED: Record<string, () => Promise<Index>> = {
  "scalar, resident": () => openWhole(memorySource(artifact.chunks), artifact.manifestBytes),
  "simd, resident": () =>
    openWhole(memorySource(artifact.chunks), artifact.manifestBytes, { kernelModule: kernelModule("kernel.wasm") }),
  "relaxed, paged": () =>
    openWhole(memorySource(artifact.chunks), artifact.manifestBytes, {
      kernelModule: kernelModule("kernel-relaxed.wasm"),
      residentBytes: 0,
      cacheBytes: 4096,
    }),
};

function cosine(i: number, vector: Float32Array): number {
  let [dot, own, other] = [0, 0, 0];
  for (let d = 0; d < DIM; d++) {
    const [x, y] = [decoded[i * DIM + d]!, vector[d]!];
    dot += x * y;
    own += x * x;
    other += y * y;
  }
  return dot / Math.sqrt(own * other);
}

describe.each(Object.keys(OPENED))("%s", (name) => {
  it("scores every item by both definitions when all are candidates", async () => {
    const index = await OPENED[name]!();
    const words = (await openWords(index))!;
    const draw = random(11);
    for (let round = 0; round < 40; round++) {
      const numVectors = Math.floor(draw() * 3);
      const vectors = Array.from({ length: numVectors }, () => normals(DIM, draw));
      const merge: Merge = draw() < 0.3 ? { by: "sumExp", temperature: 4 } : { by: "max" };
      const named = draw() < 0.3 ? words.named(Math.floor(draw() * 5)) : new Uint32Array(0);
      const query: WordQuery = { ...randomQuery(vocabulary, draw), named };
      const filter: Filter | undefined = draw() < 0.3 ? { facet: "color", in: ["red"] } : undefined;
      const exclude = draw() < 0.3 ? [ids[3]!, ids[17]!, 1] : undefined;
      const weights = { dense: draw() * 2, words: draw() * 2 };
      const k = 400;
      const result = await searchHybrid(index, words, numVectors === 0 ? undefined : { vectors, merge }, query, {
        k,
        nprobe: 5,
        filter,
        exclude,
        weights,
      });
      const used =
        numVectors === 0 ? { dense: 0, words: 1 } : query.words.length === 0 ? { dense: 1, words: 0 } : weights;
      const rows = [...items.keys()]
        .filter((i) => isAllowed(items[i]!, query))
        .filter((i) => filter === undefined || colors[i] === "red")
        .filter((i) => exclude === undefined || !exclude.includes(ids[i]!))
        .map((i) => {
          const own = vectors.map((vector) => cosine(i, vector));
          const dense =
            merge.by === "max" ? Math.max(...own) : Math.log(own.reduce((sum, score) => sum + Math.exp(4 * score), 0));
          const words = plainShare(items[i]!, query, N, countOf);
          return { id: ids[i]!, i, dense: numVectors === 0 ? Number.NaN : dense, ...words };
        });
      const found = await index.items(result.ordinals);
      const isNamed = new Set((await index.items(named)).map(({ id }) => id));
      const expected = rows
        .filter(({ id, share }) => numVectors > 0 || share > 0 || isNamed.has(id))
        .map((row) => {
          const dense = used.dense === 0 ? 0 : (used.dense * row.dense) / (merge.by === "max" ? 1 : 4);
          const boost = isNamed.has(row.id) ? 2 * used.dense + used.words : 0;
          return { ...row, score: dense + used.words * row.share + boost };
        });
      expect(new Set(found.map(({ id }) => id))).toEqual(new Set(expected.map(({ id }) => id)));
      const rowOf = new Map(expected.map((row) => [row.id, row]));
      for (const [rank, { id }] of found.entries()) {
        const row = rowOf.get(id as number)!;
        expect(result.scores[rank]).toBeCloseTo(row.score, 4);
        if (numVectors > 0) expect(result.dense[rank]).toBeCloseTo(row.dense, 4);
        else expect(result.dense[rank]).toBeNaN();
        expect(result.shares[rank]).toBeCloseTo(row.share, 4);
        expect(result.coverage[rank]).toBeCloseTo(row.coverage, 4);
        expect(new Set(result.matched[rank])).toEqual(row.matched);
        expect(result.named[rank]).toBe(Number(isNamed.has(id as number)));
        if (rank > 0) {
          expect(result.scores[rank]).toBeLessThanOrEqual(result.scores[rank - 1]!);
          if (result.scores[rank] === result.scores[rank - 1])
            expect(found[rank - 1]!.id as number).toBeLessThan(id as number);
        }
      }
    }
  });
});

describe("candidates", () => {
  const plain = (...terms: string[]): WordQuery["words"] =>
    terms.map((term) => ({ alternatives: [{ term, likeness: 1 }] }));

  it("are the best 30 by codes and the best 30 by words with what ties with the last", async () => {
    const index = await OPENED["scalar, resident"]!();
    const words = (await openWords(index))!;
    const draw = random(31);
    const stored = await index.items([...items.keys()]);
    const rowOf = Array.from(stored, ({ id }) => ids.indexOf(id as number));
    for (let round = 0; round < 30; round++) {
      const vector = normals(DIM, draw);
      const query = { ...randomQuery(vocabulary, draw), required: [], excluded: [] };
      if (query.words.length === 0) continue;
      const all = await index.search(vector, { k: N, nprobe: 5 });
      const dense = new Map(Array.from(all.ordinals, (ordinal, i) => [ordinal, all.scores[i]!]));
      const shares = rowOf.map((row) => Math.fround(plainShare(items[row]!, query, N, countOf).share));
      const byWords = [...shares.keys()].filter((i) => shares[i]! > 0).sort((a, b) => shares[b]! - shares[a]!);
      const isBest = (i: number): boolean => shares[i]! >= shares[byWords[29] ?? byWords.at(-1)!]! - 1e-6;
      const union = new Set([...all.ordinals.subarray(0, 30), ...byWords.filter(isBest)]);
      const wanted = Array.from(union, (i) => dense.get(i)! + shares[i]!).sort((a, b) => b - a);
      const result = await searchHybrid(index, words, { vectors: [vector] }, query, { k: 25, nprobe: 5 });
      expect(result.scores.length).toBe(25);
      for (const [rank, score] of result.scores.entries()) expect(score).toBeCloseTo(wanted[rank]!, 5);
    }
  });

  it("of a side that counts for nothing are none", async () => {
    const index = await OPENED["scalar, resident"]!();
    const words = (await openWords(index))!;
    const vectors = [normals(DIM, random(2))];
    const query = { ...NOTHING, words: plain(vocabulary[0]!) };
    const dense = await searchHybrid(index, words, { vectors }, query, { mode: "dense" });
    const search = await index.search(vectors[0]!);
    expect([dense.ordinals, dense.scores, dense.dense]).toEqual([search.ordinals, search.scores, search.scores]);
    const byWords = await searchHybrid(index, words, { vectors }, query, { mode: "words", k: N });
    expect(byWords.ordinals.length).toBe(countOf(vocabulary[0]!));
    expect(byWords.scores).toEqual(byWords.shares);
    expect(byWords.dense.every(Number.isFinite)).toBe(true);
    const alone = await searchHybrid(index, words, undefined, query, { k: N, weights: { dense: 3, words: 0 } });
    expect(alone.scores).toEqual(byWords.scores);
  });

  it("that are named come first, unless they do not pass", async () => {
    const index = await OPENED["relaxed, paged"]!();
    const words = (await openWords(index))!;
    const named = words.named(3);
    const [first] = await index.items(named);
    const vectors = [normals(DIM, random(3))];
    const query = { ...NOTHING, words: plain(vocabulary[1]!), named };
    const result = await searchHybrid(index, words, { vectors }, query, { k: named.length + 5, nprobe: 1 });
    expect(result.ordinals.slice(0, named.length).toSorted()).toEqual(named);
    expect([...result.named]).toEqual([...named.map(() => 1), 0, 0, 0, 0, 0]);
    const without = await searchHybrid(index, words, { vectors }, query, { k: N, exclude: [first!.id] });
    expect(without.ordinals).not.toContain(named[0]);
  });

  it("that are named come before larger products", async () => {
    const shape = { dim: 1, metric: "innerProduct", nlist: 0, numSubQuantizers: 1, nbits: 4 } as const;
    const centroids = Float32Array.from({ length: 16 }, (_, i) => 10 * i - 100);
    const codebook = createCodebook({ ...shape, byResidual: false, centroids });
    const ids = Uint32Array.from({ length: 16 }, (_, i) => i);
    const artifact = await writeArtifact({
      ...{ codebook, assignments: new Uint32Array(16), codes: Uint8Array.from(ids), ids },
      words: toItemWords(Array.from(ids, (i) => ({ terms: new Map([["all", 9]]), names: i < 2 ? [5] : [] }))),
      wordFacts: { rules: 1, dense: 1, words: 1 },
    });
    const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes);
    const words = (await openWords(index))!;
    const query = { ...NOTHING, words: plain("all"), named: words.named(5) };
    const result = await searchHybrid(index, words, { vectors: [Float32Array.of(1)] }, query, { k: 4 });
    // -100 and -90 with the lead of their name, and 50 and 40
    expect((await index.items(result.ordinals)).map(({ id }) => id)).toEqual([1, 0, 15, 14]);
    expect([...result.named]).toEqual([1, 1, 0, 0]);
    const one = await searchHybrid(index, words, { vectors: [Float32Array.of(1)] }, query, { k: 1 });
    expect([...one.ordinals]).toEqual([...result.ordinals.subarray(0, 1)]);
  });

  it.each<[string, WordQuery]>([
    ["nothing", NOTHING],
    ["unknown words", { ...NOTHING, words: plain("unknown") }],
    ["a word that nothing is like", { ...NOTHING, words: [{ alternatives: [] }] }],
    ["a required word that is unknown", { ...NOTHING, words: plain(vocabulary[0]!), required: [["unknown"]] }],
    ["excluded words only", { ...NOTHING, excluded: [vocabulary[0]!] }],
    ["a word that is required and excluded", { ...NOTHING, required: [[vocabulary[0]!]], excluded: [vocabulary[0]!] }],
  ])("are none for %s, without a vector", async (_, query) => {
    const index = await OPENED["scalar, resident"]!();
    const result = await searchHybrid(index, (await openWords(index))!, undefined, query, {});
    expect(result.ordinals.length).toBe(0);
    expect(result.matched).toEqual([]);
  });

  it.each([
    ["mode", { mode: "both" as never }, '"mode" expected hybrid, dense or words'],
    ["k", { k: 0 }, '"k" expected an integer'],
    ["filter", { filter: { facet: "hue", in: [] } }, '"filter" expected one of color'],
  ])("are not looked for with a wrong %s", async (_, options, message) => {
    const index = await OPENED["scalar, resident"]!();
    const words = (await openWords(index))!;
    await expect(searchHybrid(index, words, undefined, NOTHING, options)).rejects.toThrow(message);
  });
});

describe("many items with frequent words", () => {
  const MANY = 100_100;
  const draw = random(21);
  const rows = Array.from({ length: MANY }, (_, i) => {
    const terms = new Map<string, number>();
    // Of half of the items, of a fifth, of a hundredth, and of single ones.
    if (draw() < 0.5) terms.set("half", 1 + Math.floor(draw() * 15));
    if (draw() < 0.2) terms.set("fifth", 1 + Math.floor(draw() * 15));
    if (draw() < 0.01) terms.set("rare", 1 + Math.floor(draw() * 15));
    if (i % 5000 === 7) terms.set("single", 9);
    return { terms, names: [] };
  });
  const large = randomCodebook({ dim: 4, M: 1, nbits: 4, nlist: 3, metric: "cosine" }, 3);
  const ask = (...words: string[]): WordQuery => ({
    words: words.map((term) => ({ alternatives: [{ term, likeness: 1 }] })),
    required: [],
    excluded: [],
    named: new Uint32Array(0),
  });

  it("score candidates by all words, the frequent ones too", async () => {
    const artifact = await writeArtifact({
      codebook: large,
      ...randomCodes(large, MANY, 5),
      ids: Uint32Array.from({ length: MANY }, (_, i) => i),
      words: toItemWords(rows),
      wordFacts: FACTS,
    });
    const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes);
    const words = (await openWords(index))!;
    const counts = new Map(["half", "fifth", "rare", "single"].map((term) => [term, words.count(term)]));
    const shares = (query: WordQuery): number[] =>
      rows.map((row) => plainShare(row, query, MANY, (term) => counts.get(term) ?? 0).share);
    for (const asked of [
      ["rare", "half"],
      ["single", "half", "fifth"],
      ["rare", "single", "fifth", "half"],
      ["fifth"],
      ["half", "fifth"],
    ]) {
      const query = ask(...asked);
      const all = shares(query);
      const result = await searchHybrid(index, words, undefined, query, { k: 20 });
      const found = await index.items(result.ordinals);
      for (const [rank, { id }] of found.entries()) expect(result.shares[rank]).toBeCloseTo(all[id as number]!, 5);
      expect([...result.shares]).toEqual([...result.shares].sort((a, b) => b - a));
      const best = all.toSorted((a, b) => b - a).slice(0, 20);
      for (const [rank, share] of best.entries()) expect(result.shares[rank]).toBeCloseTo(share, 5);
    }
  });
});

it("what one query requires and leaves out costs each of its terms once", async () => {
  const index = await OPENED["scalar, resident"]!();
  const words = (await openWords(index))!;
  const terms = vocabulary.filter((term) => countOf(term) > 0).slice(0, 9);
  const most = terms.reduce((sum, term) => sum + countOf(term), 0);
  let decoded = 0;
  const counting: typeof words = Object.assign(Object.create(words), {
    facts: words.facts,
    numItems: words.numItems,
    async postings(asked: readonly string[]) {
      return (await words.postings(asked)).map((list) => {
        if (list === undefined) return undefined;
        const count = <A extends unknown[], R>(run: (...args: A) => R) => {
          return (...args: A): R => {
            decoded += list.count;
            return run(...args);
          };
        };
        const [all, mark] = [count(list.all.bind(list)), count(list.mark.bind(list))];
        return { count: list.count, all, mark, reader: count(list.reader.bind(list)), at: list.at.bind(list) };
      });
    },
  });
  const many = <T>(make: (i: number) => T): T[] => Array.from({ length: 200 }, (_, i) => make(i));
  const termAt = (i: number): string => terms[i % terms.length]!;
  for (const query of [
    { required: many(() => [terms[0]!]), excluded: [] },
    { required: many((i) => [termAt(i), termAt(i + 1)]), excluded: many((i) => termAt(i)) },
    { required: [], excluded: many((i) => [termAt(i), termAt(i * 7 + 1)]) },
  ]) {
    decoded = 0;
    await searchHybrid(index, counting, { vectors: [normals(DIM, random(3))] }, { ...NOTHING, ...query });
    expect(decoded).toBeGreaterThan(0);
    expect(decoded).toBeLessThanOrEqual(most);
  }
});
