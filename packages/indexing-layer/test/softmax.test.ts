import * as tf from "@tensorflow/tfjs";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { softmaxKernelBytes } from "../src/load-kernels.ts";
import { Random } from "../src/random.ts";
import { startHelpers } from "../src/softmax/helpers.ts";
import { MOST_PLACES, SoftmaxKernel, type StartHelpers } from "../src/softmax/kernel.ts";
import { softmaxLoss, useSoftmaxKernel } from "../src/softmax/loss.ts";
import type { Lists, SoftmaxProblem, SoftmaxResult } from "../src/softmax/problem.ts";
import { softmaxInTensors } from "../src/softmax/tensors.ts";
import { type Place, runOn, SIMULATED } from "./backends.ts";
import { useBackend } from "./helpers.ts";

type Rows = ArrayLike<number>;
/** A problem in plain numbers; in double precision differences of its loss show its gradients. */
interface Numbers<A extends Float32Array | Float64Array = Float32Array> {
  readonly dim: number;
  readonly queries: A;
  readonly candidates: A;
  readonly scale: number;
  readonly logQ: Float32Array;
  readonly masked: Lists;
  readonly targets: Lists;
  readonly targetWeights: Float32Array;
  readonly logWeights: A;
  /** (G·S) where groups share rows; else each place has its own. */
  readonly shared?: Uint32Array | undefined;
  readonly least: number;
  readonly jointly?: boolean;
  readonly teacher?: { readonly candidates: Float32Array; readonly weight: number };
}
type WideProblem = Numbers<Float64Array>;

const toCsr = (lists: number[][]): Lists => ({
  offsets: Uint32Array.from([0, ...lists.map((_, i) => lists.slice(0, i + 1).flat().length)]),
  values: Uint32Array.from(lists.flat()),
});

interface Sizes {
  readonly groups: number;
  readonly places: number;
  readonly count: number;
  readonly dim: number;
  readonly scale?: number;
  readonly least?: number;
  readonly jointly?: boolean;
  readonly teacher?: boolean;
  /** Rows that the places share; left out: each has its own. */
  readonly rows?: number;
}

/** Every fifth group is without targets, every third without its last place; a third of the rows mask candidates. */
function problem(seed: number, sizes: Sizes): Numbers {
  const { groups, places, count, dim, scale = 3, least = 0, jointly, teacher, rows = groups * places } = sizes;
  const random = new Random(seed);
  const draw = (n: number, spread = 1): Float32Array =>
    Float32Array.from({ length: n }, () => random.normal() * spread);
  const wanted = Array.from({ length: groups }, (_, g) =>
    g % 5 === 4 ? [] : [g % count, ...(g % 2 ? [random.integer(count)] : [])],
  );
  const shared = sizes.rows ? Uint32Array.from({ length: groups * places }, () => random.integer(rows)) : undefined;
  const masked = Array.from({ length: rows }, (_, row) => {
    const columns = [random.integer(count), random.integer(count)];
    const ofRow = wanted.filter((_, g) =>
      shared ? shared.subarray(g * places, (g + 1) * places).includes(row) : g === Math.floor(row / places),
    );
    return row % 3 === 1 ? columns.filter((c) => !ofRow.flat().includes(c)) : [];
  });
  const logWeights = draw(groups * places);
  if (places > 1) for (let g = 2; g < groups; g += 3) logWeights[g * places + places - 1] = -1e9;
  const targets = toCsr(wanted);
  return {
    dim,
    queries: draw(rows * dim, 1 / Math.sqrt(dim)),
    shared,
    candidates: draw(count * dim),
    scale,
    logQ: draw(count),
    masked: toCsr(masked),
    targets,
    targetWeights: Float32Array.from(targets.values, () => 0.5 + random.integer(4)),
    logWeights,
    least,
    ...(jointly && { jointly }),
    ...(teacher ? { teacher: { candidates: draw(count * dim), weight: 0.3 } } : {}),
  };
}

function wide(problem: Numbers): WideProblem {
  return {
    ...problem,
    queries: Float64Array.from(problem.queries),
    candidates: Float64Array.from(problem.candidates),
    logWeights: Float64Array.from(problem.logWeights),
  };
}

function logSumExp(x: number[]): number {
  const most = Math.max(...x);
  let sum = 0;
  for (const value of x) sum += Math.exp(value - most);
  return most + Math.log(sum);
}

