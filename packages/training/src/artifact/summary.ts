import { subCodeUsage } from "@poeem/indexing-layer";
import type { ChunkEntry, Codebook, Manifest } from "@poeem/pq-core";

type CodeShape = Pick<Codebook, "metric" | "numSubQuantizers" | "nbits">;

/** Bytes that one item's code takes in the lists, terms of the metric included. */
export function bytesPerItem({ metric, numSubQuantizers, nbits }: CodeShape): number {
  const terms = metric === "innerProduct" ? 0 : nbits === 4 ? 4.5 : 4;
  return (numSubQuantizers * nbits) / 8 + terms;
}

/** As in "16 × 4 bits of the residual". */
export function codeShape({ numSubQuantizers, nbits, byResidual }: Manifest): string {
  return `${numSubQuantizers} × ${nbits} bits${byResidual ? " of the residual" : ""}`;
}

/** Bytes of some chunks. */
export function chunkBytes(chunks: readonly ChunkEntry[]): number {
  return chunks.reduce((sum, { size }) => sum + size, 0);
}

/** How many chunks there are of each kind, and their bytes, in order of the first of each. */
export function chunksByKind({ chunks }: Pick<Manifest, "chunks">): Record<string, { count: number; bytes: number }> {
  const kinds = [...new Set(chunks.map(({ kind }) => kind))];
  return Object.fromEntries(
    kinds.map((kind) => {
      const some = chunks.filter((chunk) => chunk.kind === kind);
      return [kind, { count: some.length, bytes: chunkBytes(some) }];
    }),
  );
}

/** How evenly the sub-quantizers are used. @param codes (n, M) row-major */
export function usageOfCodes({ numSubQuantizers, nbits }: CodeShape, codes: ArrayLike<number>) {
  const usage = subCodeUsage(codes, numSubQuantizers, 2 ** nbits);
  const perplexities = usage.map(({ perplexity }) => perplexity);
  const unused = usage.map(({ deadShare }) => Math.round(deadShare * 2 ** nbits));
  return {
    usage,
    perplexities,
    mean: perplexities.reduce((a, b) => a + b, 0) / numSubQuantizers,
    least: Math.min(...perplexities),
    /** Centroids that no item uses, of each sub-quantizer and in all. */
    unused,
    allUnused: unused.reduce((a, b) => a + b, 0),
  };
}
