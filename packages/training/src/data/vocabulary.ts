import { rowOf } from "@poeem/towers";

/**
 * The features that get a row of the text table: those that occur in at least `minCount` texts, at most `maxFeatures`,
 * the most frequent first (ties by hash). One that occurs in a single text says little about any other.
 *
 * @param texts feature hashes of each text
 * @returns their hashes, ascending
 */
export function buildVocabulary(texts: readonly Uint32Array[], maxFeatures: number, minCount: number): Uint32Array {
  const counts = new Map<number, number>();
  for (const features of texts) {
    // sorted, so that a repeated feature of one text is seen as such without a set per text
    const sorted = features.toSorted();
    for (let i = 0; i < sorted.length; i++) {
      if (i === 0 || sorted[i] !== sorted[i - 1]) counts.set(sorted[i]!, (counts.get(sorted[i]!) ?? 0) + 1);
    }
  }
  const kept = [...counts].filter(([, count]) => count >= minCount);
  kept.sort(([hashA, countA], [hashB, countB]) => countB - countA || hashA - hashB);
  return Uint32Array.from(kept.slice(0, maxFeatures), ([hash]) => hash).sort();
}

/** Rows of the text table for the features of a text: those that are in the vocabulary. */
export function knownRows(features: Uint32Array, vocabulary: Uint32Array): Uint32Array {
  return new Uint32Array(Int32Array.from(features, (hash) => rowOf(vocabulary, hash)).filter((row) => row >= 0));
}
