import type { Ranking } from "../kernel/kernel.ts";
import type { Merge } from "./merge.ts";
import { takeBest } from "./ties.ts";

/**
 * The best of a part of an index, and all that tie with the last of them. Joined with those of the other parts it
 * gives what one part with all items would give, since what is among the best of all is among the best of its part.
 */
export interface Shortlist extends Ranking {
  /** For `sumExp` that is not exact: the mixture score of each item, while `scores` has its best single term. */
  readonly mixtures?: Float32Array | undefined;
}

/** Items by their best term that are ordered by their mixture, for each one wanted; and at least. */
const FACTOR = 6;
const LEAST = 64;

/** How long a shortlist must be for k results. */
export function shortlistSize(k: number, merge: Merge): number {
  return merge.by === "max" || merge.exact !== false || k === 0 ? k : Math.max(LEAST, FACTOR * k);
}

/** @param ordinalOf for each part: what its ordinals are in the whole; left out: the same */
export function joinShortlists(
  parts: readonly Shortlist[],
  size: number,
  ordinalOf: readonly ((ordinal: number) => number)[] = [],
): Shortlist {
  const terms = new Map<number, number>();
  const mixtures = new Map<number, number>();
  for (const [p, part] of parts.entries()) {
    for (let i = 0; i < part.ordinals.length; i++) {
      const ordinal = ordinalOf[p]?.(part.ordinals[i]!) ?? part.ordinals[i]!;
      terms.set(ordinal, part.scores[i]!);
      if (part.mixtures !== undefined) mixtures.set(ordinal, part.mixtures[i]!);
    }
  }
  const ranking = takeBest(size, terms);
  if (mixtures.size === 0) return ranking;
  return { ...ranking, mixtures: Float32Array.from(ranking.ordinals, (ordinal) => mixtures.get(ordinal)!) };
}

/** The k best by what a caller sees as the score, and all that tie with the last; `list` is long enough for k. */
export function finishShortlist(list: Shortlist, k: number): Ranking {
  const { ordinals, mixtures } = list;
  if (mixtures === undefined) return list;
  return takeBest(
    k,
    Array.from(ordinals, (ordinal, i) => [ordinal, mixtures[i]!] as const),
  );
}
