import { type Codebook, METRICS } from "../src/codebook/codebook.ts";
import { decodeRotated } from "../src/codebook/decode.ts";
import { countCells } from "../src/format/inverted-lists.ts";
import { BLOCK, hasTerms, packBlocks, type TermRange } from "../src/kernel/blocks.ts";
import type { AdcKernel, Cells, KernelFactory, KernelName, Ranking } from "../src/kernel/kernel.ts";
import { ScalarKernel } from "../src/kernel/scalar-kernel.ts";
import { normals, random, randomCodebook, randomCodes, type Shape } from "./data.ts";

/** What a kernel is put through; a test runner's `it` fits `test`. */
export interface Conformance {
  readonly name: KernelName;
  readonly makeKernel: KernelFactory;
  readonly test: (name: string, run: () => unknown) => void;
  /** Cases that cannot run, each with the reason. */
  readonly skip?: readonly { readonly reason: string; readonly cases: readonly string[] }[];
}

/** Sub-quantizers around every unrolling and register width. */
const NUM_SUB_QUANTIZERS = [1, 3, 5, 7, 8, 9, 15, 16, 17, 32, 64];
/** Items around the block width. */
const COUNTS = [1, 31, 32, 33, 1000];

/**
 * The suite every kernel must pass: the same ordinals and bit by bit the same scores as the scalar definition,
 * for every code size and metric, odd numbers of sub-quantizers, and stretches that start and end inside a block.
 */
export function adcConformance({ name, makeKernel, test, skip = [] }: Conformance): void {
  const skipped = new Set(skip.flatMap(({ cases }) => cases));
  const runCase = (title: string, run: () => unknown): void => {
    if (!skipped.has(title)) test(title, run);
  };
  runCase("is the kernel that was asked for", () => {
    const { kernel } = setUp({ dim: 4, M: 1, nbits: 4, nlist: 0 }, 1, makeKernel);
    equal("kernel name", kernel.name, name);
  });
  for (const nbits of [4, 8] as const) {
    for (const metric of METRICS) {
      for (const M of NUM_SUB_QUANTIZERS) {
        runCase(`${metric}, ${nbits} bits, M ${M}: equal to the definition`, () => {
          for (const n of COUNTS)
            compareAll({ dim: M * (M < 9 ? 3 : 1), M, nbits, nlist: M % 4, metric, rotate: M < 16 }, n, makeKernel);
        });
      }
    }
  }
  for (const metric of METRICS) {
    // Some are kept in halves: multiples of 8.
    for (const M of [8, 12, 16, 40, 64]) {
      runCase(`${metric}, M ${M}, blocks that stay: equal to the definition`, () => {
        const shape = { dim: M, M, nbits: 4, nlist: 3, metric } as const;
        for (const n of COUNTS) compareAll(shape, n, makeKernel, true);
        prepareSeveral(shape, makeKernel, true);
      });
    }
  }
  for (const metric of METRICS) {
    runCase(`${metric}: probes the best of the cells that hold items`, () => {
      for (const nlist of [1, 15, 16, 17, 40, 100, 1030]) probeFilled(nlist, metric, makeKernel);
    });
  }
  runCase("probes by what the spread of cells adds", () => {
    for (const nlist of [1, 16, 40, 1030]) probeFilled(nlist, "innerProduct", makeKernel, true);
    for (const nbits of [4, 8] as const) {
      const shape = { dim: 24, M: 8, nbits, nlist: 40, spread: true } as const;
      searchAtOnce(shape, makeKernel);
      prepareSeveral(shape, makeKernel);
      prepareSeveral({ ...shape, rotate: false }, makeKernel);
    }
  });
  runCase("keeps the smaller ordinal of equal scores", () => equalScores(makeKernel));
  for (const nbits of [4, 8] as const) {
    for (const metric of METRICS) {
      runCase(`${metric}, ${nbits} bits: a whole search in one call is the search in steps`, () => {
        for (const nlist of [0, 7, 40])
          for (const M of [5, 16]) searchAtOnce({ dim: M * 2, M, nbits, nlist, metric }, makeKernel);
        searchAtOnce({ dim: 16, M: 8, nbits, nlist: 12, metric, byResidual: false }, makeKernel);
      });
    }
  }
  for (const metric of METRICS)
    for (const nbits of [4, 8] as const)
      for (const nlist of [0, 21])
        runCase(`prepares several queries: ${metric}, ${nbits} bits, nlist ${nlist}`, () =>
          [true, false].map((byResidual) =>
            prepareSeveral(
              { dim: 24, M: 8, nbits, nlist, metric, rotate: nlist > 0, byResidual: byResidual && nlist > 0 },
              makeKernel,
            ),
          ),
        );
  runCase("answers the same when it is used again", () => {
    const { kernel, query } = setUp({ dim: 16, M: 8, nbits: 4, nlist: 0 }, 500, makeKernel);
    const ask = (): Ranking => searchAll(kernel, query, 500, 10, 0);
    const asked = ask();
    const first = { ordinals: asked.ordinals.slice(), scores: asked.scores.slice() };
    kernel.setQuery(query.map((x) => -x));
    kernel.begin(3, 0, Number.NEGATIVE_INFINITY);
    kernel.scan(0, 500, 0, 0);
    equalRanking("second answer", ask(), first);
  });
}

