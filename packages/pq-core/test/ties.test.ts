/**
 * Equal scores by smaller id, and several query vectors, beside brute force over the visited cells: a full sort of
 * the scores of single searches.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Index, ItemId, Merge, SearchOptions } from "../src/index.ts";
import { METRICS, writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook } from "./support.ts";

const N = 300;
const DIM = 6;
const M = 3;
const COLORS = ["red", "green", "blue"];

const cases = fc.record({
  metric: fc.constantFrom(...METRICS),
  nbits: fc.constantFrom(4 as const, 8 as const),
  nlist: fc.integer({ min: 0, max: 7 }),
  idType: fc.constantFrom("string" as const, "u32" as const, "u64" as const),
  byResidual: fc.boolean(),
  vectors: fc.integer({ min: 1, max: 5 }),
  /** Nearly all items have one code: without residuals, they tie across all cells. */
  areAlike: fc.boolean(),
  nprobe: fc.integer({ min: 1, max: 4 }),
  k: fc.integer({ min: 1, max: 40 }),
  isFiltered: fc.boolean(),
  exclusions: fc.nat({ max: 12 }),
  isPaged: fc.boolean(),
  kernel: fc.constantFrom(undefined, "kernel.wasm" as const, "kernel-relaxed.wasm" as const),
  temperature: fc.constantFrom(0.05, 1, 16),
  isWeighted: fc.boolean(),
  /** 0: pages are listed in the manifest. */
  cellsPerPage: fc.constantFrom(0, 0, 1, 2, 4),
  seed: fc.nat(),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

interface Catalogue {
  readonly index: Index;
  /** (N) by ordinal. */
  readonly ids: readonly ItemId[];
  readonly vectors: readonly Float32Array[];
  readonly options: SearchOptions;
  /** Score by each vector, by ordinal. */
  readonly scores: readonly Float32Array[];
  /** What may be returned: visited by some vector, not kept out. */
  readonly allowed: readonly number[];
}

const idOf = (type: Case["idType"], number: number): ItemId =>
  // Strings whose order by code point is neither that of numbers nor that of UTF-16.
  type === "u32" ? number : type === "u64" ? BigInt(number) << 33n : `${number % 2 ? "\u{1f600}" : "\uff5e"}${number}`;

async function makeCatalogue(given: Case): Promise<Catalogue> {
  const { metric, nbits, nlist, idType, seed, nprobe, k } = given;
  const next = random(seed);
  const codebook = randomCodebook(
    { dim: DIM, M, nbits, nlist, metric, byResidual: given.byResidual && nlist > 0 },
    seed,
  );
  const integer = (below: number): number => Math.floor(next() * below);
  const numbers = Uint32Array.from({ length: N }, (_, i) => i + 5).sort(() => next() - 0.5);
  const ids = Array.from(numbers, (number) => idOf(idType, number));
  const color = ids.map(() => COLORS[integer(3)]!);
  const artifact = await writeArtifact({
    codebook,
    assignments: Uint32Array.from(ids, () => integer(Math.max(1, nlist))),
    // Few different codes: most scores tie with others, within a cell and across cells.
    codes: Uint8Array.from({ length: N * M }, () => (given.areAlike ? Number(integer(60) === 0) : integer(3))),
    ids:
      idType === "string"
        ? (ids as string[])
        : idType === "u32"
          ? numbers
          : BigUint64Array.from(ids as readonly bigint[]),
    facets: { color },
    cellsPerPage: given.cellsPerPage,
    listChunkBytes: 1024,
    itemChunkBytes: 1024,
  });
  const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes, {
    kernelModule: given.kernel && kernelModule(given.kernel),
    residentBytes: given.isPaged ? 0 : undefined,
  });
  const vectors = Array.from({ length: given.vectors }, () => normals(DIM, next));
  const stored = (await index.items(Array.from(ids.keys()))).map(({ id }) => id);
  const exclude = Array.from({ length: given.exclusions }, () => ids[integer(N)]!);
  const scores = await Promise.all(
    vectors.map(async (vector) => {
      const all = await index.search(vector, { k: N, nprobe: Math.max(1, nlist) });
      const byOrdinal = new Float32Array(N);
      for (const [i, ordinal] of all.ordinals.entries()) byOrdinal[ordinal] = all.scores[i]!;
      return byOrdinal;
    }),
  );
  const wanted = given.isFiltered ? ["red", "blue"] : COLORS;
  const isWanted = new Map(ids.map((id, i) => [id, wanted.includes(color[i]!) && !exclude.includes(id)]));
  const visited = new Set<number>();
  const filter = given.isFiltered ? { facet: "color", in: wanted } : undefined;
  const areRuns = given.cellsPerPage > 0;
  // what runs several vectors visit together, paged.test.ts checks
  const searches = areRuns ? [vectors] : vectors;
  const asked = { k: N, nprobe, filter: areRuns ? filter : undefined };
  for (const one of searches) for (const ordinal of (await index.search(one, asked)).ordinals) visited.add(ordinal);
  // At most 1,024 matches are found in whatever cell they lie, but where whole pages are searched.
  const places = given.isFiltered && !areRuns ? [...stored.keys()] : [...visited];
  return {
    index,
    ids: stored,
    vectors,
    options: { k, nprobe, exclude, filter },
    scores,
    allowed: places.filter((ordinal) => isWanted.get(stored[ordinal]!)),
  };
}

