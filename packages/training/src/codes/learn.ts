import { type CodedVectors, improveCodes, Random, type ScoreError } from "@poeem/indexing-layer";
import { counted } from "@poeem/offline/progress";
import type { Codebook, EncodedVectors, Metric } from "@poeem/pq-core";
import { createCodebook, decodeRotated } from "@poeem/pq-core/write";
import * as tf from "@tensorflow/tfjs";
import { encodeItems } from "../model/encode-items.ts";
import { byLikeness } from "./cell-order.ts";
import { chooseCellSpread, describeSpread } from "./cell-spread.ts";
import { chooseTerms, type DistanceTerms, distanceTerms, type TriedTerms } from "./distance-terms.ts";
import { rotatedRows } from "./rotated-rows.ts";
import { type SpaceError, spaceError } from "./score-error.ts";
import { turnedQuantizers } from "./turned-quantizers.ts";

/** Sweeps that move centroids, and sweeps over codes alone; docs/experiments/vectors.md has the figures. */
const FIT_SWEEPS = 5;
const SWEEPS = 2;
/** Of the largest sum of squares: less than it is nothing to say. */
const LEAST_SQUARE = 1e-6;
/** Vectors that codes are learned from, and their numbers: 128 MB, of which there are a few copies. */
const SAMPLE = 65_536;
const NUMBERS = 1 << 25;
/** Rows that are encoded at a time. */
const SLICE = 16_384;

/** Vectors of so many numbers that codes are learned from, at most. */
export const usualSample = (length: number): number => Math.min(SAMPLE, Math.floor(NUMBERS / length));

export interface CodeShape {
  readonly dim: number;
  readonly nlist: number;
  readonly numSubQuantizers: number;
  readonly nbits: 4 | 8;
  readonly metric: Metric;
  readonly scoreAware: boolean;
  readonly seed: number;
  /** Cells visited, in the order of their centroids' scores; left out where nobody asks for another number. */
  readonly nprobe?: number | undefined;
}

/** A codebook, and what codes are chosen by. */
export interface LearnedCodes {
  readonly codebook: Codebook;
  /** Left out = the nearest centroids. */
  readonly error?: ScoreError | undefined;
  /** What is kept beside codes, by l2; left out = ‖x̂‖². */
  readonly terms?: DistanceTerms | undefined;
  /** Cells that hold as many items as those `nprobe` of the shape, in the order in which they are visited. */
  readonly nprobe?: number | undefined;
}

/**
 * Learns rotation, cells and codebooks of finished vectors: OPQ of what the cells leave over, and then, score-aware,
 * codes and centroids by what their errors cost scores.
 *
 * @param sample (n, dim), n at least nlist and 2^nbits
 * @param queries (q, dim), a sample of what is asked
 */
export async function learnCodes(
  sample: Float32Array,
  queries: Float32Array | undefined,
  { metric, scoreAware, nprobe: asked, ...shape }: CodeShape,
  say: (line: string) => void = () => undefined,
): Promise<LearnedCodes> {
  const { dim } = shape;
  const order = evenOrder(sample, dim, shape.numSubQuantizers);
  const turned = await turnedQuantizers(reordered(sample, order), shape);
  const codebook = createCodebook({
    ...turned,
    // lengths are 1 where they do not count
    metric: metric === "l2" ? "l2" : "innerProduct",
    rotation: backToOrder(turned.rotation!, order),
    coarseCentroids: byLikeness(turned.coarseCentroids, dim),
  });
  const coded = await nearestCodes(codebook, sample);
  const tried =
    metric === "l2"
      ? undefined
      : await chooseCellSpread(codebook, sample, coded.cells, queries, new Random(shape.seed));
  if (tried) say(describeSpread(tried));
  const ordered = { ...codebook, ...(tried?.spread && { cellSpread: tried.spread }) };
  const nprobe = asked && (tried?.probesFor(asked) ?? asked);
  if (!scoreAware) return { codebook: ordered, nprobe };
  const of = await spaceError(metric, dim, sample, queries);
  const error = of.moment || of.along > 0 ? await rotatedError(of, codebook) : undefined;
  // `coded` and the centroids of the codebook are changed in place
  if (error) await improveCodes(codebook, coded, error, { sweeps: FIT_SWEEPS, fit: true });
  if (metric !== "l2") return { codebook: ordered, error, nprobe };
  const rotated = queries && (await rotatedRows(codebook, queries));
  const chosen = await chooseTerms(codebook, coded, rotated, new Random(shape.seed));
  if (chosen) say(describeTerms(chosen, queries === undefined));
  return { codebook, error, terms: chosen?.terms, nprobe };
}

