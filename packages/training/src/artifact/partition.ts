import { logSumExp, logSums, Random } from "@poeem/indexing-layer";
import { type ProgressStarter, silentProgress, type Tick, withProgress } from "@poeem/offline/progress";
import { type HistoryComponents, logPartition, newestDistinct, type Partition, quantizeRows } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { type Csr, countsOf, listOf, toCsr } from "../data/csr.ts";
import { gather } from "../data/gather.ts";
import { DenseOptimizer } from "../model/dense-optimizer.ts";
import { clusterTerms, type PartitionStart } from "./partition-start.ts";
import { drawComponents } from "./query-sample.ts";

const CENTERS = 256;
// Samples bound the cost for a large catalogue: so many products of a query vector and an item are 130 GFLOP. The terms
// are 16,640 numbers, so few query vectors would be learned by heart.
const MAX_SCORES = 1e9;
const MAX_QUERIES = 98_304;
/** One user in so many judges the fit, and takes part only in its end. */
const JUDGES = 8;
const MAX_ITEMS = 65_536;
const SLICE = 512;
const STEPS = 800;
// Few query vectors are learned in fewer: a step for each, and no fewer than these.
const LEAST_STEPS = 300;
const BATCH = 1024;
const RATE = 0.03;
/** Steps in which the judges take part too, as a share of those in which they do not. */
const LAST_SHARE = 0.25;

export interface FittedPartition {
  readonly partition: Partition;
  /** Share of the variance of log Z that the stored function explains, over query vectors left out until then. */
  readonly r2: number;
}

/** The mixture that a partition is fitted for. */
export interface PartitionOf {
  readonly scale: number;
  readonly components: HistoryComponents;
  /** Item numbers of each user, oldest first; one that comes several times counts where it comes last. */
  readonly histories: Csr;
  /** Newest items of a history that are read. */
  readonly length: number;
}

/**
 * Fits log Z(q) = log Σ_i exp(scale · q·v_i), q a query vector of a history and the history's items left out (of one
 * with an order, the item that q is of), as in training, by a few hundred terms of the same form (see `Partition`):
 * least squares by Adam, started from clusters of the items (`clusterTerms`). The query vectors are those of training
 * histories, one of each, drawn at random.
 *
 * @param items (count, dim) decoded vectors, as the index holds them
 */
export async function fitPartition(
  items: Float32Array,
  dim: number,
  { scale, components, histories, length }: PartitionOf,
  seed: number,
  startProgress: ProgressStarter = silentProgress,
): Promise<FittedPartition> {
  const count = items.length / dim;
  const random = new Random(seed);
  const pick = (most: number): Uint32Array => Uint32Array.from(random.permutation(count).subarray(0, most));
  const rowsOf = (numbers: Uint32Array): Float32Array => gather(items, numbers, dim);
  const competitors = pick(MAX_ITEMS);
  // no more than there are different ones
  const asked = components.recency ? eachAlone(histories, count) : histories;
  const most = Math.min(MAX_QUERIES, Math.floor(MAX_SCORES / competitors.length), asked.values.length);
  const { users, judges } = drawUsers(asked, most, random);
  const left = users.map((user) => Uint32Array.from(newestDistinct(listOf(asked, user), length)));
  const queries = drawComponents(left, items, dim, components, random);
  const logZ = await withProgress(startProgress("sum scores", left.length, "queries"), (tick) =>
    exactLogZ(queries, left, rowsOf(competitors), competitors, scale, tick),
  );
  // what a sample of the catalogue leaves out
  const missing = Math.log(count / competitors.length);
  for (let i = 0; i < logZ.length; i++) logZ[i]! += missing;

  const terms = { count, numTerms: Math.min(CENTERS, count), scale };
  const start = await clusterTerms(rowsOf(competitors), dim, terms, random);
  const steps = Math.min(STEPS, Math.max(LEAST_STEPS, logZ.length - judges));
  const lastSteps = Math.ceil(steps * LAST_SHARE);
  return withProgress(startProgress("fit partition", steps + lastSteps, "steps"), async (tick) => {
    const others = await fit(queries.subarray(judges * dim), logZ.subarray(judges), start, dim, steps, random, tick);
    const end = judges || users.length;
    const r2 = explained(packed(others, dim), queries.subarray(0, end * dim), logZ.subarray(0, end));
    const all = await fit(queries, logZ, others, dim, lastSteps, random, (step) => tick(steps + step));
    return { partition: packed(all, dim), r2 };
  });
}

/**
 * The items of all histories, each alone: with an order, and without a tilt, a query vector follows from its item, and
 * training leaves out nothing else.
 */
