/** `npm run bench:cost [-- INDEX_FOLDER…] [--json]`: what serving costs, as in docs/deploy.md. */
import { parseArgs } from "node:util";
import { readManifestBytes } from "@poeem/offline/index-folder/write";
import { openManifest } from "@poeem/pq-core";
import { type IndexSize, indexSize, monthlyCost, type Usage } from "./cost/cost.ts";
import { type ExampleShape, exampleIndex } from "./cost/example.ts";

/** What is priced when no folder is given: chunks are of the sizes that a training gives them. */
const EXAMPLES: readonly ExampleShape[] = [
  { items: 100_000, nlist: 256 },
  { items: 1_000_000, nlist: 1024 },
  { items: 10_000_000, nlist: 4096 },
];
const USAGE: Usage = {
  searches: 10e6,
  publishes: 30,
  versions: 3,
  coldStarts: 10_000,
  isolates: 100,
  nprobe: 16,
  k: 10,
};

async function sizeOfFolder(folder: string): Promise<IndexSize> {
  const bytes = await readManifestBytes(folder);
  return indexSize(await openManifest(bytes), bytes);
}

async function sizeOfExample(shape: ExampleShape): Promise<IndexSize> {
  const { manifest, manifestBytes } = await exampleIndex(shape);
  return indexSize(manifest, manifestBytes);
}

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false } },
  allowPositionals: true,
});
const sizes: IndexSize[] = [];
if (positionals.length > 0) for (const folder of positionals) sizes.push(await sizeOfFolder(folder));
else for (const shape of EXAMPLES) sizes.push(await sizeOfExample(shape));
const rows = sizes.map((size) => ({ ...size, ...monthlyCost(size, USAGE) }));
if (values.json) process.stdout.write(`${JSON.stringify({ usage: USAGE, rows })}\n`);
else {
  const dollars = (amount: number): string => (amount === 0 ? "included" : `$${amount.toFixed(2)}`);
  const size = (bytes: number): string =>
    bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
  const table: [string, (row: (typeof rows)[number]) => string][] = [
    ["items", ({ items }) => items.toLocaleString("en-US")],
    ["one version", ({ bytes }) => size(bytes)],
    ["of which codes", ({ listBytes }) => size(listBytes)],
    ["keys", ({ keys }) => keys.toLocaleString("en-US")],
    ["manifest", ({ manifestBytes }) => `${Math.ceil(manifestBytes / 1000).toLocaleString("en-US")} kB`],
    ["KV reads at a cold start", ({ readsPerColdStart }) => `${readsPerColdStart}`],
    ["KV reads per search, nothing kept", ({ readsPerSearch }) => `${Math.round(readsPerSearch)}`],
    ["storage", ({ storage }) => dollars(storage)],
    ["writes and deletes", ({ writes }) => dollars(writes)],
    ["reads", ({ reads }) => dollars(reads)],
    ["requests", ({ requests }) => dollars(requests)],
    ["CPU", ({ cpu }) => dollars(cpu)],
    ["a month, with the $5 of the plan", ({ total }) => `$${total.toFixed(2)}`],
    ["the same over R2, nothing cached", ({ totalOfR2 }) => `$${totalOfR2.toFixed(2)}`],
  ];
  const lines = table.map(([name, cell]) => `| ${[name, ...rows.map(cell)].join(" | ")} |`);
  lines.splice(1, 0, `| --- |${" ---: |".repeat(rows.length)}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}