function logSoftmax(x: number[]): number[] {
  const logSum = logSumExp(x);
  return x.map((value) => value - logSum);
}

/** log p(c | row), minus infinity for a candidate that does not compete. */
function logProbabilities(problem: WideProblem, candidates: Rows, row: number): number[] {
  return logSoftmax(logits(problem, candidates, row));
}

function logits({ dim, queries, scale, logQ, masked }: WideProblem, candidates: Rows, row: number): number[] {
  const without = new Set(masked.values.subarray(masked.offsets[row], masked.offsets[row + 1]));
  return Array.from(logQ, (correction, c) => {
    if (without.has(c)) return Number.NEGATIVE_INFINITY;
    let dot = 0;
    for (let k = 0; k < dim; k++) dot += queries[row * dim + k]! * candidates[c * dim + k]!;
    return scale * dot - correction;
  });
}

/** The teacher's probabilities: constants, also where queries are moved to take differences. */
function teacherOf(problem: WideProblem): number[][] | undefined {
  const { teacher, logWeights } = problem;
  if (!teacher) return undefined;
  return Array.from(logWeights, (_, row) => logProbabilities(problem, teacher.candidates, row).map(Math.exp));
}

/** What the kernel is to compute, one sum at a time. */
function definition(problem: WideProblem, soft?: number[][]): { ranking: number; distillation: number; total: number } {
  const { candidates, targets, targetWeights, logWeights, shared, least, teacher } = problem;
  const groups = targets.offsets.length - 1;
  const places = logWeights.length / groups;
  let [ranking, total, distillation] = [0, 0, 0];
  for (let g = 0; g < groups; g++) {
    const logA = logSoftmax(Array.from(logWeights.subarray(g * places, (g + 1) * places)));
    const rowOf = (s: number): number => shared?.[g * places + s] ?? g * places + s;
    const logP = logA.map((_, s) => logProbabilities(problem, candidates, rowOf(s)));
    const rows = logA.map((a, s) => logits(problem, candidates, rowOf(s)).map((logit) => a + logit));
    const logSum = logSumExp(rows.flat());
    for (let i = targets.offsets[g]!; i < targets.offsets[g + 1]!; i++) {
      const target = targets.values[i]!;
      const logMixture = problem.jointly
        ? logSumExp(rows.map((row) => row[target]!)) - logSum
        : logSumExp(logA.map((a, s) => a + logP[s]![target]!));
      ranking -= targetWeights![i]! * (least > 0 ? Math.log(Math.exp(logMixture) + least) : logMixture);
      total += targetWeights![i]!;
    }
    const shares = soft?.[g] ?? [];
    for (const [c, p] of shares.entries()) if (p > 0) distillation -= (p * logP[0]![c]!) / groups;
  }
  ranking /= total;
  return { ranking, distillation, total: ranking + distillation * (teacher?.weight ?? 0) };
}

/** Positions to take differences at: all, or `most` of them. */
function some(length: number, most: number, random: Random): number[] {
  if (length <= most) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: most }, () => random.integer(length));
}

/** The same in tensors, one query a group without log weights. */
function inTensors(problem: Numbers): SoftmaxProblem {
  const { dim, queries, candidates, logWeights, teacher, targets, ...rest } = problem;
  const groups = targets.offsets.length - 1;
  const places = logWeights.length / groups;
  const rows = (values: Float32Array): tf.Tensor2D => tf.tensor2d(values, [values.length / dim, dim]);
  return {
    ...rest,
    targets,
    queries: rows(queries),
    candidates: rows(candidates),
    ...((places > 1 || problem.shared) && { logWeights: tf.tensor2d(logWeights, [groups, places]) }),
    ...(teacher && { teacher: { candidates: rows(teacher.candidates), weight: teacher.weight } }),
  };
}

function kernelOf(build: "plain" | "relaxed", helpers = 0): SoftmaxKernel {
  const bytes = softmaxKernelBytes(build);
  expect(bytes, "npm run kernels").toBeDefined();
  return new SoftmaxKernel(bytes!, helpers > 0 ? { count: helpers, start: startHelpers } : undefined);
}

