import { UserError } from "@poeem/offline/errors";
import { formatCount } from "@poeem/offline/progress";
import { usualSample } from "../codes/learn.ts";
import { codesOf } from "../config/kinds.ts";
import type { FittedConfig, PoeemConfig } from "../config.ts";

/** A configuration of vectors alone with what follows from them: there are no steps to be fitted. */
export type VectorConfig = Omit<PoeemConfig, "index"> & Pick<FittedConfig, "index">;

/** Vectors per cell, on average, of those that codes are learned from. */
const ITEMS_PER_CELL = 32;
const LEAST_PROBED = 32;
/** One cell in so many is visited, where there are many. */
const PROBED = 8;
/** Items whose codes a search reads at least: few as they are, cells that are left out would cost more than codes. */
const LEAST_SCANNED = 8192;

/**
 * Fills in what follows from the number of vectors and their length, unless it is set by hand:
 *
 * - `index.nlist`: about twice the square root of it, a power of two that leaves every cell 32 vectors on average.
 * - `index.nprobe`: 32, or an eighth of the cells, or as many as hold 8,192 vectors: in the order of centroids'
 *   scores. Where cells are visited in another, `learnCodes` knows how many of those hold as many vectors.
 * - `index.bufferSize`: 65,536, or all vectors; fewer of more than 512 numbers.
 *
 * @throws UserError for more cells than items
 */
export function fitVectors(config: PoeemConfig, count: number, length: number): VectorConfig {
  const { index } = config;
  const bufferSize = Math.min(count, index.bufferSize ?? usualSample(length));
  const usual = Math.min(2 * Math.sqrt(count), bufferSize / ITEMS_PER_CELL);
  const nlist = index.nlist ?? 2 ** Math.floor(Math.log2(Math.max(1, usual)));
  if (nlist > count) {
    throw new UserError(
      `index.nlist: expected at most the number of items (${formatCount(count)}), got ${formatCount(nlist)}`,
    );
  }
  const usualProbes = Math.max(LEAST_PROBED, Math.floor(nlist / PROBED), Math.ceil((nlist * LEAST_SCANNED) / count));
  const nprobe = Math.min(Math.max(1, nlist), index.nprobe ?? usualProbes);
  return { ...config, index: { ...index, ...codesOf(index, count, length), nlist, nprobe, bufferSize } };
}
