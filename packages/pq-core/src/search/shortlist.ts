import { Finalists, type WithTies } from "./finalists.ts";
import type { Merge } from "./merge.ts";

/**
 * The best of a part of an index, and all that tie with the last of them. Joined with those of the other parts it
 * gives what one part with all items would give, since what is among the best of all is among the best of its part.
 */
export interface Shortlist extends WithTies {
  /** For `sumExp` that is not exact: the mixture score of each item, while `scores` has its best single term. */
  readonly mixtures?: Float32Array | undefined;
}

/** Of a list that mixtures order, so many that tie with its last are on it too, times its size. */
const TIED = 4;
/** Items by their best term that are ordered by their mixture, for each one wanted; and at least. */
const FACTOR = 6;
const LEAST = 64;

/** How long a shortlist must be for k results. */
export function shortlistSize(k: number, merge: Merge): number {
  return merge.by === "max" || merge.exact !== false || k === 0 ? k : Math.max(LEAST, FACTOR * k);
}

/** Joins lists of parts into the one of the whole. */
export class Shortlists {
  readonly #best: Finalists;
  readonly #size: number;
  #mixtures: Map<number, number> | undefined;

  constructor(size: number) {
    this.#best = new Finalists(size);
    this.#size = size;
  }

  /** What a score must reach. */
  get threshold(): number {
    return this.#best.threshold;
  }

  /** @param ordinalOf what the part's ordinals are in the whole; left out: the same */
  add(list: Shortlist, ordinalOf?: (ordinal: number) => number): void {
    this.#best.add(list, ordinalOf);
    const { ordinals, mixtures } = list;
    if (mixtures === undefined) return;
    this.#mixtures ??= new Map();
    for (const [i, ordinal] of ordinals.entries()) this.#mixtures.set(ordinalOf?.(ordinal) ?? ordinal, mixtures[i]!);
    if (this.#mixtures.size <= 2 * TIED * this.#size) return;
    const known = this.#mixtures;
    this.#mixtures = new Map();
    for (const ordinal of this.#best.ordinals()) {
      const mixture = known.get(ordinal);
      if (mixture !== undefined) this.#mixtures.set(ordinal, mixture);
    }
  }

  take(): Shortlist {
    const list = this.#best.take();
    const mixtures = this.#mixtures;
    if (mixtures === undefined) return list;
    const whole = withTied(list, this.#size);
    return { ...whole, mixtures: Float32Array.from(whole.ordinals, (ordinal) => mixtures.get(ordinal)!) };
  }
}

/** A list of `size` items with those that tie with its last on it, unless there are too many. */
export function withTied(list: WithTies, size: number): WithTies {
  const { ordinals, scores, tied } = list;
  const count = tied?.count() ?? 0;
  if (tied === undefined || count > TIED * size) return list;
  const all = { ordinals: new Uint32Array(size + count), scores: new Float32Array(size + count) };
  all.ordinals.set(ordinals);
  all.ordinals.set(tied.slice(0, count), size);
  all.scores.set(scores);
  all.scores.fill(scores.at(-1)!, size);
  return all;
}

/**
 * The k best by what a caller sees as the score, and all that tie with the last; `list` is long enough for k, and
 * nothing ties with its last where it has mixtures.
 */
export function finishShortlist(list: Shortlist, k: number): WithTies {
  const { ordinals, mixtures } = list;
  if (mixtures === undefined) return list;
  const best = new Finalists(k);
  for (const [i, ordinal] of ordinals.entries()) best.push(mixtures[i]!, ordinal);
  return best.take();
}

/**
 * The merge by which what was searched as a shortlist has to be searched instead: where too many terms tie with the
 * last of them, no shortlist holds all that could be wanted. Undefined for a list that will do.
 */
export function exactInstead({ tied, mixtures }: Shortlist, merge: Merge): Merge | undefined {
  return tied === undefined || mixtures === undefined ? undefined : ({ ...merge, exact: true } as Merge);
}
