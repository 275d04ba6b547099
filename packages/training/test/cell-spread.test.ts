import { Random } from "@poeem/indexing-layer";
import type { Codebook } from "@poeem/pq-core";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { chooseCellSpread, describeSpread } from "../src/codes/cell-spread.ts";
import { encodeLearned, learnCodes } from "../src/codes/learn.ts";

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

type World = ReturnType<typeof world>;

/** Cells in the order of their scores. */
function ordered({ codebook }: World, query: number[], weight: number): number[] {
  const scores = Array.from({ length: CELLS }, (_, cell) => {
    const centroid = codebook.coarseCentroids.subarray(cell * DIM, (cell + 1) * DIM);
    return dot(query, centroid) + weight * Math.hypot(...query) * Math.sqrt(1 - dot(centroid, centroid));
  });
  return [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
}

/** The halves of the queries, as `choose` draws them. */
function halves({ cells, queries }: World): [number[][], number[][]] {
  const random = new Random(1);
  random.permutation(cells.length);
  const drawn = Array.from(random.permutation(queries.length), (i) => queries[i]!);
  return [drawn.slice(0, queries.length / 2), drawn.slice(queries.length / 2)];
}

/** The definition, query by query: geometric mean of the share of items in the cells up to that of each top item. */
function readBy(of: World, queries: number[][], weight: number): number {
  const { cells, rows } = of;
  const logs = queries.flatMap((query) => {
    const best = [...rows.keys()].sort((a, b) => dot(query, rows[b]!) - dot(query, rows[a]!)).slice(0, 10);
    const order = ordered(of, query, weight);
    return best.map((item) => Math.log((order.indexOf(cells[item]!) + 1) / CELLS));
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
    const [choosing, judging] = halves(wide);
    const { weight } = chosen.spread!;
    expect(chosen.plain).toBeCloseTo(readBy(wide, judging, 0), 4);
    expect(chosen.best).toBeCloseTo(readBy(wide, judging, weight), 4);
    for (const other of [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1])
      expect(readBy(wide, choosing, weight)).toBeLessThanOrEqual(readBy(wide, choosing, other) + 1e-4);
    expect(chosen.best).toBeLessThan(0.9 * chosen.plain);
    expect(describeSpread(chosen)).toMatch(
      /^cells in the order of .*: 1\d % of the items .* where the spread .* counts 0/,
    );
    // items that ask for others like them
    expect((await choose(wide, true))!.spread).toBeDefined();
  });

  it("tells how many cells hold as many items as so many without it", async () => {
    const all = world((cell) => (cell % 2 === 0 ? 0.02 : 0.35));
    // of the wide cells only some items are left
    const kept = [...all.cells.keys()].filter((i) => all.cells[i]! % 2 === 0 || i < 6 * CELLS);
    const cells = Uint32Array.from(kept, (i) => all.cells[i]!);
    const uneven = { ...all, cells, rows: kept.map((i) => all.rows[i]!) };
    const chosen = (await choose(uneven))!;
    const shareOf = (nprobe: number, weight: number): number => {
      const shares = uneven.queries.map((query) => {
        const visited = new Set(ordered(uneven, query, weight).slice(0, nprobe));
        return cells.filter((cell) => visited.has(cell)).length / cells.length;
      });
      return shares.reduce((sum, share) => sum + share, 0) / shares.length;
    };
    for (const nprobe of [1, 3, 10, 19, 20]) {
      const matched = chosen.probesFor(nprobe);
      const wanted = shareOf(nprobe, 0);
      expect(shareOf(matched, chosen.spread!.weight)).toBeGreaterThan(wanted - 1e-6);
      if (matched > 1) expect(shareOf(matched - 1, chosen.spread!.weight)).toBeLessThan(wanted);
    }
    expect(chosen.probesFor(3)).toBeGreaterThan(3);
    expect(chosen.probesFor(CELLS)).toBe(CELLS);
  });

  it("does not count where vectors are longer than a format can say", async () => {
    const wide = world((cell) => (cell % 2 === 0 ? 0.02 : 0.35));
    expect(await choose({ ...wide, rows: wide.rows.map((row) => row.map((value) => 3e9 * value)) })).toBeUndefined();
  });

  it("stands in what is learned of vectors, which goes into an index", async () => {
    const { rows } = world((cell) => (cell % 2 === 0 ? 0.02 : 0.35));
    const shape = {
      dim: DIM,
      nlist: CELLS,
      numSubQuantizers: 4,
      nbits: 4,
      scoreAware: true,
      seed: 2,
      nprobe: 4,
    } as const;
    const said: string[] = [];
    const vectors = Float32Array.from(rows.flat());
    const learned = await learnCodes(vectors, undefined, { ...shape, metric: "cosine" }, (line) => said.push(line));
    expect(learned.codebook.cellSpread!.weight).toBeGreaterThan(0);
    expect(said.join()).toContain("where the spread of cells counts");
    expect(learned.nprobe).toBeGreaterThan(4);
    const encoded = await encodeLearned(learned, vectors);
    const { manifest } = await writeArtifact({
      codebook: learned.codebook,
      ...encoded,
      ids: Uint32Array.from(rows.keys()),
    });
    expect(manifest.cellSpread).toEqual(learned.codebook.cellSpread);
    const byDistance = await learnCodes(vectors, undefined, { ...shape, metric: "l2" });
    expect([byDistance.codebook.cellSpread, byDistance.nprobe]).toEqual([undefined, 4]);
  });

  it("does not count where cells are alike, nor without any to choose from", async () => {
    const alike = (await choose(world(() => 0.1)))!;
    expect(alike.spread).toBeUndefined();
    expect(describeSpread(alike)).toContain("which the spread of cells does not better for sure");
    expect(alike.probesFor(7)).toBe(7);
    const wide = world((cell) => (cell % 2 === 0 ? 0.02 : 0.35));
    expect(await choose({ ...wide, queries: wide.queries.slice(0, 19) })).toBeUndefined();
    const few = world(() => 0.1);
    expect(await choose({ ...few, cells: few.cells.slice(0, 11), rows: few.rows.slice(0, 11) })).toBeUndefined();
  });
});