const ways: Record<string, { place: Place; make: () => (problem: SoftmaxProblem) => SoftmaxResult }> = {
  ...Object.fromEntries(
    (["cpu", "wasm", ...SIMULATED, "tensorflow", "webgpu"] as const).map((place) => [
      `tensors on ${place}`,
      { place, make: () => softmaxInTensors },
    ]),
  ),
  "the kernel": { place: "wasm", make: () => makeRun("plain") },
  "the kernel with relaxed SIMD": { place: "wasm", make: () => makeRun("relaxed") },
};

function makeRun(build: "plain" | "relaxed") {
  const kernel = kernelOf(build);
  return (problem: SoftmaxProblem) => kernel.run(problem);
}

describe.each(Object.entries(ways))("the softmax by %s", (_, { place, make }) => {
  runOn(place);
  let run: (problem: Numbers) => Promise<{
    ranking: number;
    total: number;
    dQueries: Float32Array;
    dCandidates: Float32Array;
    dLogWeights: Float32Array;
  }>;
  beforeAll(() => {
    const compute = make();
    run = async (problem) => {
      const made = tf.tidy(() => {
        const { ranking, total, dQueries, dCandidates, dLogWeights } = compute(inTensors(problem));
        return [ranking, total, dQueries, dCandidates!, dLogWeights ?? tf.zerosLike(tf.tensor1d(problem.logWeights))];
      });
      const numbers = await Promise.all(made.map(async (tensor) => Float32Array.from(await tensor.data())));
      tf.dispose(made);
      const [ranking, total, dQueries, dCandidates, dLogWeights] = numbers as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      return { ranking: ranking[0]!, total: total[0]!, dQueries, dCandidates, dLogWeights };
    };
  });

  it.each<Sizes>([
    { groups: 5, places: 3, count: 13, dim: 12 },
    { groups: 1, places: 1, count: 1, dim: 4 },
    { groups: 3, places: 2, count: 7, dim: 3 },
    // 16 places: three groups a block; then groups that share blocks unevenly, and one that fills a block
    { groups: 7, places: 16, count: 101, dim: 20 },
    { groups: 11, places: 7, count: 50, dim: 8, scale: 20 },
    { groups: 2, places: MOST_PLACES, count: 9, dim: 16 },
    // candidates beyond a chunk, rows beyond a block
    { groups: 130, places: 1, count: 203, dim: 24, scale: 5 },
    { groups: 6, places: 4, count: 30, dim: 8, least: 0.01 },
    { groups: 11, places: 7, count: 50, dim: 8, jointly: true },
    { groups: 6, places: 4, count: 30, dim: 8, least: 0.01, jointly: true },
    { groups: 3, places: 1, count: 12, dim: 4, jointly: true },
    { groups: 9, places: 1, count: 11, dim: 4, teacher: true },
    { groups: 100, places: 1, count: 115, dim: 12, scale: 10, teacher: true },
    // rows that groups share: in less than a block, in several, and by more places than a block has rows
    { groups: 7, places: 3, count: 13, dim: 12, rows: 5 },
    { groups: 60, places: 5, count: 50, dim: 8, rows: 101, scale: 5 },
    { groups: 6, places: MOST_PLACES + 3, count: 11, dim: 4, rows: 20, least: 0.01 },
    { groups: 4, places: 1, count: 9, dim: 4, rows: 2 },
  ])("equals its definition, and its gradients differences of that: %o", async (sizes) => {
    const input = problem(sizes.count, sizes);
    const at = wide(input);
    const soft = teacherOf(at);
    const expected = definition(at, soft);
    const result = await run(input);
    expect(result.ranking).toBeCloseTo(expected.ranking, 4);
    expect(result.total).toBeCloseTo(expected.total, 4);
    const random = new Random(1);
    const products = sizes.groups * sizes.places * sizes.count * sizes.dim;
    for (const [values, gradient] of [
      [at.queries, result.dQueries],
      [at.candidates, result.dCandidates],
      [at.logWeights, result.dLogWeights],
    ] as const) {
      expect(gradient.length).toBe(values.length);
      const largest = gradient.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      for (const i of some(values.length, products > 50_000 ? 6 : 40, random)) {
        const h = 1e-4;
        const start = values[i]!;
        values[i] = start + h;
        const above = definition(at, soft).total;
        values[i] = start - h;
        const below = definition(at, soft).total;
        values[i] = start;
        const difference = start === -1e9 ? 0 : (above - below) / (2 * h);
        // relative to the largest: a small gradient may be the difference of two large ones
        expect(Math.abs(gradient[i]! - difference)).toBeLessThan(1e-5 * largest + 1e-7);
      }
    }
  });

  it("gives the same bits after other problems, larger ones too, went through its memory", async () => {
    const input = problem(1, { groups: 9, places: 5, count: 37, dim: 12 });
    const bitsOf = async (): Promise<number[][]> => {
      const { ranking, dQueries, dCandidates, dLogWeights } = await run(input);
      return [[ranking], [...dQueries], [...dCandidates], [...dLogWeights]];
    };
    const before = await bitsOf();
    await run(problem(2, { groups: 60, places: 1, count: 400, dim: 32, scale: 100, teacher: true }));
    expect(await bitsOf()).toEqual(before);
  });

  it("keeps to logarithms where probabilities are no single-precision numbers any more", async () => {
    const base = problem(3, { groups: 4, places: 1, count: 5, dim: 4, scale: 500 });
    const expected = definition(wide(base));
    expect(expected.ranking).toBeGreaterThan(200);
    const result = await run(base);
    expect(result.ranking / expected.ranking).toBeCloseTo(1, 5);
    expect(result.dQueries.every(Number.isFinite)).toBe(true);
  });

  it("bounds what a masked target costs, and pulls nothing towards it", async () => {
    const base = problem(4, { groups: 1, places: 2, count: 6, dim: 4 });
    const result = await run({ ...base, targets: toCsr([[2]]), masked: toCsr([[2], [2]]), least: 1e-30 });
    expect(result.ranking / -Math.log(1e-30)).toBeCloseTo(1, 6);
    for (const gradient of [result.dQueries, result.dCandidates, result.dLogWeights])
      expect([...gradient].every((x) => x === 0)).toBe(true);
  });
});

