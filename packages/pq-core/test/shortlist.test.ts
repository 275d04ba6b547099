/** The kernel's shortlist in one call, beside all terms by the scalar kernel. */
import { describe, expect, it } from "vitest";
import { loadKernel } from "../src/index.ts";
import { BLOCK, packBlocks } from "../src/kernel/blocks.ts";
import type { ShortlistFound, ShortlistWanted } from "../src/kernel/kernel.ts";
import { ScalarKernel } from "../src/kernel/scalar-kernel.ts";
import { kernelModule, normals, random, randomCodebook, randomCodes } from "./support.ts";

const [N, NLIST, DIM, NPROBE, TEMPERATURE] = [1500, 12, 16, 3, 2.5];

/** Lists of uneven length, the last but one empty. */
const OFFSETS = Uint32Array.from({ length: NLIST + 1 }, (_, l) =>
  Math.floor(((l === NLIST - 1 ? NLIST - 2 : l) / NLIST) ** 2 * N),
).with(NLIST, N);
const SIZES = Uint32Array.from({ length: NLIST }, (_, l) => OFFSETS[l + 1]! - OFFSETS[l]!);
const CELLS = { sizes: SIZES, numFilled: SIZES.filter((size) => size > 0).length };

function setUp(file: "kernel.wasm" | "kernel-relaxed.wasm", isEqual: boolean) {
  const codebook = randomCodebook({ dim: DIM, M: 8, nbits: 4, nlist: NLIST }, 51);
  const { codes } = randomCodes(codebook, N, 52);
  const blocks = packBlocks(codebook, isEqual ? codes.fill(3) : codes);
  const kernel = loadKernel(kernelModule(file))(codebook, { min: 0, max: 0 });
  const scalar = new ScalarKernel(codebook);
  kernel.keep!(blocks, 0, Math.ceil(N / BLOCK));
  scalar.load(blocks, 0, Math.ceil(N / BLOCK));
  return { kernel, scalar };
}

/** Terms of each query and item of a cell that it probes, as far as its mask lets it through. */
function termsOf(scalar: ScalarKernel, queries: readonly Float32Array[], wanted: ShortlistWanted) {
  const cellsOf = queries.map((query) => {
    scalar.setQuery(query);
    return [...scalar.probe(NPROBE, CELLS)];
  });
  const terms = queries.map((query, h) => {
    const products = scalar.setQuery(query).slice();
    const own = new Map<number, { score: number; term: number }>();
    for (const cell of cellsOf[h]!) {
      const first = Math.floor(OFFSETS[cell]! / BLOCK);
      for (let ordinal = OFFSETS[cell]!; ordinal < OFFSETS[cell + 1]!; ordinal++) {
        const word = wanted.masks.get(cell)?.[Math.floor(ordinal / BLOCK) - first] ?? -1;
        if (((word >>> (ordinal % BLOCK)) & 1) === 0) continue;
        const [before] = scalar.scores(Uint32Array.of(ordinal), Float32Array.of(products[cell]!));
        const score = Math.fround(before! + wanted.shifts[h]!);
        own.set(ordinal, { score, term: Math.fround(wanted.logWeights[h]! + wanted.temperature * score) });
      }
    }
    return own;
  });
  return { cells: cellsOf.flat(), terms };
}

function compare(found: ShortlistFound | undefined, { cells, terms }: ReturnType<typeof termsOf>, size: number): void {
  expect(found).toBeDefined();
  const { probed, least, rankings } = found!;
  expect([...probed]).toEqual(cells);
  const best = new Map<number, number>();
  for (const own of terms)
    for (const [ordinal, { term }] of own) best.set(ordinal, Math.max(term, best.get(ordinal) ?? -Infinity));
  const last = [...best.values()].sort((a, b) => b - a)[size - 1] ?? -Infinity;
  expect(least).toBeLessThanOrEqual(last);
  const got = new Set<string>();
  for (const [h, { ordinals, scores }] of rankings) {
    for (const [i, ordinal] of ordinals.entries()) {
      expect(scores[i]).toBe(terms[h]!.get(ordinal)!.score);
      got.add(`${h} ${ordinal}`);
    }
  }
  for (const [h, own] of terms.entries())
    for (const [ordinal, { term }] of own)
      if (term === best.get(ordinal) && term >= last) expect(got).toContain(`${h} ${ordinal}`);
}

describe.each(["kernel.wasm", "kernel-relaxed.wasm"] as const)("a shortlist by %s", (file) => {
  const { kernel, scalar } = setUp(file, false);
  const next = random(53);
  // Each finds better ones than those before, so that as much is offered as can be; the last are one query, whose items
  // come again.
  const queries = Array.from({ length: 21 }, (_, h) => normals(DIM, next).map((value) => value * 1.3 ** h));
  queries.fill(queries[18]!, 18);
  const wanted = {
    ...{ offsets: OFFSETS, cells: CELLS, nprobe: NPROBE, temperature: TEMPERATURE },
    logWeights: queries.map((_, h) => h / 100),
    shifts: queries.map((_, h) => h / 8),
  };
  const masks = new Map(
    [1, 5, 9].map((cell) => {
      const words = Math.ceil(OFFSETS[cell + 1]! / BLOCK) - Math.floor(OFFSETS[cell]! / BLOCK);
      return [cell, Uint32Array.from({ length: words }, () => (cell === 5 ? 0 : next() * 2 ** 32))];
    }),
  );

  it.each([1, 2, 5, 64, 400, 1024])("holds what has the %i best terms", (size) => {
    for (const of of [masks, new Map<number, Uint32Array>()]) {
      const asked = { ...wanted, size, masks: of };
      expect(kernel.prepare!(queries)).toBe(true);
      compare(kernel.shortlist!(asked), termsOf(scalar, queries, asked), size);
    }
  });

  it("gives up where items tie for a last place, and where too many are wanted", () => {
    const same = setUp(file, true).kernel;
    same.prepare!(queries);
    expect(same.shortlist!({ ...wanted, size: 10, masks: new Map() })).toBeUndefined();
    expect(same.shortlist!({ ...wanted, size: N, masks: new Map() })).toBeUndefined();
  });
});
