/** A query vector of a text with uncertain words: a mix of the texts that may have been meant. */
import type { Uncertain } from "./alternatives.ts";
import { respelled } from "./respelled.ts";

/** Texts that are embedded beside the one that was typed. */
const MOST_VARIANTS = 8;
/** Share of the text as it was typed in the mix: with a word that no item has, and with one that may go on. */
const AS_TYPED = { unknown: 0.1, known: 0.6 };
/** What is likeliest counts for most: a prior is a likeness to this power. How frequent a term is says nothing more. */
const SHARPNESS = 5;

/**
 * The mean direction of a text and its variants, each with its prior: one scan by it does as well as a scan by each.
 * Undefined when the tower knows nothing of any.
 *
 * @param embed undefined where nothing is known
 */
export function embedVariants(
  text: string,
  uncertain: readonly Uncertain[],
  embed: (text: string) => Float32Array | undefined,
): Float32Array | undefined {
  const typed = embed(text);
  const variants = variantsOf(text, uncertain).flatMap(({ text: variant, prior }) => {
    const vector = embed(variant);
    return vector ? [{ vector, weight: prior }] : [];
  });
  if (variants.length === 0) return typed;
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  const share = uncertain.every(({ isKnown }) => isKnown) ? AS_TYPED.known : AS_TYPED.unknown;
  const all = typed ? [{ vector: typed, weight: (total * share) / (1 - share) }, ...variants] : variants;
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

/** Each uncertain word's likeliest terms in turn, the others being their likeliest. */
function variantsOf(text: string, uncertain: readonly Uncertain[]): { text: string; prior: number }[] {
  if (uncertain.length === 0) return [];
  const best = new Map(uncertain.map(({ word, terms }) => [word, terms[0]!.term]));
  const priors = new Map<string, number>();
  for (const { word, terms } of uncertain) {
    const total = terms.reduce((sum, { likeness }) => sum + likeness ** SHARPNESS, 0);
    for (const { term, likeness } of terms.slice(0, MOST_VARIANTS)) {
      const meant = new Map(best).set(word, term);
      const variant = respelled(text, meant);
      if (variant !== text) priors.set(variant, (priors.get(variant) ?? 0) + likeness ** SHARPNESS / total);
    }
  }
  return Array.from(priors, ([variant, prior]) => ({ text: variant, prior }))
    .sort((a, b) => b.prior - a.prior)
    .slice(0, MOST_VARIANTS);
}
