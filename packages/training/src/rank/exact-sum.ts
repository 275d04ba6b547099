/**
 * Sums of doubles without rounding between the terms (Shewchuk, 1997): the value is the double next to the true sum, so
 * that it does not depend on the order of the terms.
 */
export class ExactSum {
  /** Doubles that do not overlap, smallest first; the sum is theirs. */
  readonly #parts: number[] = [];

  add(term: number): void {
    const parts = this.#parts;
    let x = term;
    let kept = 0;
    for (let i = 0; i < parts.length; i++) {
      const y = parts[i]!;
      const [large, small] = Math.abs(x) < Math.abs(y) ? [y, x] : [x, y];
      const high = large + small;
      const low = small - (high - large);
      if (low !== 0) parts[kept++] = low;
      x = high;
    }
    parts.length = kept;
    parts.push(x);
  }

  get value(): number {
    const parts = this.#parts;
    let i = parts.length - 1;
    let sum = parts[i] ?? 0;
    let rest = 0;
    while (i > 0 && rest === 0) {
      const before = sum;
      const part = parts[--i]!;
      sum = before + part;
      rest = part - (sum - before);
    }
    // halfway between two doubles: what is left says to which side
    const next = parts[i - 1] ?? 0;
    if (rest !== 0 && Math.sign(rest) === Math.sign(next)) {
      const doubled = sum + 2 * rest;
      if (doubled - sum === 2 * rest) return doubled;
    }
    return sum;
  }
}