interface SetUp {
  readonly kernel: AdcKernel;
  readonly scalar: AdcKernel;
  readonly query: Float32Array;
}

/** Both kernels with the same blocks loaded, or given for good, in two parts. */
function setUp(shape: Shape, n: number, makeKernel: KernelFactory, stay = false): SetUp {
  const codebook = randomCodebook(shape, shape.M + 1);
  const { assignments, codes } = randomCodes(codebook, n, shape.M + 2);
  const { terms, range } = termsOf(codebook, assignments, codes);
  const blocks = packBlocks(codebook, codes, undefined, terms, range);
  const kernel = makeKernel(codebook, range);
  const scalar: AdcKernel = new ScalarKernel(codebook);
  const numBlocks = Math.ceil(n / BLOCK);
  const size = blocks.length / numBlocks;
  const half = numBlocks >> 1;
  for (const each of [kernel, scalar]) {
    for (const [from, to] of [
      [half, numBlocks],
      [0, half],
    ] as const) {
      const part = blocks.subarray(from * size, to * size);
      if (stay && each.keep !== undefined) each.keep(part, from, numBlocks);
      else each.load(part, from, numBlocks);
    }
    for (const at of [0, half, numBlocks - 1])
      equalArray(`block ${at}`, each.block(at), blocks.subarray(at * size, (at + 1) * size));
  }
  if (stay && kernel.name !== "scalar") equal("keeps blocks", kernel.keep !== undefined, true);
  return { kernel, scalar, query: normals(shape.dim, random(shape.M + 3)) };
}

function termsOf(
  codebook: ReturnType<typeof randomCodebook>,
  assignments: Uint32Array,
  codes: Uint8Array,
): { terms?: Float32Array; range: TermRange } {
  if (!hasTerms(codebook)) return { range: { min: 0, max: 0 } };
  const { dim, metric } = codebook;
  const decoded = decodeRotated(codebook, assignments, codes);
  const terms = Float32Array.from(assignments, (_, i) => {
    const square = decoded.subarray(i * dim, (i + 1) * dim).reduce((sum, x) => sum + x * x, 0);
    return metric === "l2" ? square : Math.sqrt(square);
  });
  return { terms, range: { min: Math.min(...terms), max: Math.max(...terms) } };
}

function searchAll(kernel: AdcKernel, query: Float32Array, n: number, k: number, bias: number): Ranking {
  kernel.setQuery(query);
  kernel.begin(k, bias, Number.NEGATIVE_INFINITY);
  kernel.scan(0, n, 0, bias);
  return kernel.finish();
}

