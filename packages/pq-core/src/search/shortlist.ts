import type { Ranking } from "../kernel.ts";
import { TopK } from "../top-k.ts";
import type { Merge } from "../types.ts";

/**
 * The best of a part of an index. Joined with those of the other parts it gives what one part with all items would give, since
 * what is among the best of all is among the best of its part.
 */
export interface Shortlist extends Ranking {
  /** For `sumExp`: the mixture score of each item, while `scores` has its best single term. */
  readonly mixtures?: Float32Array;
}

/** Items by their best term that are ordered by their mixture, for each one wanted; and at least. */
const FACTOR = 6;
const LEAST = 64;

/** How long a shortlist must be for k results. */
export function shortlistSize(k: number, merge: Merge): number {
  return merge.by === "max" || k === 0 ? k : Math.max(LEAST, FACTOR * k);
}

/** @param ordinalOf for each part: what its ordinals are in the whole; left out: the same */
export function joinShortlists(
  parts: readonly Shortlist[],
  size: number,
  ordinalOf: readonly ((ordinal: number) => number)[] = [],
): Shortlist {
  const top = new TopK(size);
  const mixtures = new Map<number, number>();
  for (const [p, part] of parts.entries()) {
    for (let i = 0; i < part.ordinals.length; i++) {
      const ordinal = ordinalOf[p]?.(part.ordinals[i]!) ?? part.ordinals[i]!;
      top.push(part.scores[i]!, ordinal);
      if (part.mixtures !== undefined) mixtures.set(ordinal, part.mixtures[i]!);
    }
  }
  const ranking = top.take();
  if (mixtures.size === 0) return ranking;
  return { ...ranking, mixtures: Float32Array.from(ranking.ordinals, (ordinal) => mixtures.get(ordinal)!) };
}

/** The k best by what a caller sees as the score. */
export function finishShortlist({ ordinals, scores, mixtures }: Shortlist, k: number): Ranking {
  if (mixtures === undefined) return { ordinals: ordinals.subarray(0, k), scores: scores.subarray(0, k) };
  const top = new TopK(Math.min(k, ordinals.length));
  for (let i = 0; i < ordinals.length; i++) top.push(mixtures[i]!, ordinals[i]!);
  return top.take();
}
