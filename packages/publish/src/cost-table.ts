/** `npm run cost -w @poeem/trainer [-- --json]`: the table of docs/deploy.md. */
import { parseArgs } from "node:util";
import { type IndexShape, indexSize, monthlyCost, type Usage } from "./cost.ts";

const MiB = 1024 * 1024;
const common = { dim: 64, numSubQuantizers: 32, nbits: 4, idBytes: 10, fieldBytes: 80, queryTowerBytes: 10e6 } as const;
const SHAPES: readonly IndexShape[] = [
  { ...common, items: 100_000, nlist: 256, listChunkBytes: 4 * MiB, itemChunkBytes: MiB / 4 },
  { ...common, items: 10_000_000, nlist: 4096, listChunkBytes: MiB / 4, itemChunkBytes: MiB / 4 },
  // larger pages, so that the manifest stays below its 8 MiB
  { ...common, items: 1_000_000_000, nlist: 65_536, listChunkBytes: MiB, itemChunkBytes: 8 * MiB },
];
const USAGE: Usage = {
  searches: 10e6,
  publishes: 30,
  versions: 3,
  coldStarts: 10_000,
  isolates: 100,
  nprobe: 16,
  k: 10,
  memoryBytes: 36 * MiB,
};

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const rows = SHAPES.map((shape) => ({ items: shape.items, ...indexSize(shape), ...monthlyCost(shape, USAGE) }));
if (values.json) process.stdout.write(`${JSON.stringify({ usage: USAGE, rows })}\n`);
else {
  const dollars = (amount: number): string => (amount === 0 ? "included" : `$${amount.toFixed(2)}`);
  const size = (bytes: number): string =>
    bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
  const table: [string, (row: (typeof rows)[number]) => string][] = [
    ["items", ({ items }) => items.toLocaleString("en-US")],
    ["one version", ({ bytes }) => size(bytes)],
    ["of it codes", ({ listBytes }) => size(listBytes)],
    ["keys", ({ keys }) => keys.toLocaleString("en-US")],
    ["manifest", ({ manifestBytes }) => `${Math.ceil(manifestBytes / 1000).toLocaleString("en-US")} kB`],
    ["KV reads at a cold start", ({ readsPerColdStart }) => `${readsPerColdStart}`],
    ["KV reads a search, nothing kept", ({ readsPerSearch }) => `${Math.round(readsPerSearch)}`],
    ["storage", ({ storage }) => dollars(storage)],
    ["writes and deletes", ({ writes }) => dollars(writes)],
    ["reads", ({ reads }) => dollars(reads)],
    ["requests", ({ requests }) => dollars(requests)],
    ["CPU", ({ cpu }) => dollars(cpu)],
    ["a month, with the $5 of the plan", ({ total }) => `$${total.toFixed(2)}`],
  ];
  const lines = table.map(([name, cell]) => `| ${[name, ...rows.map(cell)].join(" | ")} |`);
  lines.splice(1, 0, `| --- |${" ---: |".repeat(rows.length)}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}
