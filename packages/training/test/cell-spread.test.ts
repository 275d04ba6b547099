import { Random } from "@poeem/indexing-layer";
import type { Codebook } from "@poeem/pq-core";
import { createCodebook } from "@poeem/pq-core/write";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { chooseCellSpread, describeSpread } from "../src/codes/cell-spread.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const [DIM, CELLS, EACH] = [16, 20, 60];

/** Items around directions of length 1, scattered by `scatter(cell)`, all scaled to length 1; cells of their means. */
function world(scatter: (cell: number) => number) {
  const random = new Random(5);
  const unit = (row: number[]): number[] => {
    const length = Math.hypot(...row);
    return row.map((value) => value / length);
  };
  const centres = Array.from({ length: CELLS }, () => unit(Array.from({ length: DIM }, () => random.normal())));
  const cells = Uint32Array.from({ length: CELLS * EACH }, (_, i) => i % CELLS);
  const rows = Array.from(cells, (cell) =>
    unit(centres[cell]!.map((value) => value + scatter(cell) * random.normal())),
  );
  const means = centres.map((_, cell) =>
    Array.from({ length: DIM }, (_, d) => {
      return rows.filter((_, i) => cells[i] === cell).reduce((sum, row) => sum + row[d]! / EACH, 0);
    }),
  );
  const codebook: Codebook = createCodebook({
    ...({ dim: DIM, metric: "innerProduct", nlist: CELLS, numSubQuantizers: 4, nbits: 4, byResidual: true } as const),
    coarseCentroids: Float32Array.from(means.flat()),
    centroids: new Float32Array(16 * DIM),
  });
  const queries = Array.from({ length: 80 }, () => Array.from({ length: DIM }, () => 3 * random.normal()));
  return { codebook, cells, rows, queries };
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, d) => sum + value * b[d]!, 0);

/** The definition, query by query: geometric mean of the share of items in the cells up to that of each top item. */
function readBy({ codebook, cells, rows, queries }: ReturnType<typeof world>, weight: number): number {
  const logs = queries.flatMap((query) => {
    const best = [...rows.keys()].sort((a, b) => dot(query, rows[b]!) - dot(query, rows[a]!)).slice(0, 10);
    const scores = Array.from({ length: CELLS }, (_, cell) => {
      const centroid = codebook.coarseCentroids.subarray(cell * DIM, (cell + 1) * DIM);
      return dot(query, centroid) + weight * Math.hypot(...query) * Math.sqrt(1 - dot(centroid, centroid));
    });
    return best.map((item) => Math.log(scores.filter((score) => score >= scores[cells[item]!]!).length / CELLS));
  });
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}

const choose = ({ codebook, cells, rows, queries }: ReturnType<typeof world>, own = false) =>
  chooseCellSpread(
    codebook,
    Float32Array.from(rows.flat()),
    cells,
    own ? undefined : Float32Array.from(queries.flat()),
    new Random(1),
  );

describe("the spread of cells", () => {
  it("counts where some cells lie wider than others, as much as least is read by", async () => {
    const wide = world((cell) => (cell % 2 === 0 ? 0.02 : 0.35));
    const chosen = (await choose(wide))!;
    expect(chosen.spread!.length).toBeCloseTo(1, 5);
    expect(chosen.plain).toBeCloseTo(readBy(wide, 0), 4);
    expect(chosen.best).toBeCloseTo(readBy(wide, chosen.spread!.weight), 4);
    for (const weight of [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1])
      expect(chosen.best).toBeLessThanOrEqual(readBy(wide, weight) + 1e-4);
    expect(chosen.best).toBeLessThan(0.9 * chosen.plain);
    expect(describeSpread(chosen)).toMatch(/^cells in the order of .*: 15 % of the items .*, 9.4 % by what lies/);
    // items that ask for others like them
    expect((await choose(wide, true))!.spread).toBeDefined();
  });

  it("does not count where cells are alike, nor without any to choose from", async () => {
    const alike = (await choose(world(() => 0.1)))!;
    expect(alike.spread).toBeUndefined();
    expect(describeSpread(alike)).toContain("which no spread betters");
    const few = world(() => 0.1);
    expect(await choose({ ...few, cells: few.cells.slice(0, 11), rows: few.rows.slice(0, 11) })).toBeUndefined();
  });
});
