import { Random } from "@poeem/indexing-layer";
import type { Tick } from "@poeem/offline/progress";
import type { EncodedVectors } from "@poeem/pq-core";
import { decode, type QueryMoments } from "@poeem/pq-core/write";
import { encodeLearned, type LearnedCodes, learnCodes, usualSample } from "../codes/learn.ts";
import type { FittedConfig } from "../config.ts";
import { emptyLists } from "../data/csr.ts";
import { gather } from "../data/gather.ts";
import type { Dataset } from "../data/types.ts";
import { encodeItems } from "../model/encode-items.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { rankExhaustively } from "../rank/dense-rank.ts";
import { overlapAtK } from "../rank/metrics.ts";
import { sampleQueryVectors } from "./query-sample.ts";

/** Training queries by which an error of a code is weighed. */
const QUERIES = 8192;
/** Pairs of a training query and an item that codes are compared by: about 10 GFLOP, three times. */
const SCORES = 1 << 25;
const FEWEST_QUERIES = 100;
const K = 10;

/** A codebook, and what codes are chosen by: moments of each cell, or one error for all; else the nearest centroids. */
export interface ItemCodes extends LearnedCodes {
  readonly moments?: QueryMoments | undefined;
}

/** Codes of vectors (n, dim), those of the training and new ones. */
export function encodeBy(by: ItemCodes, vectors: Float32Array, tick?: Tick): Promise<EncodedVectors> {
  return by.error || by.terms ? encodeLearned(by, vectors) : encodeItems(by.codebook, vectors, by.moments, tick);
}

export interface FinishedModel {
  readonly model: TwoTower;
  readonly config: FittedConfig;
  readonly dataset: Dataset;
  /** (count, dim) */
  readonly itemVectors: Float32Array;
}

/**
 * Codes learned of item vectors as they came out of training, or `joint`, those that were learned along with them,
 * whichever keeps more of what training queries find by the vectors themselves. Few clicks are few steps for codebooks
 * to follow vectors in.
 */
export async function betterCodes(
  joint: ItemCodes,
  of: FinishedModel,
  say: (line: string) => void = () => undefined,
): Promise<ItemCodes> {
  const { model, dataset, itemVectors, config } = of;
  const random = new Random(config.training.seed);
  const finished = await finishedCodes(of, random);
  const count = Math.max(FEWEST_QUERIES, Math.floor(SCORES / dataset.ids.length));
  const queries = await sampleQueryVectors(model, dataset, itemVectors, { count: Math.min(QUERIES, count), random });
  const search = (items: Float32Array): Promise<Uint32Array[]> => topItems(queries, items, model.dim);
  const exact = await search(itemVectors);
  const overlapOf = async (by: ItemCodes): Promise<number> => {
    const { assignments, codes } = await encodeBy(by, itemVectors);
    return overlapAtK(await search(decode(by.codebook, assignments, codes)), exact, K);
  };
  const [before, after] = [await overlapOf(joint), await overlapOf(finished)];
  say(
    `codes learned of the finished item vectors keep ${after.toFixed(3)} of their top ${K}, ` +
      `those learned in training ${before.toFixed(3)}: the ${after >= before ? "former" : "latter"} are taken`,
  );
  return after >= before ? finished : joint;
}

async function finishedCodes(
  { model, config: { index, training }, dataset, itemVectors }: FinishedModel,
  random: Random,
): Promise<LearnedCodes> {
  const { dim } = model;
  const { nlist, numSubQuantizers, nbits, scoreAware = true } = index;
  const { seed } = training;
  const queries = await sampleQueryVectors(model, dataset, itemVectors, { count: QUERIES, random });
  const chosen = random.permutation(itemVectors.length / dim).subarray(0, usualSample(dim));
  const shape = { dim, nlist, numSubQuantizers, nbits, metric: "innerProduct", scoreAware, seed } as const;
  return learnCodes(gather(itemVectors, chosen, dim), queries, shape);
}

/** By exact search. @param queries (n, dim) @param items (count, dim) */
function topItems(queries: Float32Array, items: Float32Array, dim: number): Promise<Uint32Array[]> {
  const encode = (query: number) => ({ vectors: [queries.subarray(query * dim, (query + 1) * dim)] });
  return rankExhaustively(encode, { items, dim, k: K, seen: emptyLists(queries.length / dim) });
}