function compareAll(shape: Shape, n: number, makeKernel: KernelFactory, stay = false): void {
  const { kernel, scalar, query } = setUp(shape, n, makeKernel, stay);
  const both = <T>(run: (kernel: AdcKernel) => T): [T, T] => [run(kernel), run(scalar)];
  equalArray("q·u", ...both((each) => each.setQuery(query).slice()));
  if (shape.nlist > 0) equalArray("cells", ...both((each) => each.probe(shape.nlist, allFilled(shape.nlist))));
  for (const k of [1, 10, Math.ceil(0.9 * n), n])
    equalRanking(`top ${k} of ${n}`, ...both((each) => searchAll(each, query, n, k, 0.25)));
  // Stretches of several lists, with biases, the second one masked; the first ordinal is 1000.
  const mask = Uint32Array.from({ length: Math.ceil(n / BLOCK) + 1 }, (_, i) =>
    i % 3 === 2 ? 0 : Math.imul(i + 1, 0x9e3779b1),
  );
  const cut = Math.floor(n / 3);
  equalRanking(
    "two stretches",
    ...both((each) => {
      each.begin(7, 1.5, Number.NEGATIVE_INFINITY);
      each.scan(0, cut, 1000, -0.5);
      each.scan(cut, n, 1000, 1.5, mask);
      return each.finish();
    }),
  );
  const [, all] = both((each) => searchAll(each, query, n, n, 0));
  const floor = all.scores[Math.floor(n / 4)]!;
  equalRanking(
    "floor",
    ...both((each) => {
      each.begin(n, 0, floor);
      each.scan(0, n, 0, 0);
      return each.finish();
    }),
  );
  // Far below the floor blocks are left before their last rows.
  const high = all.scores[Math.floor(n / 100)]!;
  equalRanking(
    "two stretches, high floor",
    ...both((each) => {
      each.begin(n, 0, high);
      each.scan(0, cut, 0, 0);
      each.scan(cut, n, 0, -0.3 * Math.abs(high));
      return each.finish();
    }),
  );
  equalRanking(
    "three stretches in one call",
    ...both((each) => {
      const stretches = [
        { start: cut, end: n, mask },
        { start: 0, end: cut },
        { start: cut, end: n },
      ];
      const biases = [1.5, -0.5, 0.25];
      if (each.rank !== undefined) return each.rank(stretches, biases, 9, floor);
      if (each.name !== "scalar") throw new Error(`kernel ${each.name} cannot rank stretches`);
      each.begin(9, 1.5, floor);
      for (const [i, { start, end, mask }] of stretches.entries()) each.scan(start, end, 0, biases[i]!, mask);
      return each.finish();
    }),
  );
  const positions = Uint32Array.from({ length: Math.min(n, 50) }, (_, i) => (i * 37) % n);
  const biases = Float32Array.from(positions, (position) => position / 7);
  equalArray("single scores", ...both((each) => each.scores(positions, biases)));
}

/** Queries that are prepared together are those that are set one by one. */
function prepareSeveral(shape: Shape, makeKernel: KernelFactory, stay = false): void {
  const n = 300;
  const { kernel, scalar } = setUp(shape, n, makeKernel, stay);
  if (kernel.prepare === undefined) {
    if (kernel.name !== "scalar") throw new Error(`kernel ${kernel.name} cannot prepare queries`);
    return;
  }
  for (const count of [1, 2, 5]) {
    const queries = Array.from({ length: count }, (_, h) => normals(shape.dim, random(h + count)));
    equal("room for some", kernel.prepare(queries), true);
    scoreByEach(shape, n, queries, kernel, scalar);
    for (const h of [...queries.keys(), 0]) {
      equalArray(`products of ${h} of ${count}`, kernel.useQuery!(h), scalar.setQuery(queries[h]!));
      for (const each of [kernel, scalar]) {
        each.begin(20, 0, Number.NEGATIVE_INFINITY);
        each.scan(0, n, 0, 0);
      }
      equalRanking(`query ${h} of ${count}`, kernel.finish(), scalar.finish());
      if (shape.nlist === 0) continue;
      const cells = allFilled(shape.nlist);
      equalArray(`cells of ${h} of ${count}`, kernel.probe(2, cells), scalar.probe(2, cells));
    }
  }
  const many = Array.from({ length: 1 << 12 }, () => new Float32Array(shape.dim));
  equal("room for many", kernel.prepare(many), false);
}

/** Items by each of the queries that are prepared: those of one cell or other, some twice. */
function scoreByEach(shape: Shape, n: number, queries: Float32Array[], kernel: AdcKernel, scalar: AdcKernel): void {
  const positions = Uint32Array.from({ length: 70 }, (_, i) => (i * 37) % Math.min(n, 61));
  const cells = positions.map((_, i) => (shape.nlist === 0 ? 0 : (i * 5) % shape.nlist));
  const scores = kernel.scoresByEach!(positions, cells)?.slice();
  equal("scores by each in one go", scores === undefined, shape.nbits === 8);
  if (scores === undefined) return;
  const { byResidual = shape.nlist > 0 } = shape;
  for (const [h, query] of queries.entries()) {
    const products = scalar.setQuery(query);
    const biases = Float32Array.from(cells, (cell) => (byResidual ? products[cell]! : 0));
    const got = scores.subarray(h * positions.length, (h + 1) * positions.length);
    equalArray(`scores by ${h} of ${queries.length}`, got, scalar.scores(positions, biases));
  }
}

const allFilled = (nlist: number): Cells => ({ sizes: new Uint32Array(nlist).fill(1), numFilled: nlist });