function describeTerms({ terms, plain, best, queries }: TriedTerms, own: boolean): string {
  const asked = counted(queries, own ? "item" : "sample query");
  const kept = `distances by codes keep ${plain.toFixed(3)} of the top 10 of ${asked}`;
  return terms
    ? `${kept}, and ${best.toFixed(3)} with what is known of queries, which the terms of items hold`
    : `${kept}; what is known of queries adds nothing to that for sure`;
}

/**
 * The numbers of a vector in an order in which each sub-quantizer starts with as much to say as any other: the longest
 * first, each to the one whose product of variances is the smallest (Ge et al., CVPR 2013, section 3.2.2). Vectors from
 * a principal component analysis have all of it in their first numbers, from where the turns of OPQ do not get away.
 */
function evenOrder(sample: Float32Array, dim: number, numSubQuantizers: number): Uint32Array {
  const squares = new Float64Array(dim);
  for (let i = 0; i < sample.length; i++) squares[i % dim]! += sample[i]! ** 2;
  const floor = LEAST_SQUARE * Math.max(...squares) || 1;
  const logs = squares.map((square) => Math.log(square / floor + 1));
  const subDim = dim / numSubQuantizers;
  const groups = Array.from({ length: numSubQuantizers }, () => ({ numbers: [] as number[], log: 0 }));
  for (const number of Array.from(logs.keys()).sort((a, b) => logs[b]! - logs[a]!)) {
    const open = groups.filter(({ numbers }) => numbers.length < subDim);
    const least = open.reduce((best, group) => (group.log < best.log ? group : best));
    least.numbers.push(number);
    least.log += logs[number]!;
  }
  return Uint32Array.from(groups.flatMap(({ numbers }) => numbers));
}

/** Rows with their numbers in another order. */
function reordered(vectors: Float32Array, order: Uint32Array): Float32Array {
  const dim = order.length;
  return vectors.map((_, at) => vectors[at - (at % dim) + order[at % dim]!]!);
}

/** A rotation (dim, dim) of reordered vectors as one of vectors as they are. */
function backToOrder(rotation: Float32Array, order: Uint32Array): Float32Array {
  const dim = order.length;
  const back = new Float32Array(rotation.length);
  order.forEach((number, place) => {
    back.set(rotation.subarray(place * dim, (place + 1) * dim), number * dim);
  });
  return back;
}

/** Codes of vectors (n, dim) by learned codebooks, and the terms that go with them. */
export async function encodeLearned(
  { codebook, error, terms }: LearnedCodes,
  vectors: Float32Array,
): Promise<EncodedVectors> {
  if (!error && !terms) return encodeItems(codebook, vectors);
  const { dim, numSubQuantizers: M } = codebook;
  const n = vectors.length / dim;
  const encoded = {
    assignments: new Uint32Array(n),
    codes: new Uint8Array(n * M),
    ...(terms && { terms: new Float32Array(n) }),
  };
  for (let from = 0; from < n; from += SLICE) {
    const coded = await nearestCodes(codebook, vectors.subarray(from * dim, (from + SLICE) * dim));
    if (error) await improveCodes(codebook, coded, error, { sweeps: SWEEPS });
    encoded.assignments.set(coded.cells, from);
    encoded.codes.set(coded.codes, from * M);
    if (!terms) continue;
    const decoded = decodeRotated(codebook, coded.cells, coded.codes);
    encoded.terms?.set(distanceTerms(terms, coded.rotated, decoded), from);
  }
  return encoded;
}

async function nearestCodes(codebook: Codebook, vectors: Float32Array): Promise<CodedVectors> {
  const { assignments, codes } = await encodeItems(codebook, vectors);
  return { rotated: await rotatedRows(codebook, vectors), cells: assignments, codes };
}

/** Rᵀ·H·R: its diagonal still has a mean of 1. */
async function rotatedError({ moment, along }: SpaceError, { rotation, dim }: Codebook): Promise<ScoreError> {
  if (!moment) return { along };
  const turned = tf.tidy(() => {
    const r = tf.tensor2d(rotation!, [dim, dim]);
    return tf.matMul(tf.matMul(tf.transpose(r), tf.tensor2d(moment, [dim, dim])), r);
  });
  const values = Float32Array.from(await turned.data());
  turned.dispose();
  return { moment: values, along };
}
