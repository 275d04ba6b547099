/**
 * The k best (score, ordinal) pairs seen: a binary heap whose root is the worst kept.
 * Order: larger score first; at equal scores the smaller ordinal first. The order is total, so the result
 * does not depend on the order of insertion.
 */
export class TopK {
  readonly scores: Float32Array;
  readonly ordinals: Uint32Array;
  size = 0;

  constructor(k: number) {
    this.scores = new Float32Array(k);
    this.ordinals = new Uint32Array(k);
  }

  /** Score that a newcomer must reach; −∞ until k pairs are kept. NaN never enters. */
  get threshold(): number {
    return this.size < this.scores.length ? -Infinity : this.scores[0]!;
  }

  push(score: number, ordinal: number): void {
    const { scores, ordinals } = this;
    if (Number.isNaN(score)) return;
    if (this.size < scores.length) {
      this.#up(this.size++, score, ordinal);
      return;
    }
    if (scores.length === 0 || !isWorse(scores[0]!, ordinals[0]!, score, ordinal)) return;
    this.#down(0, score, ordinal);
  }

  /** Empties the heap: ordinals and scores, best first. */
  take(): { ordinals: Uint32Array; scores: Float32Array } {
    const n = this.size;
    const ordinals = new Uint32Array(n);
    const scores = new Float32Array(n);
    for (let i = n - 1; i >= 0; i--) {
      ordinals[i] = this.ordinals[0]!;
      scores[i] = this.scores[0]!;
      const last = --this.size;
      this.#down(0, this.scores[last]!, this.ordinals[last]!);
    }
    return { ordinals, scores };
  }

  #up(start: number, score: number, ordinal: number): void {
    const { scores, ordinals } = this;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isWorse(score, ordinal, scores[parent]!, ordinals[parent]!)) break;
      scores[at] = scores[parent]!;
      ordinals[at] = ordinals[parent]!;
      at = parent;
    }
    scores[at] = score;
    ordinals[at] = ordinal;
  }

  #down(start: number, score: number, ordinal: number): void {
    const { scores, ordinals, size } = this;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isWorse(scores[child + 1]!, ordinals[child + 1]!, scores[child]!, ordinals[child]!))
        child++;
      if (!isWorse(scores[child]!, ordinals[child]!, score, ordinal)) break;
      scores[at] = scores[child]!;
      ordinals[at] = ordinals[child]!;
      at = child;
    }
    scores[at] = score;
    ordinals[at] = ordinal;
  }
}

/** True when the first pair ranks behind the second. */
export function isWorse(score: number, ordinal: number, thanScore: number, thanOrdinal: number): boolean {
  return score < thanScore || (score === thanScore && ordinal > thanOrdinal);
}
