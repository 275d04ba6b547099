import * as tf from "@tensorflow/tfjs-core";
import { type LogitsOf, type SoftmaxProblem, type SoftmaxResult, targetLists } from "./problem.ts";
import { takeTargets } from "./take-targets.ts";

/** What kernels/softmax.as.ts exports. */
interface SoftmaxExports {
  /** Where the numbers of a problem are expected. */
  readonly PROBLEM: { readonly value: number };
  setPatience(milliseconds: number): void;
  helpedSoFar(): number;
  configure(threads: number): number;
  run(scale: number, least: number, teacherWeight: number, jointly: boolean, resultAt: number): void;
  sharedRows(scale: number, tilesAt: number, sums: number): void;
  sharedSlopes(tilesAt: number, pulls: number): void;
  rowSums(scale: number, maxima: number, sums: number): void;
}

/** What is used of the wasm backend; the view is good until its next allocation. */
interface WasmBackend {
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array;
}

/** Rows of the kernel's blocks, which a group must fit that shares none. */
export const MOST_PLACES = 48;
/** Tiles of groups that share rows: more are left to tensors, which need as much several times. */
const MOST_TILE_BYTES = 2 ** 30;
const PANEL = 4;
const LANES = 8;
const NEVER = -3e38;
const PAGE = 65_536;
/** What the kernel is compiled for: 4 GiB. */
const MOST_PAGES = 65_536;
/** Multiply-adds of a problem from which on helpers are worth waking: a millisecond or two. */
const WORTH_HELP = 1 << 24;

/** While a thread waits, somebody must do something in so long; a block takes less than a second of it. */
const PATIENCE_MS = 120_000;

/** Starts threads that serve a kernel's memory, at most `count`; returns how many. See helpers.ts. */
export type StartHelpers = (module: WebAssembly.Module, memory: WebAssembly.Memory, count: number) => number;

/** Threads that help, for problems worth it. */
export interface Helpers {
  readonly count: number;
  readonly start: StartHelpers;
  /** Milliseconds without a sign of life of any thread after which a run fails; default: two minutes. */
  readonly patience?: number;
}

/**
 * The kernel of kernels/softmax.as.ts with a memory of its own, which grows with the problems it is given: loss and
 * gradients by blocks of rows, without a matrix of all rows. With helpers the same bits, sooner.
 */
export class SoftmaxKernel {
  readonly #module: WebAssembly.Module;
  readonly #memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared: true });
  readonly #wasm: SoftmaxExports;
  readonly #helpers: Helpers | undefined;
  /** Helpers that were started. */
  #running: number | undefined;
  #hasWarned = false;
  #end = PAGE;

  constructor(bytes: Uint8Array, helpers?: Helpers) {
    this.#module = new WebAssembly.Module(bytes);
    this.#wasm = new WebAssembly.Instance(this.#module, { env: { memory: this.#memory } }).exports as SoftmaxExports;
    this.#helpers = helpers;
    this.#wasm.setPatience(helpers?.patience ?? PATIENCE_MS);
  }

  /** Blocks that helpers have taken, of all runs so far. */
  get blocksOfHelpers(): number {
    return this.#wasm.helpedSoFar();
  }

