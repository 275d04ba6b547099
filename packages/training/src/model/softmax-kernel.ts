import { readFileSync } from "node:fs";
import { supportsRelaxedSimd } from "@poeem/pq-core";
import type { Csr } from "../data/csr.ts";

/**
 * A mixture of softmaxes over candidates that all queries share, and what it is to give. Shapes: G groups of S query
 * vectors, C candidates.
 */
export interface SoftmaxProblem {
  readonly dim: number;
  /** (G·S, dim), group by group. */
  readonly queries: Float32Array;
  /** (C, dim) */
  readonly candidates: Float32Array;
  /** What products of the two are multiplied by. */
  readonly scale: number;
  /** (C), subtracted from the logits. */
  readonly logQ: Float32Array;
  /** Columns of each of the G·S rows that do not compete. */
  readonly masked: Csr;
  /** Columns that each group is to give. */
  readonly targets: Csr;
  /** Of each target; all 1 when left out. */
  readonly targetWeights?: Float32Array;
  /** (G, S) logarithms of the weights, up to a constant a group; very negative for an empty place. */
  readonly logWeights: Float32Array;
  /** Added to the probability of a target, so that its logarithm stays finite; 0 = it is kept as a logarithm throughout. */
  readonly least: number;
  /** (C, dim) candidates whose softmax is a second, soft target; for S = 1 only. `weight` is that of its loss. */
  readonly teacher?: { readonly candidates: Float32Array; readonly weight: number };
}

/** Loss and gradients; the arrays are views of the kernel's memory, good until its next run. */
export interface SoftmaxResult {
  /** −Σ weight · log p(target) / Σ weight */
  readonly ranking: number;
  /** Cross-entropy with the teacher, mean over the rows, without its weight; 0 without a teacher. */
  readonly distillation: number;
  /** Gradients of ranking + weight · distillation. */
  readonly dQueries: Float32Array;
  readonly dCandidates: Float32Array;
  readonly dLogWeights: Float32Array;
}

/** What src/kernels/softmax.as.ts exports. */
interface SoftmaxExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  configure(...values: number[]): number;
  run(scale: number, least: number, teacherWeight: number, resultAt: number): void;
}

/** Rows of the kernel's blocks: a group must fit one. */
export const MOST_PLACES = 48;
const PANEL = 4;
const LANES = 8;
const NEVER = -3e38;
const PAGE = 65_536;

/** The kernel of src/kernels/softmax.as.ts with a memory of its own, which grows with the problems it is given. */
export class SoftmaxKernel {
  private readonly wasm: SoftmaxExports;
  private end = PAGE;

  constructor(bytes: Uint8Array) {
    this.wasm = new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports as SoftmaxExports;
  }

