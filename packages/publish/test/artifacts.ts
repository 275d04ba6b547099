import type { Artifact, ArtifactInput } from "@poeem/pq-core";
import { chunkKey, manifestKey } from "@poeem/pq-core/kv";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import type { CheckedArtifact } from "../src/read-artifact.ts";

/**
 * A small artifact. Every seed makes other codes; artifacts share their codebook, ids, item pages and words.
 *
 * @param more what it has besides: pages in tables
 */
export async function makeArtifact(seed: number, numItems = 50, more: Partial<ArtifactInput> = {}): Promise<Artifact> {
  return writeArtifact({
    codebook: createCodebook({
      dim: 8,
      metric: "innerProduct",
      nlist: 0,
      numSubQuantizers: 4,
      nbits: 4,
      byResidual: false,
      centroids: Float32Array.from({ length: 16 * 8 }, (_, i) => Math.sin(i)),
    }),
    assignments: new Uint32Array(numItems),
    codes: Uint8Array.from({ length: numItems * 4 }, (_, i) => ((i + 1) * (seed + 7) * 2654435761) >>> 28),
    ids: Array.from({ length: numItems }, (_, i) => `item-${i}`),
    words: {
      terms: ["item"],
      offsets: Uint32Array.from({ length: numItems + 1 }, (_, i) => i),
      numbers: new Uint32Array(numItems),
      impacts: new Uint8Array(numItems).fill(9),
      nameOffsets: new Uint32Array(numItems + 1),
      names: new Uint32Array(0),
    },
    wordFacts: { rules: 2, dense: 1, words: 1 },
    itemChunkBytes: 1024,
    ...more,
  });
}

/** The same, to be published from memory. */
export async function checkedArtifact(
  seed: number,
  numItems?: number,
  more?: Partial<ArtifactInput>,
): Promise<CheckedArtifact> {
  return checked(await makeArtifact(seed, numItems, more));
}

/** An artifact with all of its chunks in memory. */
export function checked({ manifest, manifestBytes, chunks }: Artifact): CheckedArtifact {
  const bytesOf = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  return {
    manifest,
    manifestBytes,
    async read(key) {
      const bytes = bytesOf.get(key);
      if (!bytes) throw new Error(`the artifact has no chunk ${key}`);
      return bytes;
    },
  };
}

/** Full KV keys of everything in a version, the manifest last. */
export function keysOf({ manifest }: CheckedArtifact): string[] {
  return [...manifest.chunks.map(({ key }) => chunkKey(key)), manifestKey(manifest.version)];
}