const encoder = new TextEncoder();
function compare(a: ItemId, b: ItemId): number {
  if (typeof a !== "string" || typeof b !== "string") return a < b ? -1 : 1;
  return Buffer.compare(encoder.encode(a), encoder.encode(b));
}

/** A full sort: larger score, then smaller id. */
function best(ordinals: readonly number[], ids: readonly ItemId[], scoreOf: (ordinal: number) => number, k: number) {
  const scored = ordinals.map((ordinal) => ({ id: ids[ordinal]!, ordinal, score: scoreOf(ordinal) }));
  return scored.sort((a, b) => b.score - a.score || compare(a.id, b.id)).slice(0, k);
}

async function expectSame(
  { index, vectors, ids }: Catalogue,
  options: SearchOptions,
  expected: ReturnType<typeof best>,
) {
  const { ordinals, scores } = await index.search(vectors.length === 1 ? vectors[0]! : vectors, options);
  expect([...ordinals].map((ordinal) => ids[ordinal])).toEqual(expected.map(({ id }) => id));
  expect([...scores]).toEqual(expected.map(({ score }) => score + 0));
}

const RUNS = { seed: 20261122, numRuns: 60 };

describe("the k best are those of a full sort by score, then by id", () => {
  it("by one query vector or the largest score of several, in every visited cell", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const made = await makeCatalogue(given);
        const largest = (ordinal: number): number => Math.max(...made.scores.map((of) => of[ordinal]!));
        await expectSame(made, made.options, best(made.allowed, made.ids, largest, given.k));
      }),
      RUNS,
    );
  });

  it("by an exact mixture, in every visited cell", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        // which runs a mixture visits depends on its weights
        const made = await makeCatalogue(given.cellsPerPage > 0 ? { ...given, nprobe: 8 } : given);
        const { temperature } = given;
        const weights = made.vectors.map((_, h) => (given.isWeighted ? 0.25 * (h + 1) : 1));
        const merge: Merge = { by: "sumExp", temperature, weights };
        const mixture = (ordinal: number): number => {
          const terms = made.scores.map((of, h) => Math.log(weights[h]!) + temperature * of[ordinal]!);
          const max = Math.max(...terms);
          return Math.fround(max + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - max), 0)));
        };
        const expected = best(made.allowed, made.ids, mixture, given.k);
        const { scores, ordinals } = await made.index.search(made.vectors, { ...made.options, merge });
        expect(new Set(ordinals).size).toBe(expected.length);
        // The last bits of a sum hang on its order, so places are compared by score; equal codes have equal scores.
        for (const [i, { score }] of expected.entries()) {
          const tolerance = 2e-6 * (1 + Math.abs(score));
          expect(Math.abs(scores[i]! - score)).toBeLessThan(tolerance);
          expect(Math.abs(mixture(ordinals[i]!) - scores[i]!)).toBeLessThan(tolerance);
          const before = i > 0 && scores[i - 1] === scores[i];
          if (before) expect(compare(made.ids[ordinals[i - 1]!]!, made.ids[ordinals[i]!]!)).toBeLessThan(0);
        }
        // No item that was left out has the last score and a smaller id than one that got it.
        const last = scores.at(-1)!;
        const left = made.allowed.filter(
          (ordinal) => !ordinals.includes(ordinal) && mixture(ordinal) > last + 1e-5 * (1 + Math.abs(last)),
        );
        expect(left).toEqual([]);
      }),
      RUNS,
    );
  });
});
