/** A filter is computed once for a search, however many cells, query vectors and pages ask for it. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Filter, Index } from "../src/index.ts";
import { compileFilter } from "../src/search/compile-filter.ts";
import type { Comparison } from "../src/search/filter.ts";
import { type BlockMask, MaskWords, PIECE_BLOCKS } from "../src/search/masks.ts";
import { openWords, searchHybrid } from "../src/words/index.ts";
import { writeArtifact, writeDelta } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";
import { randomWords, TERMS, toItemWords } from "./word-rows.ts";

const COLORS = ["red", "green", "blue"];
const N = 5000;
const NLIST = 9;

interface Row {
  readonly color: string;
  readonly price: number;
}

/** About so many comparisons, in any nesting. */
function randomFilter(next: () => number, leaves: number, depth = 0): Filter {
  const integer = (below: number): number => Math.floor(next() * below);
  if (leaves <= 1 || depth > 20) {
    if (integer(2) === 0) return { facet: "color", in: COLORS.filter(() => integer(2) === 0) };
    const min = integer(100);
    return { number: "price", min, max: min + integer(60) };
  }
  if (integer(4) === 0) return { not: randomFilter(next, leaves, depth + 1) };
  const first = 1 + integer(leaves - 1);
  const parts = [randomFilter(next, first, depth + 1), randomFilter(next, leaves - first, depth + 1)];
  return integer(2) === 0 ? { and: parts } : { or: parts };
}

function passes(filter: Filter, row: Row): boolean {
  if ("not" in filter) return !passes(filter.not, row);
  if ("and" in filter) return filter.and.every((part) => passes(part, row));
  if ("or" in filter) return filter.or.some((part) => passes(part, row));
  if ("facet" in filter) return filter.in.includes(row.color);
  return row.price >= filter.min! && row.price <= filter.max!;
}

const codebook = randomCodebook({ dim: 8, M: 4, nbits: 4, nlist: NLIST }, 1);
const rowsById = new Map<number, Row>();

function makeRows(n: number, first: number, seed: number) {
  const next = random(seed);
  const made = Array.from({ length: n }, () => ({
    color: COLORS[Math.floor(next() * 3)]!,
    price: next() < 0.1 ? Number.NaN : Math.floor(next() * 150),
  }));
  for (const [i, row] of made.entries()) rowsById.set(first + i, row);
  return {
    ...randomCodes(codebook, n, seed),
    ids: Uint32Array.from({ length: n }, (_, i) => first + i),
    facets: { color: made.map(({ color }) => color) },
    numbers: { price: made.map(({ price }) => price) },
    words: toItemWords(randomWords(n, seed), seed),
  };
}

it("filters of up to 64 comparisons give what passes them item by item, paged or not, changed or not", async () => {
  const facts = { rules: 2, dense: 1, words: 0.5 };
  const artifact = await writeArtifact({ codebook, ...makeRows(N, 0, 2), wordFacts: facts, listChunkBytes: 4096 });
  const plain = memorySource(artifact.chunks);
  const base = await openWhole(plain, artifact.manifestBytes);
  const delta = await writeDelta(base, { items: makeRows(200, 4900, 3), remove: [5, 6, 7] });
  const changed = memorySource([...artifact.chunks, ...delta.chunks]);
  const options = { kernelModule: kernelModule("kernel-relaxed.wasm") };
  const indexes: Index[] = [
    await openWhole(plain, artifact.manifestBytes, { ...options, residentBytes: 0 }),
    await openWhole(changed, delta.manifestBytes, options),
  ];
  // Ids 4900 to 4999 have other values beside the base: only those are in the changed catalogue.
  const before = new Map(rowsById);
  makeRows(N, 0, 2);
  const original = new Map(rowsById);
  const rows = [original, before];
  const next = random(11);
  const none = new Uint32Array(0);
  for (let turn = 0; turn < 24; turn++) {
    const filter = randomFilter(next, [1, 5, 64][turn % 3]!);
    for (const [i, index] of indexes.entries()) {
      const { numItems } = index.manifest;
      const ids = (await index.ids(Array.from({ length: numItems }, (_, o) => o))) as number[];
      const expected = ids.filter((id) => passes(filter, rows[i]!.get(id)!)).sort((a, b) => a - b);
      const vectors = turn % 2 === 0 ? normals(8, next) : [normals(8, next), normals(8, next)];
      const { ordinals } = await index.search(vectors, { k: numItems, nprobe: NLIST, filter });
      expect(Array.from(ordinals, (ordinal) => ids[ordinal]).sort((a, b) => a! - b!)).toEqual(expected);
      const words = (await openWords(index))!;
      const asked = {
        words: [{ alternatives: [{ term: TERMS[0]!, likeness: 1 }] }],
        ...{ required: [], excluded: [[TERMS[1]!]], named: none },
      };
      const dense = { vectors: [vectors].flat() };
      const hybrid = await searchHybrid(index, words, dense, asked, { k: 200, nprobe: NLIST, filter });
      const wanted = new Set(expected);
      expect(Array.from(hybrid.ordinals, (ordinal) => ids[ordinal]!).filter((id) => !wanted.has(id))).toEqual([]);
    }
  }
});

it("whatever asks for its words, a comparison is made once a block, and only where it is asked", () => {
  const cases = fc.record({ blocks: fc.constantFrom(1, 50, 3 * PIECE_BLOCKS + 7), offset: fc.nat({ max: 9 }) });
  fc.assert(
    fc.property(cases, fc.nat(), ({ blocks, offset }, seed) => {
      const next = random(seed);
      const filled = new Uint8Array(offset + blocks);
      const truth = Uint32Array.from({ length: offset + blocks }, () => Math.floor(next() * 2 ** 32));
      const maskOf = (comparison: Comparison): BlockMask => ({
        atMost: Infinity,
        fill(first, out) {
          expect(out.length).toBeLessThanOrEqual(PIECE_BLOCKS);
          const turn = "facet" in comparison ? 1 : 16;
          for (let i = 0; i < out.length; i++) {
            filled[first + i]! += turn;
            out[i] = "facet" in comparison ? truth[first + i]! : 0xffff_ffff;
          }
        },
      });
      const filter: Filter = { and: [{ number: "n" }, { not: { not: { facet: "f", in: [] } } }] };
      const mask = new MaskWords(compileFilter(filter, maskOf, 32 * blocks), offset, blocks);
      const asked = new Set<number>();
      for (let i = 0; i < 30; i++) {
        const first = Math.floor(next() * blocks);
        const count = Math.floor(next() * (blocks - first));
        expect([...mask.words(first, count)]).toEqual([...truth.subarray(offset + first, offset + first + count)]);
        for (let at = first; at < first + count; at++) asked.add(offset + at);
      }
      for (const [at, times] of filled.entries()) expect(times).toBe(asked.has(at) ? 17 : 0);
      const ordinal = Math.floor(next() * blocks * 32);
      const bit = (truth[offset + Math.floor(ordinal / 32)]! >>> (ordinal % 32)) & 1;
      expect(mask.has(ordinal)).toBe(bit === 1);
      expect(Math.max(...filled)).toBeLessThanOrEqual(17);
    }),
    { seed: 20261129, numRuns: 30 },
  );
});
