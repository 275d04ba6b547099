import type { Artifact } from "@poeem/pq-core";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";

export interface ExampleShape {
  readonly items: number;
  readonly nlist: number;
  /** Left out: the writer's own. */
  readonly listChunkBytes?: number;
  readonly itemChunkBytes?: number;
}

const DIM = 64;
const SUB_QUANTIZERS = 32;
const ID_CHARACTERS = 10;
const FIELDS = { t: "x".repeat(80 - '{"t":""}'.length) };
const TOWER_BYTES = 10_000_000;

/**
 * An index written for its size alone: 64 dimensions, 16 bytes of codes per item, ids of 10 bytes, fields of 80 bytes,
 * no facets, a query tower of 10 MB.
 */
export async function exampleIndex({ items, nlist, ...chunkBytes }: ExampleShape): Promise<Artifact> {
  const floats = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i));
  return writeArtifact({
    codebook: createCodebook({
      dim: DIM,
      metric: "innerProduct",
      nlist,
      numSubQuantizers: SUB_QUANTIZERS,
      nbits: 4,
      byResidual: true,
      rotation: Float32Array.from({ length: DIM * DIM }, (_, i) => (i % (DIM + 1) === 0 ? 1 : 0)),
      coarseCentroids: floats(nlist * DIM),
      centroids: floats(DIM * 16),
    }),
    assignments: Uint32Array.from({ length: items }, (_, i) => i % nlist),
    codes: Uint8Array.from({ length: items * SUB_QUANTIZERS }, (_, i) => (i * 7) % 16),
    ids: Array.from({ length: items }, (_, i) => String(i).padStart(ID_CHARACTERS, "0")),
    fields: Array.from({ length: items }, () => FIELDS),
    queryTower: new Uint8Array(TOWER_BYTES),
    ...chunkBytes,
  });
}