  /** @throws RangeError when a group has more than `MOST_PLACES` query vectors, or several and there is a teacher */
  run(problem: SoftmaxProblem): SoftmaxResult {
    const { dim, queries, candidates, masked, targets, logWeights, teacher } = problem;
    const [rows, count, groups] = [queries.length / dim, candidates.length / dim, targets.offsets.length - 1];
    const places = rows / groups;
    if (places > MOST_PLACES || (teacher && places !== 1))
      throw new RangeError(
        `[trainer] softmax kernel expected ${teacher ? 1 : `at most ${MOST_PLACES}`} places, got ${places}`,
      );
    const d = roundUp(dim, LANES);
    const c = roundUp(count, PANEL);
    this.end = PAGE;
    const at = {
      queries: this.reserve(4 * rows * d),
      candidates: this.reserve(4 * c * d),
      teacher: teacher ? this.reserve(4 * c * d) : 0,
      biases: this.reserve(4 * c),
      maskOffsets: this.reserve(4 * (rows + 1)),
      maskColumns: this.reserve(4 * masked.values.length),
      targetOffsets: this.reserve(4 * (groups + 1)),
      targetColumns: this.reserve(4 * targets.values.length),
      targetWeights: this.reserve(4 * targets.values.length),
      logWeights: this.reserve(4 * rows),
      dQueries: this.reserve(4 * rows * d),
      dCandidates: this.reserve(4 * c * d),
      dLogWeights: this.reserve(4 * rows),
      result: this.reserve(16),
    };
    const { result, ...addresses } = at;
    const numbers = [groups, places, c, d, targets.values.length];
    this.grow(this.wasm.configure(...numbers, ...Object.values(addresses), this.end));
    const memory = this.wasm.memory.buffer;
    const place = (to: number, values: Float32Array | Uint32Array): void =>
      values instanceof Float32Array
        ? new Float32Array(memory, to, values.length).set(values)
        : new Uint32Array(memory, to, values.length).set(values);
    const placeRows = (to: number, values: Float32Array, padded: number): void => {
      const all = new Float32Array(memory, to, padded * d);
      if (d === dim) all.set(values);
      else {
        all.fill(0);
        for (let row = 0; row * dim < values.length; row++)
          all.set(values.subarray(row * dim, (row + 1) * dim), row * d);
      }
      all.fill(0, (values.length / dim) * d);
    };
    placeRows(at.queries, queries, rows);
    placeRows(at.candidates, candidates, c);
    if (teacher) placeRows(at.teacher, teacher.candidates, c);
    const biases = new Float32Array(memory, at.biases, c).fill(NEVER);
    for (let column = 0; column < count; column++) biases[column] = -problem.logQ[column]!;
    place(at.maskOffsets, masked.offsets);
    place(at.maskColumns, masked.values);
    place(at.targetOffsets, targets.offsets);
    place(at.targetColumns, targets.values);
    if (problem.targetWeights) place(at.targetWeights, problem.targetWeights);
    else new Float32Array(memory, at.targetWeights, targets.values.length).fill(1);
    place(at.logWeights, logWeights);
    this.wasm.run(problem.scale, problem.least, teacher?.weight ?? 0, result);
    const [ranking, distillation] = new Float64Array(memory, result, 2) as unknown as [number, number];
    return {
      ranking,
      distillation,
      dQueries: unpadded(new Float32Array(memory, at.dQueries, rows * d), dim, d),
      dCandidates: unpadded(new Float32Array(memory, at.dCandidates, count * d), dim, d),
      dLogWeights: new Float32Array(memory, at.dLogWeights, rows),
    };
  }

  private reserve(bytes: number): number {
    const start = this.end;
    this.end += roundUp(bytes, 64);
    return start;
  }

  private grow(end: number): void {
    const missing = Math.ceil((end - this.wasm.memory.buffer.byteLength) / PAGE);
    if (missing > 0) this.wasm.memory.grow(missing);
  }
}

function roundUp(x: number, multiple: number): number {
  return Math.ceil(x / multiple) * multiple;
}

/** (n, padded) → (n, dim) */
function unpadded(rows: Float32Array, dim: number, padded: number): Float32Array {
  if (dim === padded) return rows;
  const out = new Float32Array((rows.length / padded) * dim);
  for (let row = 0; row * dim < out.length; row++) out.set(rows.subarray(row * padded, row * padded + dim), row * dim);
  return out;
}

let loaded: { readonly kernel: SoftmaxKernel | undefined } | undefined;

/**
 * The kernel in the build that this engine can compile, made once. Undefined when it has not been built (`npm run build -w
 * @poeem/trainer`): then the same losses are computed in tensors.
 */
export function softmaxKernel(): SoftmaxKernel | undefined {
  if (!loaded) {
    const bytes = softmaxKernelBytes(supportsRelaxedSimd() ? "relaxed" : "plain");
    loaded = { kernel: bytes && new SoftmaxKernel(bytes) };
  }
  return loaded.kernel;
}

/** A build of the kernel; undefined when there is none. */
export function softmaxKernelBytes(build: "relaxed" | "plain"): Uint8Array | undefined {
  const file = build === "relaxed" ? "softmax-relaxed.wasm" : "softmax.wasm";
  try {
    return readFileSync(new URL(`../../dist/${file}`, import.meta.url));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
