/** A query vector of a text with unknown words: a mix of the texts that may have been meant. */
import { nameForm } from "../text/terms.ts";
import type { Unknown } from "./alternatives.ts";

/** Texts that are embedded beside the one that was typed. */
const MOST_VARIANTS = 8;
/** Share of the text as it was typed in the mix. */
const AS_TYPED = 0.25;
const WORD = /[\p{L}\p{N}\p{M}]+/gu;

/**
 * The mean direction of a text and its variants, each with its prior: one scan by it does as well as a scan by each.
 * Undefined when the tower knows nothing of any.
 *
 * @param embed undefined where nothing is known
 */
export function embedVariants(
  text: string,
  unknown: readonly Unknown[],
  embed: (text: string) => Float32Array | undefined,
): Float32Array | undefined {
  const typed = embed(text);
  const variants = variantsOf(text, unknown).flatMap(({ text: variant, prior }) => {
    const vector = embed(variant);
    return vector ? [{ vector, weight: prior }] : [];
  });
  if (variants.length === 0) return typed;
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  const all = typed ? [{ vector: typed, weight: (total * AS_TYPED) / (1 - AS_TYPED) }, ...variants] : variants;
  return meanDirection(all);
}

/** The weighted mean of vectors, made as long as they are in the mean. */
function meanDirection(all: readonly { readonly vector: Float32Array; readonly weight: number }[]): Float32Array {
  const sum = new Float64Array(all[0]!.vector.length);
  let [length, total] = [0, 0];
  for (const { vector, weight } of all) {
    for (let d = 0; d < sum.length; d++) sum[d]! += weight * vector[d]!;
    length += weight * Math.hypot(...vector);
    total += weight;
  }
  const scale = length / total / Math.hypot(...sum);
  return Float32Array.from(sum, (value) => value * scale);
}

/** Each unknown word's likeliest terms in turn, the other unknown words being their likeliest. */
function variantsOf(text: string, unknown: readonly Unknown[]): { text: string; prior: number }[] {
  if (unknown.length === 0) return [];
  const best = new Map(unknown.map(({ word, terms }) => [word, terms[0]!.term]));
  const priors = new Map<string, number>();
  for (const { word, terms } of unknown) {
    const total = terms.reduce((sum, { prior }) => sum + prior, 0);
    for (const { term, prior } of terms.slice(0, MOST_VARIANTS)) {
      const meant = new Map(best).set(word, term);
      const variant = text.replace(WORD, (spelled) => meant.get(nameForm(spelled)) ?? spelled);
      if (variant !== text) priors.set(variant, (priors.get(variant) ?? 0) + prior / total);
    }
  }
  return Array.from(priors, ([variant, prior]) => ({ text: variant, prior }))
    .sort((a, b) => b.prior - a.prior)
    .slice(0, MOST_VARIANTS);
}