describe("the softmax in tensors on a device", () => {
  runOn("cpu as a device");

  it.each<Sizes>([
    { groups: 90, places: 1, count: 301, dim: 4 },
    { groups: 90, places: 1, count: 301, dim: 4, teacher: true },
    { groups: 30, places: 3, count: 301, dim: 4, least: 0.01, jointly: true },
    { groups: 30, places: 3, count: 301, dim: 4, rows: 90 },
  ])("holds at most four matrices of queries by candidates at once: %o", async (sizes) => {
    const input = inTensors(problem(1, sizes));
    const before = tf.memory().numBytes;
    const { peakBytes } = await tf.profile(() => tf.dispose(Object.values(softmaxInTensors(input))));
    expect((peakBytes - before) / (4 * 90 * 301)).toBeLessThan(sizes.teacher ? 4.5 : 2.5);
  });
});

/** Everything that a kernel makes of a problem. */
function bitsOf(kernel: SoftmaxKernel, input: SoftmaxProblem): number[][] {
  return tf.tidy(() => {
    const { ranking, total, dQueries, dCandidates, dLogWeights } = kernel.run(input);
    const made = [ranking, total, dQueries, dCandidates, ...(dLogWeights ? [dLogWeights] : [])];
    return made.map((tensor) => [...tensor!.dataSync<"float32">()]);
  });
}

