import { usageOfCounts } from "@poeem/indexing-layer";
import { counted, formatCount } from "@poeem/offline/progress";
import type { EncodedVectors, Index, Manifest } from "@poeem/pq-core";
import { chunkBytes, chunksByKind, usageOfCodes } from "../artifact/summary.ts";
import { acrossAt, bars, baseAxis, type Figure, SERIES, valueAxis } from "./chart.ts";
import { formatBytes, formatPercent, formatShort } from "./format.ts";

/** How evenly codes and cells are used, and what the chunks weigh. @param encoded all items, or a sample of them */
export function codeFigures(index: Index, encoded: EncodedVectors): Figure[] {
  const { manifest } = index;
  return [subQuantizers(index, encoded), ...(manifest.nlist > 1 ? [lists(index)] : []), chunks(manifest)];
}

function subQuantizers({ manifest, codebook }: Index, { codes }: EncodedVectors): Figure {
  const M = manifest.numSubQuantizers;
  const { usage, numCentroids, allCentroids, perplexities, mean, least, unused, allUnused } = usageOfCodes(
    codebook,
    codes,
  );
  const unusedText = `${formatCount(allUnused)} of ${formatCount(allCentroids)} centroids are used by no item`;
  const numCounted = codes.length / M;
  return {
    id: "codes",
    title: "Use of the codes",
    description:
      `Perplexity of each of the ${M} sub-quantizers: how many of its ${numCentroids} centroids even ` +
      `use would need. Mean ${mean.toFixed(1)}, least ${least.toFixed(1)}; ` +
      `${allUnused === 0 ? "every centroid is used" : unusedText}.` +
      `${numCounted < manifest.numItems ? ` Counted on ${counted(numCounted, "item")}, spread evenly.` : ""}`,
    legend: [],
    option: () => ({
      xAxis: baseAxis("sub-quantizer", { type: "category", data: usage.map((_, m) => String(m)) }),
      yAxis: valueAxis({ max: codebook.numCentroids, interval: codebook.numCentroids / 4 }),
      series: [bars(perplexities, SERIES[0], { borderRadius: [2, 2, 0, 0] }, { barCategoryGap: "25%" })],
    }),
    table: {
      columns: ["Sub-quantizer", "Perplexity", "Entropy, bits", "Unused centroids", "Most used"],
      rows: usage.map(({ perplexity, counts }, m) => [
        String(m),
        perplexity.toFixed(2),
        Math.log2(perplexity).toFixed(2),
        String(unused[m]),
        formatPercent(Math.max(...counts) / Math.max(1, numCounted)),
      ]),
    },
  };
}

function lists({ manifest: { nlist, numItems }, cellSizes }: Index): Figure {
  const { perplexity, deadShare } = usageOfCounts(cellSizes);
  const sizes = Array.from(cellSizes).sort((a, b) => b - a);
  const empty = sizes.filter((size) => size === 0).length;
  const emptyText = `${formatCount(empty)} (${formatPercent(deadShare)}) empty and never visited`;
  const at = (share: number): number => sizes[Math.min(nlist - 1, Math.floor(share * nlist))]!;
  return {
    id: "lists",
    title: "Sizes of the cells",
    description:
      `Items in each of the ${counted(nlist, "cell")}, largest first. Largest ` +
      `${formatCount(sizes[0]!)}, median ${formatCount(at(0.5))}, smallest ${formatCount(sizes.at(-1)!)}; ` +
      `${empty === 0 ? "no cell is empty" : emptyText}. A search that visits one cell reads most where ` +
      "cells are large.",
    legend: [],
    option: () => ({
      xAxis: baseAxis("cell, by size", { type: "category", data: sizes.map((_, i) => String(i + 1)) }),
      yAxis: valueAxis({ axisLabel: { formatter: formatShort } }),
      series: [
        bars(
          sizes,
          SERIES[1],
          {},
          { barCategoryGap: nlist > 100 ? "0%" : "15%", markLine: acrossAt(numItems / nlist, "even", "var(--quiet)") },
        ),
      ],
    }),
    table: {
      columns: ["Cells", "Items"],
      rows: [
        ["largest", formatCount(sizes[0]!)],
        ...([0.1, 0.25, 0.5, 0.75, 0.9] as const).map((share) => [
          `${formatPercent(share)} of the cells are larger than`,
          formatCount(at(share)),
        ]),
        ["smallest", formatCount(sizes.at(-1)!)],
        ["even", (numItems / nlist).toFixed(1)],
        ["perplexity", perplexity.toFixed(1)],
      ],
    },
  };
}

function chunks(manifest: Manifest): Figure {
  const { numItems } = manifest;
  const sorted = Object.entries(chunksByKind(manifest)).sort((a, b) => a[1].bytes - b[1].bytes);
  const total = chunkBytes(manifest);
  const numChunks = sorted.reduce((sum, [, { count }]) => sum + count, 0);
  const largest = sorted.at(-1)!;
  const formatter = ({ value }: { value: number }): string => formatBytes(value);
  const label = { show: true, position: "right", color: "var(--quiet)", formatter };
  return {
    id: "chunks",
    title: "What the artifact weighs",
    description:
      `${formatBytes(total)} in ${counted(numChunks, "chunk")}, ` +
      `${(total / Math.max(1, numItems)).toFixed(1)} bytes per item in all; the largest part is ${largest[0]}, ` +
      `${formatBytes(largest[1].bytes)}.`,
    legend: [],
    option: () => ({
      xAxis: valueAxis({ axisLabel: { formatter: (value: number) => formatBytes(value) }, axisLine: { show: false } }),
      yAxis: baseAxis("", { type: "category", data: sorted.map(([kind]) => kind) }),
      series: [
        bars(
          sorted.map(([, { bytes }]) => bytes),
          SERIES[3],
          { borderRadius: [0, 2, 2, 0] },
          { label },
        ),
      ],
      grid: { left: 8, right: 64, top: 14, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "all" },
    }),
    table: {
      columns: ["Chunks", "Count", "Bytes", "Bytes per item"],
      rows: sorted
        .toReversed()
        .map(([kind, { bytes, count }]) => [
          kind,
          formatCount(count),
          formatCount(bytes),
          (bytes / Math.max(1, numItems)).toFixed(2),
        ]),
    },
  };
}
