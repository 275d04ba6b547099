import { initializeCodebook, Random, resolveConfig } from "@poeem/indexing-layer";
import { adcKernel } from "@poeem/offline/index-folder/kernel";
import { type ChunkSource, type Codebook, type Index, openArtifact } from "@poeem/pq-core";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import { gather, spreadEvenly } from "../data/gather.ts";

/** Shape of an index made from finished vectors; the names are those of {@link Codebook}. */
export type Shape = Pick<Codebook, "dim" | "metric" | "nlist" | "numSubQuantizers" | "nbits">;

/** Vectors that the codebook is fitted to, at most: more change it little. */
const MAX_SAMPLES = 65_536;

/**
 * The baseline that joint training has to beat: IVF + PQ, or IVF + OPQ (Ge et al., CVPR 2013, 30 alternations), fitted
 * to vectors that were trained without any quantizer in mind. Held in memory; ids are item numbers.
 *
 * @param vectors (items, dim)
 */
export async function indexAfterwards(
  vectors: Float32Array,
  shape: Shape,
  rotation: "none" | "opq",
  seed: number,
): Promise<Index> {
  const { dim, metric, nlist, numSubQuantizers, nbits } = shape;
  const samples = gather(vectors, spreadEvenly(vectors.length / dim, MAX_SAMPLES), dim);
  const sizes = { dim, nlist, numSubQuantizers, nbits };
  const config = resolveConfig({
    ...sizes,
    rotation,
    opqIterations: 30,
    bufferSize: Math.max(nlist, 1 << nbits, samples.length / dim),
    seed,
  });
  const fitted = await initializeCodebook(samples, config, new Random(seed));
  const codebook = createCodebook({
    ...sizes,
    metric,
    byResidual: nlist > 0,
    rotation: rotation === "opq" ? Float32Array.from(fitted.rotation) : undefined,
    coarseCentroids: fitted.coarseCentroids,
    centroids: fitted.centroids,
  });
  const artifact = await writeArtifact({
    codebook,
    ...encode(codebook, vectors),
    ids: Uint32Array.from({ length: vectors.length / dim }, (_, i) => i),
  });
  const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
  const source: ChunkSource = { get: async (key) => chunks.get(key)! };
  return openArtifact(source, artifact.manifestBytes, { kernel: await adcKernel(), verify: false });
}
