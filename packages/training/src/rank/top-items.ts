/** Positions of the largest scores, best first, ties by smaller position. @param k at most the number of scores */
export function selectTop(scores: ArrayLike<number>, k: number, out: Uint32Array): void {
  const best = new Float64Array(k).fill(Number.NEGATIVE_INFINITY);
  let filled = 0;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (filled === k && score <= best[k - 1]!) continue;
    let at = filled < k ? filled++ : k - 1;
    for (; at > 0 && best[at - 1]! < score; at--) {
      best[at] = best[at - 1]!;
      out[at] = out[at - 1]!;
    }
    best[at] = score;
    out[at] = i;
  }
}

/** The k best (or fewer) of one query without its history, whose scores are overwritten by −Infinity. */
export function topUnseen(scores: Float32Array | Float64Array, seen: ArrayLike<number>, k: number): Uint32Array {
  let excluded = 0;
  for (let i = 0; i < seen.length; i++) {
    if (scores[seen[i]!] !== Number.NEGATIVE_INFINITY) excluded++;
    scores[seen[i]!] = Number.NEGATIVE_INFINITY;
  }
  const out = new Uint32Array(Math.min(k, scores.length - excluded));
  selectTop(scores, out.length, out);
  return out;
}