function eachAlone({ values }: Csr, count: number): Csr {
  return toCsr(Array.from(countsOf(values, count).entries()).flatMap(([item, times]) => (times > 0 ? [[item]] : [])));
}

/** Users with a history, in random order, repeated until there are `most`; the first `judges` come once. */
function drawUsers(histories: Csr, most: number, random: Random): { users: number[]; judges: number } {
  const order = Array.from(random.permutation(histories.offsets.length - 1));
  const users = order.filter((user) => listOf(histories, user).length > 0).slice(0, most);
  const judges = Math.floor(users.length / JUDGES);
  const others = users.length - judges;
  return {
    users: Array.from({ length: most }, (_, i) => users[i < judges ? i : judges + ((i - judges) % others)]!),
    judges,
  };
}

/** @param left for each query the items that do not compete */
async function exactLogZ(
  queries: Float32Array,
  left: readonly Uint32Array[],
  items: Float32Array,
  competitors: Uint32Array,
  scale: number,
  tick: Tick,
): Promise<Float64Array> {
  const dim = queries.length / left.length;
  const columnOf = new Map(Array.from(competitors, (item, column) => [item, column]));
  const candidates = tf.tensor2d(items, [competitors.length, dim]);
  const result = new Float64Array(left.length);
  for (let first = 0; first < left.length; first += SLICE) {
    const slice = left.slice(first, first + SLICE);
    const columns = slice.map((items) => Array.from(items, (item) => columnOf.get(item) ?? -1));
    const masked = toCsr(columns.map((list) => list.filter((column) => column >= 0)));
    const rows = tf.tensor2d(queries.subarray(first * dim, (first + slice.length) * dim), [slice.length, dim]);
    result.set(await logSums({ queries: rows, candidates, scale, masked }), first);
    rows.dispose();
    await tick(first + slice.length);
  }
  candidates.dispose();
  return result;
}

async function fit(
  queries: Float32Array,
  logZ: Float64Array,
  { centers, bias }: PartitionStart,
  dim: number,
  steps: number,
  random: Random,
  tick: Tick,
): Promise<PartitionStart> {
  const numCenters = bias.length;
  const size = Math.min(BATCH, logZ.length);
  const variables = tf.tidy(() => [
    tf.variable(tf.tensor2d(centers, [numCenters, dim])),
    tf.variable(tf.tensor2d(bias, [1, numCenters])),
  ]);
  const [centerRows, biasRow] = variables as unknown as [tf.Tensor2D, tf.Tensor2D];
  const optimizer = new DenseOptimizer("adam", variables);
  for (let step = 0; step < steps; step++) {
    const chosen = Uint32Array.from({ length: size }, () => random.integer(logZ.length));
    const rows = gather(queries, chosen, dim);
    const gradients = tf.tidy(() => {
      const x = tf.tensor2d(rows, [size, dim]);
      const wanted = tf.tensor1d(Float32Array.from(chosen, (query) => logZ[query]!));
      const logits: tf.Tensor2D = tf.add(tf.matMul(x, tf.transpose(centerRows)), biasRow);
      const softmax = tf.softmax(logits);
      // mean squared error: d/d logit = 2 (f − log Z) softmax / n
      const error = tf.reshape(tf.mul(tf.sub(logSumExp(logits, softmax), wanted), 2 / size), [size, 1]);
      const dLogits = tf.mul(softmax, error) as tf.Tensor2D;
      return [tf.matMul(tf.transpose(dLogits), x), tf.sum(dLogits, 0, true)] as const;
    });
    const named = { [variables[0]!.name]: gradients[0], [variables[1]!.name]: gradients[1] };
    optimizer.apply(named, RATE * (1 - step / steps));
    tf.dispose(gradients as unknown as tf.Tensor[]);
    await tick(step + 1);
  }
  const [trained, offsets] = (await Promise.all(variables.map((variable) => variable.data()))) as [
    Float32Array,
    Float32Array,
  ];
  const fitted = { centers: Float32Array.from(trained), bias: Float32Array.from(offsets) };
  optimizer.dispose();
  tf.dispose(variables);
  return fitted;
}

const packed = ({ centers, bias }: PartitionStart, dim: number): Partition => ({ ...quantizeRows(centers, dim), bias });

function explained(partition: Partition, queries: Float32Array, logZ: Float64Array): number {
  const dim = queries.length / logZ.length;
  const mean = logZ.reduce((sum, value) => sum + value, 0) / logZ.length;
  let left = 0;
  let total = 0;
  logZ.forEach((value, i) => {
    left += (logPartition(partition, queries.subarray(i * dim, (i + 1) * dim)) - value) ** 2;
    total += (value - mean) ** 2;
  });
  return total === 0 ? 1 : 1 - left / total;
}
