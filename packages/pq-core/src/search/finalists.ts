import type { Ranking } from "../kernel/kernel.ts";
import { TopK } from "../kernel/top-k.ts";
import { OrdinalSet } from "./ordinal-set.ts";

/** The best, and all that tie with the last of them: which of those is wanted is for their ids to say. */
export interface WithTies extends Ranking {
  /** What scores as the last of them, and is none of them. */
  readonly tied?: OrdinalSet | undefined;
}

/** Keeps the `size` best of (score, ordinal) pairs, each ordinal once, and what ties with the last. */
export class Finalists {
  readonly #top: TopK;
  #tied: OrdinalSet | undefined;

  constructor(size: number) {
    this.#top = new TopK(size);
  }

  /** What a score must reach. */
  get threshold(): number {
    return this.#top.threshold;
  }

  push(score: number, ordinal: number): void {
    const top = this.#top;
    const last = top.threshold;
    // the worst of them is at the root
    const worst = top.ordinals[0]!;
    if (!(score >= last) || top.scores.length === 0) return;
    const isFull = top.size === top.scores.length;
    top.push(score, ordinal);
    if (!isFull) return;
    if (score === last) this.#tie(Math.max(worst, ordinal));
    else if (top.threshold === last) this.#tie(worst);
    else this.#tied = undefined;
  }

  /** Adds a list that was collected the same way. @param ordinalOf what its ordinals are here; left out: the same */
  add({ ordinals, scores, tied }: WithTies, ordinalOf?: (ordinal: number) => number): void {
    for (let i = 0; i < ordinals.length; i++) this.push(scores[i]!, ordinalOf?.(ordinals[i]!) ?? ordinals[i]!);
    const last = scores.at(-1)!;
    if (tied === undefined || last < this.threshold) return;
    for (const one of tied) this.push(last, ordinalOf?.(one) ?? one);
  }

  /** The best so far, in no order, and what ties with the last of them. */
  *ordinals(): Generator<number> {
    yield* this.#top.ordinals.subarray(0, this.#top.size);
    yield* this.#tied ?? [];
  }

  /** Empties it: best first. */
  take(): WithTies {
    const tied = this.#tied;
    this.#tied = undefined;
    return { ...this.#top.take(), tied };
  }

  #tie(ordinal: number): void {
    this.#tied ??= new OrdinalSet();
    this.#tied.add(ordinal);
  }
}
