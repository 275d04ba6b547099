import { usageOfCounts } from "@poeem/indexing-layer";
import { formatCount } from "@poeem/offline/progress";
import type { Index, Manifest } from "@poeem/pq-core";
import { bytesPerItem, chunkBytes, chunksByKind, codeShape, usageOfCodes } from "../artifact/summary.ts";
import type { Facts } from "./facts.ts";

/** A manifest for `--json`: its members as they are, the chunks counted and weighed by kind. */
export function manifestMembers({ chunks, ...members }: Manifest): Record<string, unknown> {
  const kinds = Object.entries(chunksByKind({ chunks }));
  const bytesOf = Object.fromEntries(kinds.map(([kind, { bytes }]) => [kind, bytes]));
  const count = kinds.reduce((sum, [, { count }]) => sum + count, 0);
  return { ...members, bytesPerItem: bytesPerItem(members), chunks: count, bytesOf };
}

/** A manifest for a person. */
export function manifestFacts(manifest: Manifest): Facts {
  const { delta } = manifest;
  return {
    version: manifest.version,
    previousVersion: manifest.previousVersion,
    formatVersion: manifest.formatVersion,
    items: manifest.numItems,
    ids: manifest.idType,
    fields: manifest.hasFields,
    changes: delta && `${delta.numItems} added or updated, ${delta.removed} removed or replaced of ${delta.baseItems}`,
    vectors: `${manifest.dim} dimensions, ${manifest.metric}${manifest.hasRotation ? ", rotated" : ""}`,
    codes: codeShape(manifest),
    bytesPerItem: bytesPerItem(manifest),
    cells: manifest.nlist,
    cellsPerPage: manifest.cellsPerPage,
    cellSpread: manifest.cellSpread && `counts ${manifest.cellSpread.weight} in the order of cells`,
    defaultNprobe: manifest.defaultNprobe,
    popularQueries: manifest.queries,
    bytes: chunkBytes(manifest),
    chunks: Object.fromEntries(
      Object.entries(chunksByKind(manifest)).map(([kind, { count, bytes }]) => [
        kind,
        `${formatCount(bytes)} bytes in ${formatCount(count)}`,
      ]),
    ),
  };
}

/** How evenly the codes and the cells of an index are used. */
export async function usageFacts(index: Index): Promise<Facts> {
  const { numItems, nlist } = index.manifest;
  const { codes } = await index.codes(Uint32Array.from({ length: numItems }, (_, i) => i));
  const { mean, least, allUnused, numCentroids } = usageOfCodes(index.codebook, codes);
  const cells = nlist > 0 ? usageOfCounts(index.cellSizes) : undefined;
  return {
    codePerplexity: `${mean.toFixed(1)} of ${numCentroids}, least ${least.toFixed(1)}`,
    unusedCentroids: allUnused,
    cellPerplexity: cells && `${cells.perplexity.toFixed(1)} of ${nlist}`,
    largestCell: cells?.counts.reduce((most, count) => Math.max(most, count), 0),
    emptyCells: cells?.counts.filter((count) => count === 0).length,
    emptyCellShare: cells?.deadShare,
  };
}
