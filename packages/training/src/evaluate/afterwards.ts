import { initializeCodebook, Random, resolveConfig } from "@poeem/indexing-layer";
import { adcKernel } from "@poeem/offline/index-folder/kernel";
import { type ChunkSource, type Codebook, type Index, openArtifact } from "@poeem/pq-core";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";

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
  const samples = sampleRows(vectors, dim, MAX_SAMPLES);
  const config = resolveConfig({
    dim,
    nlist,
    numSubQuantizers,
    nbits,
    rotation,
    opqIterations: 30,
    bufferSize: Math.max(nlist, 1 << nbits, samples.length / dim),
    seed,
  });
  const fitted = await initializeCodebook(samples, config, new Random(seed));
  const codebook = createCodebook({
    dim,
    metric,
    nlist,
    numSubQuantizers,
    nbits,
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

/** At most `most` rows, spread evenly. */
function sampleRows(vectors: Float32Array, dim: number, most: number): Float32Array {
  const count = vectors.length / dim;
  if (count <= most) return vectors;
  const sample = new Float32Array(most * dim);
  for (let i = 0; i < most; i++) {
    const row = Math.floor((i * count) / most);
    sample.set(vectors.subarray(row * dim, (row + 1) * dim), i * dim);
  }
  return sample;
}
