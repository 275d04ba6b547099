import { codeUsage, subCodeUsage } from "@poeem/indexing-layer";
import { formatCount } from "@poeem/offline/progress";
import type { Index, Manifest } from "@poeem/pq-core";
import { bytesPerItem } from "../evaluate/afterwards.ts";
import type { Facts } from "./facts.ts";

/** A manifest for `--json`: its members as they are, the chunks counted and weighed by kind. */
export function manifestMembers({ chunks, ...members }: Manifest): Record<string, unknown> {
  const bytesOf: Record<string, number> = {};
  for (const { kind, size } of chunks) bytesOf[kind] = (bytesOf[kind] ?? 0) + size;
  return { ...members, bytesPerItem: bytesPerItem(members), chunks: chunks.length, bytesOf };
}

/** A manifest for a person. */
export function manifestFacts(manifest: Manifest): Facts {
  const { numSubQuantizers, nbits, byResidual, nlist, delta } = manifest;
  const kinds: Record<string, { chunks: number; bytes: number }> = {};
  for (const { kind, size } of manifest.chunks) {
    const { chunks, bytes } = kinds[kind] ?? { chunks: 0, bytes: 0 };
    kinds[kind] = { chunks: chunks + 1, bytes: bytes + size };
  }
  return {
    version: manifest.version,
    previousVersion: manifest.previousVersion,
    formatVersion: manifest.formatVersion,
    items: manifest.numItems,
    ids: manifest.idType,
    fields: manifest.hasFields,
    changes: delta && `${delta.numItems} added or updated, ${delta.removed} removed or replaced of ${delta.baseItems}`,
    vectors: `${manifest.dim} dimensions, ${manifest.metric}${manifest.hasRotation ? ", rotated" : ""}`,
    codes: `${numSubQuantizers} × ${nbits} bits${byResidual ? " of the residual" : ""}`,
    bytesPerItem: bytesPerItem(manifest),
    cells: nlist,
    defaultNprobe: manifest.defaultNprobe,
    bytes: manifest.chunks.reduce((sum, { size }) => sum + size, 0),
    chunks: Object.fromEntries(
      Object.entries(kinds).map(([kind, { chunks, bytes }]) => [
        kind,
        `${formatCount(bytes)} bytes in ${formatCount(chunks)}`,
      ]),
    ),
  };
}

/** How evenly the codes and the cells of an index are used. */
export async function usageFacts(index: Index): Promise<Facts> {
  const { numItems, nlist, numSubQuantizers, nbits } = index.manifest;
  const { assignments, codes } = await index.codes(Uint32Array.from({ length: numItems }, (_, i) => i));
  const usage = subCodeUsage(codes, numSubQuantizers, 2 ** nbits);
  const perplexities = usage.map(({ perplexity }) => perplexity);
  const cells = nlist > 0 ? codeUsage(assignments, nlist) : undefined;
  return {
    codePerplexity: `${mean(perplexities).toFixed(1)} of ${2 ** nbits}, least ${Math.min(...perplexities).toFixed(1)}`,
    unusedCentroids: usage.reduce((sum, { deadShare }) => sum + Math.round(deadShare * 2 ** nbits), 0),
    cellPerplexity: cells && `${cells.perplexity.toFixed(1)} of ${nlist}`,
    largestCell: cells && Math.max(...cells.counts),
    emptyCells: cells && Math.round(cells.deadShare * nlist),
  };
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
