import { describe, expect, it } from "vitest";
import type { ArtifactInput, Filter, Index, SearchOptions } from "../src/index.ts";
import { decode, writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";

const N = 1500;
const COLORS = ["red", "green", "blue"];
const codebook = randomCodebook({ dim: 16, M: 8, nbits: 4, nlist: 7 }, 3);
const encoded = randomCodes(codebook, N, 4);
const decoded = decode(codebook, encoded.assignments, encoded.codes);
const next = random(5);
const colors = Array.from({ length: N }, () => (next() < 0.1 ? undefined : COLORS[Math.floor(next() ** 3 * 3)]));
const tags = Array.from({ length: N }, (_, i) => (i % 97 === 0 ? ["rare", "odd"] : i % 2 === 1 ? ["odd"] : []));
const prices = Float64Array.from({ length: N }, () => (next() < 0.05 ? Number.NaN : next() * 100));
const ids = Uint32Array.from({ length: N }, (_, i) => 5000 - 3 * i);
const input: ArtifactInput = {
  codebook,
  ...encoded,
  ids,
  facets: { color: colors, tag: tags },
  numbers: { price: prices },
  listChunkBytes: 2048,
};
const artifact = await writeArtifact(input);
const query = normals(16, random(6));

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

const dot = (i: number, vector: Float32Array): number =>
  vector.reduce((sum, x, d) => sum + x * decoded[i * 16 + d]!, 0);

/** Cells of the nprobe best coarse centroids. */
function probed(vectors: readonly Float32Array[], nprobe: number): Set<number> {
  const { rotation, coarseCentroids, nlist, dim } = codebook;
  const cells = new Set<number>();
  for (const vector of vectors) {
    const rotated = Float64Array.from({ length: dim }, (_, j) =>
      vector.reduce((sum, x, i) => sum + x * rotation![i * dim + j]!, 0),
    );
    const scores = Array.from({ length: nlist }, (_, l) =>
      rotated.reduce((sum, x, d) => sum + x * coarseCentroids[l * dim + d]!, 0),
    );
    for (const l of [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, nprobe)) cells.add(l);
  }
  return cells;
}

/** The definition, item by item: what any search must return. */
function expected(
  score: (i: number) => number,
  matches: (i: number) => boolean,
  k: number,
): { id: number; score: number }[] {
  return [...ids.keys()]
    .filter(matches)
    .map((i) => ({ id: ids[i]!, score: score(i) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k);
}

async function expectSearch(
  index: Index,
  queries: Float32Array | Float32Array[],
  options: SearchOptions,
  want: { id: number; score: number }[],
): Promise<void> {
  const result = await index.search(queries, options);
  const found = await index.items(result.ordinals);
  expect(found.length).toBe(want.length);
  const scoreOf = new Map(want.map(({ id, score }) => [id, score]));
  for (const [rank, { score }] of want.entries()) expect(result.scores[rank]).toBeCloseTo(score, 4);
  for (const [rank, { id }] of found.entries())
    expect(result.scores[rank]).toBeCloseTo(scoreOf.get(id as number) ?? Number.NaN, 4);
}

const FILTERS: [string, Filter, (i: number) => boolean][] = [
  ["one value", { facet: "color", in: ["red"] }, (i) => colors[i] === "red"],
  [
    "two values",
    { facet: "color", in: ["green", "blue", "blue", "unknown"] },
    (i) => colors[i] === "green" || colors[i] === "blue",
  ],
  ["a rare value", { facet: "tag", in: ["rare"] }, (i) => i % 97 === 0],
  ["an unknown value", { facet: "tag", in: ["unknown"] }, () => false],
  ["a range", { number: "price", min: 20, max: 30 }, (i) => prices[i]! >= 20 && prices[i]! <= 30],
  ["not a value", { not: { facet: "color", in: ["red"] } }, (i) => colors[i] !== "red"],
  [
    "and, or, not",
    {
      and: [
        {
          or: [
            { facet: "color", in: ["blue"] },
            { number: "price", max: 10 },
          ],
        },
        { not: { facet: "tag", in: ["odd"] } },
      ],
    },
    (i) => (colors[i] === "blue" || prices[i]! <= 10) && !tags[i]!.includes("odd"),
  ],
];

describe.each(Object.keys(OPENED))("%s", (name) => {
  it.each(FILTERS)("filter ∘ search = search ∘ filter on all cells: %s", async (_, filter, matches) => {
    await expectSearch(
      await OPENED[name]!(),
      query,
      { k: 25, nprobe: 7, filter },
      expected((i) => dot(i, query), matches, 25),
    );
  });

  it("finds every match in the probed cells when the filter lets many through", async () => {
    const filter: Filter = { not: { facet: "tag", in: ["rare"] } };
    const cells = probed([query], 2);
    const matches = (i: number): boolean => i % 97 !== 0 && cells.has(encoded.assignments[i]!);
    await expectSearch(
      await OPENED[name]!(),
      query,
      { k: 40, nprobe: 2, filter },
      expected((i) => dot(i, query), matches, 40),
    );
  });

  it("finds all matches of a very selective filter, whatever nprobe", async () => {
    const want = expected(
      (i) => dot(i, query),
      (i) => i % 97 === 0,
      100,
    );
    expect(want.length).toBe(16);
    await expectSearch(
      await OPENED[name]!(),
      query,
      { k: 100, nprobe: 1, filter: { facet: "tag", in: ["rare"] } },
      want,
    );
  });

  it("leaves out excluded ids, and ignores unknown ones", async () => {
    const best = expected(
      (i) => dot(i, query),
      () => true,
      5,
    ).map(({ id }) => id);
    const want = expected(
      (i) => dot(i, query),
      (i) => !best.includes(ids[i]!),
      10,
    );
    await expectSearch(
      await OPENED[name]!(),
      query,
      { k: 10, nprobe: 7, exclude: [...best, 999_999, "no number", String(best[0])] },
      want,
    );
  });

  it("merges several query vectors by maximum in every cell that one of them probes, each item once", async () => {
    const queries = [query, normals(16, random(7)), normals(16, random(8)), query];
    const cells = queries.map((q) => probed([q], 3));
    const want = expected(
      (i) => Math.max(...queries.map((q) => dot(i, q))),
      (i) => cells.some((own) => own.has(encoded.assignments[i]!)),
      30,
    );
    await expectSearch(await OPENED[name]!(), queries, { k: 30, nprobe: 3 }, want);
  });

  it.each([0.05, 1, 20])(
    "orders the best of several query vectors by a weighted sum of exponentials, temperature %f",
    async (temperature) => {
      const queries = [query, normals(16, random(7)), normals(16, random(8))];
      const weights = [0.2, 1, 3];
      const terms = (i: number) => queries.map((q, h) => Math.log(weights[h]!) + temperature * dot(i, q));
      const score = (i: number): number => {
        const parts = terms(i);
        const max = Math.max(...parts);
        return max + Math.log(parts.reduce((sum, x) => sum + Math.exp(x - max), 0));
      };
      const cells = queries.map((q) => probed([q], 2));
      const found = (i: number) => terms(i).filter((_, h) => cells[h]!.has(encoded.assignments[i]!));
      // The shortlist: 8 times as many as are wanted, and 64 at least, by the best term of a vector that probes the
      // cell.
      for (const k of [3, 30]) {
        const size = Math.max(64, 8 * k);
        const shortlist = expected(
          (i) => Math.max(...found(i)),
          (i) => found(i).length > 0,
          size,
        );
        expect(shortlist).toHaveLength(size);
        const listed = new Set(shortlist.map(({ id }) => id));
        const want = expected(score, (i) => listed.has(ids[i]!), k);
        await expectSearch(
          await OPENED[name]!(),
          queries,
          { k, nprobe: 2, merge: { by: "sumExp", temperature, weights, exact: false } },
          want,
        );
      }
    },
  );

  it("tells the facets, and where ids and vectors are", async () => {
    const index = await OPENED[name]!();
    const facets = await index.facets();
    expect(facets["tag"]).toEqual({ odd: tags.filter((own) => own.includes("odd")).length, rare: 16 });
    const ordinals = await index.ordinals([ids[0]!, ids[N - 1]!, String(ids[7]!), 4, "x", -1, 2 ** 40]);
    expect([...ordinals.slice(3)]).toEqual([-1, -1, -1, -1]);
    const items = await index.items(ordinals.slice(0, 3));
    expect(items.map(({ id }) => id)).toEqual([ids[0], ids[N - 1], ids[7]]);
    const vectors = await index.vectors(ordinals.slice(0, 3));
    for (let d = 0; d < 16; d++) expect(vectors[32 + d]).toBe(decoded[7 * 16 + d]);
  });
});
