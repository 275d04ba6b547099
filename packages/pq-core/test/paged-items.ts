import fc from "fast-check";
import { countCells } from "../src/format/inverted-lists.ts";
import type { ArtifactInput, Filter, ItemId } from "../src/index.ts";
import { scalarKernel } from "../src/index.ts";
import { scaleQuery } from "../src/search/score.ts";
import { METRICS } from "../src/write.ts";
import { normals, random, randomCodebook } from "./support.ts";

/** What items are drawn with. */
export const shapes = fc.record({
  metric: fc.constantFrom(...METRICS),
  nbits: fc.constantFrom(4 as const, 8 as const),
  idType: fc.constantFrom("string" as const, "u32" as const, "u64" as const),
  nlist: fc.integer({ min: 0, max: 24 }),
  /** Of the cells, how many have items. */
  filled: fc.integer({ min: 1, max: 24 }),
  n: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 400 })),
  cellsPerPage: fc.integer({ min: 1, max: 8 }),
  hasFields: fc.boolean(),
  hasFacets: fc.boolean(),
  hasNumbers: fc.boolean(),
  spread: fc.boolean(),
  seed: fc.nat(),
});
export type PagedShape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

export const DIM = 6;

/** Items of a shape, in any order, on pages as small as can be. */
export function itemsOf(shape: PagedShape): ArtifactInput {
  const { metric, nbits, idType, nlist, n, hasFields, hasFacets, hasNumbers, seed } = shape;
  const next = random(seed);
  const integer = (below: number): number => Math.floor(next() * below);
  const spread = shape.spread && metric === "innerProduct" && nlist > 0;
  const codebook = randomCodebook({ dim: DIM, M: 3, nbits, nlist, metric, byResidual: nlist > 0, spread }, seed);
  const filled = Array.from({ length: shape.filled }, () => integer(Math.max(1, nlist)));
  const numbers = Uint32Array.from({ length: n }, (_, i) => 3 * i + 1).sort(() => next() - 0.5);
  return {
    codebook,
    assignments: Uint32Array.from(numbers, () => filled[integer(filled.length)]!),
    codes: Uint8Array.from({ length: 3 * n }, () => integer(5)),
    ids:
      idType === "string"
        ? Array.from(numbers, (number) => `${number % 2 ? "\u{1f600}" : "\uff5e"}${number}`)
        : idType === "u32"
          ? numbers
          : BigUint64Array.from(numbers, (number) => BigInt(number) << 33n),
    ...(hasFields && { fields: Array.from(numbers, (number) => ({ title: `item ${number}`, more: "é".repeat(9) })) }),
    ...(hasFacets && {
      facets: {
        color: Array.from(numbers, () => ["red", "green", undefined][integer(3)]),
        tag: Array.from(numbers, () => ["", "rare", "odd"].filter((_, i) => integer([9, 60, 2][i]!) === 0)),
        brand: Array.from(numbers, () => `brand ${integer(150)}`),
        none: Array.from(numbers, () => []),
      },
    }),
    ...(hasNumbers && {
      numbers: {
        price: Array.from(numbers, () => (integer(9) === 0 ? Number.NaN : integer(100) / 4)),
        none: Array.from(numbers, () => Number.NaN),
      },
    }),
    listChunkBytes: 2048,
    itemChunkBytes: 1024,
    defaultNprobe: 1,
  };
}

/** Filters that name what such items have. */
export function filtersOf({ hasFacets, hasNumbers }: PagedShape): Filter[] {
  const all: Filter[] = [{ and: [] }, { or: [] }, { not: { or: [] } }];
  if (hasFacets)
    all.push(
      { facet: "color", in: ["red", "unknown"] },
      { facet: "tag", in: ["rare"] },
      { facet: "tag", in: [""] },
      { facet: "brand", in: ["brand 7"] },
      { facet: "none", in: ["x"] },
      { not: { facet: "brand", in: ["brand 7", "brand 8"] } },
    );
  if (hasNumbers)
    all.push(
      { number: "price", min: 24 },
      { number: "price", min: 3, max: 3.25 },
      { number: "none", min: 0 },
      { not: { number: "price" } },
    );
  if (hasFacets && hasNumbers)
    all.push(
      { and: [{ facet: "color", in: ["green"] }, { not: { number: "price", max: 20 } }] },
      {
        or: [
          { facet: "tag", in: ["rare"] },
          {
            and: [
              { facet: "tag", in: ["odd"] },
              { number: "price", max: 1 },
            ],
          },
        ],
      },
    );
  return all;
}

/** All filled runs, best first: by the order in which the scalar kernel has all cells, or by the best of several. */
export function runsInOrder(input: ArtifactInput, cellsPerPage: number, ...queries: Float32Array[]): number[] {
  const { codebook, assignments } = input;
  const offsets = new Uint32Array(Math.max(1, codebook.nlist) + 1);
  for (const cell of assignments) offsets[cell + 1]!++;
  for (let cell = 1; cell < offsets.length; cell++) offsets[cell]! += offsets[cell - 1]!;
  const cells = countCells(offsets);
  if (codebook.nlist === 0) return cells.numFilled === 0 ? [] : [0];
  const kernel = scalarKernel(codebook, { min: 0, max: 0 });
  const scaled = queries.map((query) =>
    scaleQuery(
      codebook,
      query,
      query.reduce((sum, value) => sum + value ** 2, 0),
    ),
  );
  const runOf = (cell: number): number => Math.floor(cell / cellsPerPage);
  if (scaled.length === 1) {
    kernel.setQuery(scaled[0]!.query);
    return [...new Set(Array.from(kernel.probe(codebook.nlist, cells), runOf))];
  }
  const best = new Map<number, number>();
  for (const { query, shift } of scaled) {
    const products = kernel.setQuery(query);
    const { metric, dim, coarseCentroids, cellSpread } = codebook;
    const length = Math.hypot(...query);
    for (const [cell, size] of cells.sizes.entries()) {
      if (size === 0) continue;
      const square = coarseCentroids.subarray(cell * dim, (cell + 1) * dim).reduce((sum, value) => sum + value ** 2, 0);
      const spread = cellSpread ? cellSpread.weight * Math.sqrt(Math.max(0, cellSpread.length ** 2 - square)) : 0;
      const product = products[cell]!;
      const score = {
        innerProduct: product + length * spread,
        cosine: product / Math.sqrt(square),
        l2: product - square,
      };
      best.set(runOf(cell), Math.max(best.get(runOf(cell)) ?? -Infinity, score[metric] + shift));
    }
  }
  return [...best.keys()].sort((a, b) => best.get(b)! - best.get(a)!);
}

export function queryOf(seed: number): Float32Array {
  return normals(DIM, random(seed));
}

/** Ids of no item among those of some items. */
export function withUnknown(ids: readonly ItemId[], idType: PagedShape["idType"]): ItemId[] {
  const unknown: Record<typeof idType, ItemId[]> = { string: ["", "no", "\u{1f600}"], u32: [0, 4e9], u64: [0n, 5n] };
  return [...ids, ...unknown[idType]].reverse();
}
