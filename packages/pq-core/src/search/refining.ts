import { readRefinePage } from "../format/refine-pages.ts";
import type { Ranking } from "../kernel.ts";
import type { Resolved } from "./options.ts";
import type { PqIndex } from "./pq-index.ts";
import { type Head, scoreVector } from "./score.ts";
import { takeBest } from "./ties.ts";

/** An item's vector as int8: x ≈ scale · codes, (dim). */
export interface RefineCode {
  readonly scale: number;
  readonly codes: Int8Array;
}

/** The second pass of a search, over int8 codes of the original vectors. */
export const refining = { codesOf, rank };
export type Refining = typeof refining;

/** Refine codes of each ordinal, copied, because a page may be gone when the last one has come. */
async function codesOf({ store, codebook: { dim } }: PqIndex, ordinals: ArrayLike<number>): Promise<RefineCode[]> {
  const found = new Array<RefineCode>(ordinals.length);
  await store.read("refine", ordinals, ({ key, first, count }, payload, places) => {
    const { scales, codes } = readRefinePage(`chunk ${key}`, payload, count, dim);
    for (const i of places) {
      const at = ordinals[i]! - first;
      found[i] = { scale: scales[at]!, codes: codes.slice(at * dim, (at + 1) * dim) };
    }
  });
  return found;
}

/** Candidates scored again by their refine codes, the k best kept and all that tie with the last. Scores are those of the codes. */
function rank(
  { codebook: { metric } }: Pick<PqIndex, "codebook">,
  heads: readonly Head[],
  ordinals: Uint32Array,
  candidates: readonly RefineCode[],
  { k, merge, merging }: Resolved,
): Ranking {
  const pairs = candidates.map(({ scale, codes }, i) => {
    const scores = heads.map(({ original }) => scoreVector(metric, original, codes, 0, scale));
    return [ordinals[i]!, Math.fround(merging ? merging.score(scores, merge) : scores[0]!)] as const;
  });
  return takeBest(Math.min(k, ordinals.length), pairs);
}
