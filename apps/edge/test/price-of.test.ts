import type { Manifest } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import { priceWithin } from "../src/http/budget.ts";
import { Meter } from "../src/http/meter.ts";
import { type Price, priceOf, priceOfFacets, sumOf } from "../src/http/price.ts";
import type { ResolvedSearch } from "../src/http/resolve.ts";
import type { ServedIndex } from "../src/index/served-index.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { randomFloats } from "./fixture.ts";

const random = randomFloats(13);
const below = (n: number) => Math.floor(((random() + 1) / 2) * n);

describe("an index of any size", () => {
  const request: ResolvedSearch = {
    ...{ index: "current", k: 10, nprobe: 8, mode: "dense", exclude: [], diversity: 0 },
  };
  const vector = new Float32Array(64);
  const history = Array.from({ length: 20 }, (_, i) => i);

  for (const [numItems, nlist, isPaged] of [
    [100_000, 1024, false],
    [1_000_000, 1024, false],
    [1_000_000, 1024, true],
    [10_000_000, 4096, true],
  ] as const) {
    const served = sized(numItems, nlist, isPaged);
    const price = (more: object) => priceOf(served, { ...request, ...more });
    const isWithin = ({ work, reads, bytes }: Price) =>
      work <= DEFAULT_LIMITS.work && reads <= DEFAULT_LIMITS.reads && bytes <= DEFAULT_LIMITS.bytes;
    it(`of ${numItems} items${isPaged ? ", paged," : ""} answers what people ask, and not everything`, () => {
      expect(isWithin(price({ vector }))).toBe(true);
      expect(isWithin(price({ history }))).toBe(true);
      expect(isWithin(price({ vector, nprobe: 32 }))).toBe(true);
      expect(isWithin(price({ vector, k: 100, diversity: 0.5 }))).toBe(true);
      expect(isWithin(price({ like: 1, exclude: history, filter: { facet: "set", in: ["a"] } }))).toBe(true);
      expect(isWithin(sumOf(Array.from({ length: 32 }, () => price({ vector }))))).toBe(true);
      const worst = { history: Array.from({ length: 50 }, (_, i) => i), nprobe: nlist, k: 1000 };
      expect(isWithin(sumOf(Array.from({ length: 32 }, () => price(worst))))).toBe(false);
      const year = { number: "year", max: 1 };
      const leaves = { and: Array.from({ length: 64 }, () => year) };
      if (numItems > 100_000) expect(isWithin(price({ vector, nprobe: nlist, filter: leaves }))).toBe(false);
    });
  }

  it("prices facets by what of them is still to be read", () => {
    const filters = { kind: "filters", key: "filters-0000", size: 30_000_000 };
    const kept = new Set<string>();
    const served = (keepsFilters: boolean) =>
      ({ index: { manifest: { chunks: [filters] } }, memory: { keepsFilters }, kept }) as unknown as ServedIndex;
    expect(priceOfFacets(served(true))).toMatchObject({ reads: 1, readBytes: 30_000_000 });
    expect(priceOfFacets(served(false))).toMatchObject({ reads: 0, readBytes: 0 });
    kept.add(filters.key);
    expect(priceOfFacets(served(true))).toMatchObject({ reads: 0, readBytes: 0 });
  });

  describe("with words", () => {
    const letter = () => String.fromCharCode(97 + below(26));
    const text = () => Array.from({ length: 127 }, () => letter() + letter() + letter()).join(" ");
    /** Texts of an index, whose looks for words are counted. */
    function texts(n: number, count: number, limits: Partial<typeof DEFAULT_LIMITS>) {
      let looks = 0;
      const near = () => {
        looks++;
        return [];
      };
      const words = { numTerms: 20_000, numItems: 100_000, count: () => count, near };
      const served = { ...sized(100_000, 1024, false), words } as unknown as ServedIndex;
      const all = Array.from({ length: n }, () => ({
        served,
        request: { ...request, mode: "words" as const, q: text() },
      }));
      const meter = new Meter({ ...DEFAULT_LIMITS, ...limits });
      return { all, meter, looks: () => looks };
    }

    it("looks up few words of what is refused before it is looked up, also for the sake of advice", () => {
      for (const limits of [{}, { work: 5_000_000, k: 60, nprobe: 32 }, { work: 500_000 }]) {
        const { all, meter, looks } = texts(32, 1, limits);
        expect(() => priceWithin(all, meter)).toThrow(/at least .* times the work/);
        expect(looks()).toBeLessThan(200);
        expect(meter.work).toBeGreaterThanOrEqual(looks() * 15_000);
      }
    });

    it("stops where it is too much, and counts what it has looked up", () => {
      const { all, meter, looks } = texts(20, 100_000, {});
      expect(() => priceWithin(all, meter)).toThrow(/at least/);
      expect(looks()).toBeGreaterThan(100);
      expect(looks()).toBeLessThan(400);
      expect(meter.work).toBeGreaterThanOrEqual(127 * 15_000);
    });

    it("prices what passes as it always did", () => {
      const { all, meter } = texts(3, 1, {});
      expect(priceWithin(all, meter)).toEqual(sumOf(all.map(({ served, request }) => priceOf(served, request))));
    });
  });

  it("of the vectors of large models answers a hundred results that differ, and 80 words with a million items", () => {
    const served = sized(1_000_000, 1024, false, 1536);
    expect(priceOf(served, { ...request, vector: new Float32Array(1536), k: 100, diversity: 0.5 }).work).toBeLessThan(
      DEFAULT_LIMITS.work,
    );
    const numItems = 1_000_000;
    // A text as people paste them: each of 60 words has some others beside it, and some of them are frequent.
    const near = (term: string) => Array.from({ length: 5 }, (_, i) => ({ term: `${term}${i}`, likeness: 0.5 }));
    const count = (term: string) => (term.endsWith("0") ? 20_000 : 4_000);
    const words = { numItems, numTerms: 150_000, count, near, completions: () => [] };
    const q = Array.from({ length: 80 }, (_, i) => `w${"abcdefghij"[i % 10]}${"klmnopqr"[Math.floor(i / 10)]}`).join(
      " ",
    );
    const withWords = { ...served, words } as unknown as ServedIndex;
    expect(priceOf(withWords, { ...request, q, mode: "hybrid" }).work).toBeLessThan(DEFAULT_LIMITS.work);
  });

  it("counts the items that are found by words and scored by codes, and for each a page", () => {
    const near = () => [];
    const tower = { reads: { text: true, history: "mixture", historyLength: 50, combines: true } };
    for (const isPaged of [false, true]) {
      const priced = (count: number, more: object) => {
        const words = { numItems: 10_000_000, numTerms: 20_000, count: () => count, near, completions: near };
        const served = { ...sized(10_000_000, 4096, isPaged), tower, words } as unknown as ServedIndex;
        return priceOf(served, { ...request, q: "cakes ", mode: "hybrid", ...more });
      };
      const byWords = (k: number, count = 10_000) =>
        priced(count, { k }).reads - priced(count, { k, mode: "words" }).reads;
      const cells = byWords(10, 1);
      // of few results many may tie, and others may have that name
      expect(byWords(10) - cells).toBe(isPaged ? 512 - 1 : 0);
      expect(byWords(10, 40) - cells).toBe(isPaged ? 40 - 1 : 0);
      expect(byWords(300) - cells).toBe(isPaged ? 300 + 256 - 1 : 0);
      const [one, leaning] = [priced(10_000, { k: 300 }), priced(10_000, { k: 300, history })];
      // 32 codes of 0.07 each, and as much as eight that are scanned
      expect(leaning.work - one.work).toBeGreaterThan(19 * 300 * 8 * 32 * 0.07);
    }
  });

  it("counts a vector for each item of a history that a text leans to", () => {
    const near = () => [];
    const words = { numItems: 100_000, numTerms: 20_000, count: () => 100, near, completions: near };
    const tower = { reads: { text: true, history: "mixture", historyLength: 50, combines: true } };
    const served = { ...sized(100_000, 1024, false), tower, words } as unknown as ServedIndex;
    const work = (more: object) => priceOf(served, { ...request, ...more }).work;
    const text = { q: "cake", mode: "hybrid" };
    const added = work({ ...text, history }) - work(text);
    expect(added).toBeGreaterThanOrEqual(work({ history }) - work({ vector }));
    expect(work({ ...text, history: [...history, 21] })).toBeGreaterThan(work({ ...text, history }));
  });

  it("counts the results whose vectors are read again for the text that leans to a history, of one item too", () => {
    const reads = { text: true, history: "mixture", historyLength: 50, combines: true };
    const priced = (form: string, more: object) => {
      const tower = { reads: { ...reads, history: form } };
      return priceOf({ ...sized(10_000_000, 4096, true), tower } as unknown as ServedIndex, { ...request, ...more });
    };
    for (const more of [{ history: [1] }, { history }]) {
      const [leaning, alone] = [priced("mixture", { q: "cake", ...more }), priced("mixture", more)];
      expect(leaning.work).toBeGreaterThanOrEqual(alone.work + 64 * request.k);
      expect(leaning.reads).toBeGreaterThan(alone.reads);
    }
    // read together as one vector, they are one score
    expect(priced("mean", { q: "cake", history })).toEqual(priced("mean", { history }));
  });

  it("costs no less with more of anything", () => {
    const served = sized(1_000_000, 1024, true);
    const base = { ...request, history, filter: { number: "year", max: 1 } } as ResolvedSearch;
    const more: Partial<ResolvedSearch>[] = [
      { k: 11 },
      { nprobe: 9 },
      { diversity: 0.5 },
      { history: [...history, 21] },
      { exclude: [1] },
      {
        filter: {
          and: [
            { number: "year", max: 1 },
            { facet: "set", in: ["a"] },
          ],
        },
      },
    ];
    for (const one of more)
      expect(priceOf(served, { ...base, ...one }).work).toBeGreaterThan(priceOf(served, base).work);
  });

  /** An index of which nothing but its price is asked. */
  function sized(numItems: number, nlist: number, isPaged: boolean, dim = 64): ServedIndex {
    const chunks = (kind: string, count: number, size: number) => Array.from({ length: count }, () => ({ kind, size }));
    const manifest = {
      ...{ dim, nlist, nbits: 4, numSubQuantizers: dim / 2, numItems, byResidual: true, hasRotation: false },
      chunks: [
        ...chunks("lists", Math.ceil(numItems / 4096), 4096 * 16),
        ...chunks("items", Math.ceil(numItems / 1600), 1600 * 160),
        ...chunks("lookup", Math.ceil(numItems / 30_000), 30_000 * 8),
      ],
    } as unknown as Manifest;
    const mostCodes = (nprobe: number) => Math.min(numItems, Math.ceil((nprobe * numItems) / nlist));
    const index = { manifest, mostCodes } as unknown as ServedIndex["index"];
    const memory = { residentBytes: isPaged ? 0 : 1, keepsPages: !isPaged, keepsFilters: true };
    return { index, tower: undefined, encoders: [], words: undefined, memory } as unknown as ServedIndex;
  }
});