/** Runs until helpers, once they have started, have taken blocks in some runs: the results are always the same. */
async function sameWithHelp(alone: SoftmaxKernel, make: (kernel: SoftmaxKernel) => unknown): Promise<void> {
  const expected = make(alone);
  const helped = kernelOf("plain", 2);
  for (let runs = 0; runs < 4; ) {
    const before = helped.blocksOfHelpers;
    expect(make(helped)).toEqual(expected);
    if (helped.blocksOfHelpers > before) runs++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(alone.blocksOfHelpers).toBe(0);
}

describe("the kernel", () => {
  let kernel: SoftmaxKernel;
  beforeAll(async () => {
    await useBackend("wasm");
    kernel = kernelOf("plain");
  });

  it("refuses groups that no block holds, and a teacher of a mixture", () => {
    const large = inTensors(problem(5, { groups: 1, places: MOST_PLACES + 1, count: 6, dim: 4 }));
    expect(() => kernel.run(large)).toThrow(/at most 48 places, got 49/);
    const two = inTensors(problem(5, { groups: 1, places: 2, count: 6, dim: 4 }));
    expect(() => kernel.run({ ...two, teacher: { candidates: two.candidates, weight: 1 } })).toThrow(/1 places, got 2/);
  });

  it.each<Sizes>([
    { groups: 40, places: 16, count: 1001, dim: 32, least: 1e-30 },
    { groups: 700, places: 1, count: 700, dim: 40, teacher: true },
    { groups: 100, places: 5, count: 1001, dim: 32, rows: 600, least: 1e-30 },
    { groups: 40, places: 16, count: 1001, dim: 32, jointly: true },
  ])("gives the same bits whoever helps: %o", async (sizes) => {
    const input = inTensors(problem(7, sizes));
    await sameWithHelp(kernel, (one) => bitsOf(one, input));
  });

  it("sums exponentials to the same bits whoever helps", async () => {
    const input = inTensors(problem(9, { groups: 900, places: 1, count: 1001, dim: 32 }));
    await sameWithHelp(kernel, (one) => [...one.logSums(input)]);
  });

  it("leaves helpers where they are for a problem that is not worth them", () => {
    const start = () => expect.fail("no helper is needed");
    const small = new SoftmaxKernel(softmaxKernelBytes("plain")!, { count: 2, start });
    const input = inTensors(problem(7, { groups: 5, places: 3, count: 13, dim: 12 }));
    expect(bitsOf(small, input)).toEqual(bitsOf(kernel, input));
  });

  it("goes on alone where no helper starts, and fails where one dies inside a run", () => {
    const input = inTensors(problem(7, { groups: 700, places: 1, count: 1001, dim: 32 }));
    const alone = new SoftmaxKernel(softmaxKernelBytes("plain")!, { count: 2, start: () => 0 });
    expect(bitsOf(alone, input)).toEqual(bitsOf(kernel, input));
    // the count of helpers at work, which one that is gone has not taken itself from
    const start: StartHelpers = (_, memory) => Atomics.add(new Int32Array(memory.buffer), (0xf000 + 128) / 4, 1) + 1;
    const deserted = new SoftmaxKernel(softmaxKernelBytes("plain")!, { count: 1, start, patience: 20 });
    expect(() => bitsOf(deserted, input)).toThrow("expected its helper threads to finish, got one that died in a run");
  });

  it.each<Sizes>([
    { groups: 20, places: 4, count: 300, dim: 16, scale: 40, least: 1e-30 },
    { groups: 60, places: 1, count: 200, dim: 16, scale: 40, teacher: true },
  ])("makes no numbers so small that processors slow down: %o", (sizes) => {
    const made = bitsOf(kernel, inTensors(problem(8, sizes))).flat();
    expect(made.filter((x) => x !== 0 && Math.abs(x) < 1.18e-38)).toEqual([]);
  });

  it("sums exponentials, with and without masks", () => {
    const numbers = problem(9, { groups: 101, places: 1, count: 203, dim: 24, scale: 5 });
    const sums = tf.tidy(() => [...kernel.logSums(inTensors(numbers))]) as number[];
    const of = wide(numbers);
    const rows = Array.from({ length: 101 }, (_, row) => {
      const without = new Set(of.masked.values.subarray(of.masked.offsets[row], of.masked.offsets[row + 1]));
      const logits = Array.from(of.logQ, (correction, c) =>
        of.queries
          .slice(row * 24, row * 24 + 24)
          .reduce((dot, x, k) => dot + 5 * x * of.candidates[c * 24 + k]!, -correction),
      );
      return logSumExp(logits.filter((_, c) => !without.has(c)));
    });
    for (const [row, sum] of sums.entries()) expect(sum).toBeCloseTo(rows[row]!, 4);
  });

  it("serves what fits it on wasm, and nothing else", async () => {
    const fits = inTensors(problem(5, { groups: 2, places: 3, count: 6, dim: 4 }));
    const large = inTensors(problem(5, { groups: 1, places: MOST_PLACES + 1, count: 6, dim: 4 }));
    expect(kernel.serves(fits)).toBe(true);
    expect(kernel.serves(large)).toBe(false);
    expect(kernel.serves({ ...fits, constantCandidates: true })).toBe(false);
    await useBackend("cpu");
    expect(kernel.serves(fits)).toBe(false);
    await useBackend("wasm");
  });
});

describe.each([
  ["wasm", undefined],
  ["wasm", "plain"],
  ["wasm as a device", "plain"],
  ["tensorflow", undefined],
] as const)("softmaxLoss on %s with the kernel %s", (place, build) => {
  runOn(place);
  beforeEach(() => {
    useSoftmaxKernel(build && kernelOf(build));
    return () => useSoftmaxKernel(undefined);
  });

  it("costs nothing where there is one candidate, which is right", () => {
    const { queries, candidates } = inTensors(problem(6, { groups: 3, places: 1, count: 1, dim: 4 }));
    const loss = (x: tf.Tensor2D) =>
      softmaxLoss({ queries: x, candidates, scale: 5, targets: tf.zeros([3], "int32"), constantCandidates: true })
        .total;
    const { value, grad } = tf.valueAndGrad((x) => loss(x as tf.Tensor2D))(queries);
    expect(value.dataSync()[0]).toBeCloseTo(0, 6);
    for (const g of grad.dataSync()) expect(g).toBeCloseTo(0, 6);
  });

  it("has the gradient of its scale's logarithm, carries its weight through, and leaves no tensor behind", () => {
    const base = inTensors(problem(3, { groups: 4, places: 1, count: 5, dim: 4, teacher: true }));
    const log = tf.scalar(Math.log(2));
    const at = (weight: number) => {
      const loss = (...args: tf.Tensor[]) => {
        const [queries, candidates, scale] = args as [tf.Tensor2D, tf.Tensor2D, tf.Scalar];
        return softmaxLoss({ ...base, queries, candidates, scale: { log: scale }, weight }).total;
      };
      return tf.valueAndGrads(loss)([base.queries, base.candidates, log]);
    };
    const before = tf.memory().numTensors;
    const [once, thrice] = [at(1), at(3)];
    const first = (tensor: tf.Tensor) => tensor.dataSync()[0]!;
    expect(first(thrice.value)).toBeCloseTo(3 * first(once.value), 4);
    for (const i of [0, 1, 2]) expect(first(thrice.grads[i]!)).toBeCloseTo(3 * first(once.grads[i]!), 4);
    const value = (logarithm: number) =>
      tf.tidy(() => first(softmaxLoss({ ...base, scale: Math.exp(logarithm), teacher: undefined }).total));
    const ranking = tf.tidy(() =>
      tf.grad((scale) => softmaxLoss({ ...base, scale: { log: scale as tf.Scalar }, teacher: undefined }).total)(log),
    );
    const h = 1e-2;
    expect(first(ranking)).toBeCloseTo((value(Math.log(2) + h) - value(Math.log(2) - h)) / (2 * h), 3);
    for (const { value: loss, grads } of [once, thrice]) tf.dispose([loss, grads]);
    ranking.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("takes a tensor of columns for one target a group", () => {
    const base = inTensors(problem(3, { groups: 4, places: 1, count: 5, dim: 4 }));
    const { targetWeights: _, ...plain } = base;
    const columns = [3, 0, 4, 3];
    const byLists = tf.tidy(
      () => softmaxLoss({ ...plain, targets: toCsr(columns.map((c) => [c])) }).total.dataSync()[0]!,
    );
    const byTensor = tf.tidy(
      () => softmaxLoss({ ...plain, targets: tf.tensor1d(columns, "int32") }).total.dataSync()[0]!,
    );
    expect(byTensor).toBeCloseTo(byLists, 6);
  });

  it("refuses a teacher of a mixture, and a problem without anything to find", () => {
    const mixture = inTensors(problem(5, { groups: 1, places: 2, count: 6, dim: 4 }));
    const teacher = { candidates: mixture.candidates, weight: 1 };
    expect(() => softmaxLoss({ ...mixture, teacher })).toThrow('"teacher" expected one query per group');
    expect(() => softmaxLoss({ ...mixture, targets: undefined })).toThrow("expected targets or a teacher, got neither");
    const shared = { ...mixture, shared: Uint32Array.of(0, 1) };
    expect(() => softmaxLoss({ ...shared, logWeights: undefined })).toThrow('"shared" expected logWeights beside it');
    expect(() => softmaxLoss({ ...shared, targets: tf.tensor1d([0], "int32") })).toThrow(
      '"targets" expected lists where groups share rows, got a tensor',
    );
  });
});