/** The definition: all cells by their score, without those that hold nothing, as many as are wanted. */
function probeFilled(nlist: number, metric: Codebook["metric"], makeKernel: KernelFactory, spread = false): void {
  const { kernel, scalar, query } = setUp({ dim: 8, M: 4, nbits: 4, nlist, metric, spread }, 100, makeKernel);
  for (const each of [kernel, scalar]) each.setQuery(query);
  const ranked = [...scalar.probe(nlist, allFilled(nlist))];
  equal("cells in all", ranked.length, nlist);
  const next = random(nlist);
  for (const share of [0, 0.3, 0.7, 1]) {
    const sizes = Uint32Array.from({ length: nlist }, () => (next() < share ? 1 + Math.floor(next() * 1000) : 0));
    const cells = { sizes, numFilled: sizes.filter((size) => size > 0).length };
    for (const nprobe of [1, 3, nlist, 1 << 24]) {
      const expected = ranked.filter((cell) => sizes[cell]! > 0).slice(0, nprobe);
      for (const each of [kernel, scalar])
        equalArray(`${cells.numFilled} of ${nlist} filled, nprobe ${nprobe}`, each.probe(nprobe, cells), expected);
    }
  }
}

/** Lists of uneven length, some empty. */
function searchAtOnce(shape: Shape, makeKernel: KernelFactory): void {
  const n = 1200;
  const { kernel, scalar, query } = setUp(shape, n, makeKernel);
  if (kernel.search === undefined) {
    // The definition is spelled out in steps; a kernel that is called for its speed must have it.
    if (kernel.name !== "scalar") throw new Error(`kernel ${kernel.name} has no search`);
    return;
  }
  const cells = Math.max(1, shape.nlist);
  const offsets = Uint32Array.from({ length: cells + 1 }, (_, l) =>
    l === cells ? n : Math.floor((l / cells) ** 2 * n) & ~(l % 3),
  );
  const filled = countCells(offsets);
  const { byResidual = shape.nlist > 0 } = shape;
  for (const nprobe of new Set([1, Math.ceil(cells / 3), cells])) {
    for (const k of [1, 10, 700, n]) {
      const products = scalar.setQuery(query);
      const visited = shape.nlist === 0 ? [0] : [...scalar.probe(nprobe, filled)];
      const bias = (l: number): number => (byResidual ? products[l]! : 0);
      scalar.begin(k, Math.max(...visited.map(bias)), Number.NEGATIVE_INFINITY);
      for (const l of visited) scalar.scan(offsets[l]!, offsets[l + 1]!, 0, bias(l));
      const got = kernel.search(query, offsets, filled, nprobe, k);
      equalRanking(`nlist ${shape.nlist}, nprobe ${nprobe}, k ${k}`, got, scalar.finish());
      equal("lists probed", got.listsProbed, visited.length);
      equal(
        "codes scanned",
        got.codesScanned,
        visited.reduce((sum, l) => sum + offsets[l + 1]! - offsets[l]!, 0),
      );
    }
  }
}

/** All items have the same code: the k smallest ordinals must come, in order, whichever list is scanned first. */
function equalScores(makeKernel: KernelFactory): void {
  for (const nbits of [4, 8] as const) {
    const codebook = randomCodebook({ dim: 16, M: 8, nbits, nlist: 0 }, 1);
    const kernel = makeKernel(codebook, { min: 0, max: 0 });
    kernel.load(packBlocks(codebook, new Uint8Array(300 * 8)), 0, 10);
    kernel.setQuery(normals(16, random(2)));
    kernel.begin(5, 0, Number.NEGATIVE_INFINITY);
    kernel.scan(200, 300, 0, 0);
    kernel.scan(0, 200, 0, 0);
    equal("ordinals of equal scores", kernel.finish().ordinals.join(" "), "0 1 2 3 4");
  }
}

function equalRanking(what: string, got: Ranking, expected: Ranking): void {
  equalArray(`${what}: ordinals`, got.ordinals, expected.ordinals);
  equalArray(`${what}: scores`, got.scores, expected.scores);
}

function equalArray(what: string, got: ArrayLike<number>, expected: ArrayLike<number>): void {
  equal(`${what}: length`, got.length, expected.length);
  for (let i = 0; i < expected.length; i++) if (got[i] !== expected[i]) equal(`${what} [${i}]`, got[i], expected[i]);
}

function equal(what: string, got: unknown, expected: unknown): void {
  if (got !== expected) throw new Error(`${what} expected ${expected}, got ${got}`);
}