  /** @throws Error when a helper died inside the run, whose problem then is not done */
  #finish(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!this.#running || !(error instanceof WebAssembly.RuntimeError)) throw error;
      const message =
        "[indexing-layer] softmax kernel expected its helper threads to finish, got one that died in a run";
      throw new Error(message, { cause: error });
    }
  }

  /**
   * Whether a problem is one for the kernel: on the wasm backend, in groups that fit a block, and with candidates to
   * train (constant ones are few, and it would compute a gradient that nobody wants).
   */
  serves({ queries, candidates, logWeights, constantCandidates, shared }: SoftmaxProblem): boolean {
    const fits = shared
      ? 4 * roundUp(queries.shape[0], MOST_PLACES) * candidates.shape[0] <= MOST_TILE_BYTES
      : (logWeights?.shape[1] ?? 1) <= MOST_PLACES;
    const isFor = tf.getBackend() === "wasm" && !constantCandidates;
    if (isFor && shared && !fits && !this.#hasWarned) {
      this.#hasWarned = true;
      const size = `${queries.shape[0]} rows × ${candidates.shape[0]} candidates`;
      process.emitWarning(`[indexing-layer] training goes on slower: ${size} are more than the softmax kernel holds`);
    }
    return isFor && fits;
  }

  /** log Σ_c exp(logit) of each of the queries, over the candidates that are not masked: (rows). */
  logSums(problem: LogitsOf): Float64Array {
    const { at, memory, scale } = this.#place(problem, true);
    const [rows] = problem.queries.shape;
    this.#finish(() => this.#wasm.rowSums(scale, at.maxima, at.sums));
    const [maxima, sums] = [at.maxima, at.sums].map((from) => new Float32Array(memory, from, rows));
    return Float64Array.from(maxima!, (most, row) => most + Math.log(sums![row]!));
  }

  /** @throws RangeError when a group has more than `MOST_PLACES` queries, or several and there is a teacher */
  run(problem: SoftmaxProblem): SoftmaxResult {
    const { teacher, shared, logWeights, weight = 1 } = problem;
    const [rows, dim] = problem.queries.shape;
    const count = problem.candidates.shape[0];
    const { at, memory, scale, c, d, groups, places, read, readColumns } = this.#place(problem);
    // views of the kernel's memory, which the backend copies
    const weighed = (values: Float32Array, shape: [number, number]): tf.Tensor2D => {
      const gradient = tf.tensor2d(values, shape);
      return weight === 1 ? gradient : tf.mul(gradient, weight);
    };
    const matrix = (from: number, rows: number): tf.Tensor2D =>
      weighed(unpadded(new Float32Array(memory, from, rows * d), dim, d), [rows, dim]);
    if (shared) {
      this.#finish(() => this.#wasm.sharedRows(scale, at.tiles, at.sums));
      const { loss, dLogWeights } = takeTargets(
        {
          entries: new Float32Array(memory, at.tiles, roundUp(rows, MOST_PLACES) * c),
          sums: new Float32Array(memory, at.sums, rows),
          pulls: new Float64Array(memory, at.pulls, rows),
          at: (row, column) => (row - (row % MOST_PLACES)) * c + column * MOST_PLACES + (row % MOST_PLACES),
        },
        { ...problem, shared, scale, places: logWeights!.shape[1] },
        read(logWeights!),
        targetLists(problem.targets, logWeights!.shape[0], readColumns),
      );
      this.#finish(() => this.#wasm.sharedSlopes(at.tiles, at.pulls));
      return {
        ranking: tf.scalar(loss),
        total: tf.scalar(weight * loss),
        dQueries: matrix(at.dQueries, rows),
        dCandidates: matrix(at.dCandidates, count),
        dLogWeights: weighed(dLogWeights, logWeights!.shape),
      };
    }
    const { least = 0, jointly = false } = problem;
    this.#finish(() => this.#wasm.run(scale, least, teacher?.weight ?? 0, jointly, at.result));
    const [ranking, distillation] = new Float64Array(memory, at.result, 2) as unknown as [number, number];
    return {
      ranking: tf.scalar(ranking),
      total: tf.scalar(weight * (ranking + distillation * (teacher?.weight ?? 0))),
      dQueries: matrix(at.dQueries, rows),
      dCandidates: matrix(at.dCandidates, count),
      dLogWeights: logWeights && weighed(new Float32Array(memory, at.dLogWeights, rows), [groups, places]),
    };
  }

  /**
   * Puts a problem into the kernel's memory, with room for what comes of it.
   * @param hasSums whether sums of rows are wanted, whatever they are for
   */
  #place(problem: SoftmaxProblem, hasSums = problem.shared !== undefined) {
    const { teacher, shared, logWeights } = problem;
    const [rows, dim] = problem.queries.shape;
    const count = problem.candidates.shape[0];
    // rows that groups share are each a group of their own to the kernel, without targets
    const [groups, places] = (shared ? undefined : logWeights?.shape) ?? [rows, 1];
    if (places > MOST_PLACES || (teacher && places !== 1))
      throw new RangeError(
        `[indexing-layer] softmax kernel expected ${teacher ? 1 : `at most ${MOST_PLACES}`} places, got ${places}`,
      );
    const backend = tf.backend() as unknown as WasmBackend;
    const read = (tensor: tf.Tensor): Float32Array => backend.typedArrayFromHeap(tensor) as Float32Array;
    const readColumns = (columns: tf.Tensor1D) => backend.typedArrayFromHeap(columns);
    const targets = targetLists(shared ? undefined : problem.targets, groups, readColumns);
    const masked = problem.masked ?? targetLists(undefined, rows, read);
    const scale = typeof problem.scale === "number" ? problem.scale : Math.exp(read(problem.scale.log)[0]!);
    const d = roundUp(dim, LANES);
    const c = roundUp(count, PANEL);
    this.#end = PAGE;
    const at = {
      queries: this.#reserve(4 * rows * d),
      candidates: this.#reserve(4 * c * d),
      teacher: teacher ? this.#reserve(4 * c * d) : 0,
      biases: this.#reserve(4 * c),
      maskOffsets: this.#reserve(4 * (rows + 1)),
      maskColumns: this.#reserve(4 * masked.values.length),
      targetOffsets: this.#reserve(4 * (groups + 1)),
      targetColumns: this.#reserve(4 * targets.values.length),
      targetWeights: this.#reserve(4 * targets.values.length),
      logWeights: this.#reserve(4 * rows),
      dQueries: this.#reserve(4 * rows * d),
      dCandidates: this.#reserve(4 * c * d),
      dLogWeights: this.#reserve(4 * rows),
      result: this.#reserve(16),
      tiles: shared ? this.#reserve(4 * roundUp(rows, MOST_PLACES) * c) : 0,
      sums: hasSums ? this.#reserve(4 * roundUp(rows, MOST_PLACES)) : 0,
      maxima: hasSums ? this.#reserve(4 * roundUp(rows, MOST_PLACES)) : 0,
      pulls: shared ? this.#reserve(8 * rows) : 0,
    };
    const { result, tiles, sums, pulls, maxima, ...addresses } = at;
    const numbers = [groups, places, c, d, targets.values.length, ...Object.values(addresses), this.#end];
    new Int32Array(this.#memory.buffer, this.#wasm.PROBLEM.value, numbers.length).set(numbers);
    this.#grow(this.#wasm.configure(this.#threadsFor(rows * c * d)), `${rows} × ${count} logits of dim ${dim}`);
    const memory = this.#memory.buffer;
    const place = (to: number, { buffer, byteOffset, byteLength }: Float32Array | Uint32Array): void =>
      new Uint8Array(memory, to).set(new Uint8Array(buffer, byteOffset, byteLength));
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
    // views of the backend's memory, copied before anything is allocated there
    placeRows(at.queries, read(problem.queries), rows);
    placeRows(at.candidates, read(problem.candidates), c);
    if (teacher) placeRows(at.teacher, read(teacher.candidates), c);
    const biases = new Float32Array(memory, at.biases, c).fill(NEVER);
    for (let column = 0; column < count; column++) biases[column] = -(problem.logQ?.[column] ?? 0);
    place(at.maskOffsets, masked.offsets);
    place(at.maskColumns, masked.values);
    place(at.targetOffsets, targets.offsets);
    place(at.targetColumns, targets.values);
    if (problem.targetWeights) place(at.targetWeights, problem.targetWeights);
    else new Float32Array(memory, at.targetWeights, targets.values.length).fill(1);
    place(at.logWeights, logWeights && !shared ? read(logWeights) : new Float32Array(rows));
    return { at, memory, scale, c, d, groups, places, read, readColumns };
  }

  /** Threads that take part: helpers only where they are worth it, and started when they first are. */
  #threadsFor(work: number): number {
    const helpers = this.#helpers;
    if (!helpers || work < WORTH_HELP) return 1;
    this.#running ??= helpers.start(this.#module, this.#memory, helpers.count);
    return 1 + this.#running;
  }

  #reserve(bytes: number): number {
    const start = this.#end;
    this.#end += roundUp(bytes, 64);
    return start;
  }

  /** @throws RangeError naming the problem */
  #grow(end: number, what: string): void {
    const missing = Math.ceil((end - this.#memory.buffer.byteLength) / PAGE);
    if (missing <= 0) return;
    try {
      this.#memory.grow(missing);
    } catch (error) {
      const size = `${Math.ceil(end / 2 ** 20)} MiB`;
      throw new RangeError(`[indexing-layer] softmax kernel expected ${size} of memory for ${what}, got less`, {
        cause: error,
      });
    }
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
