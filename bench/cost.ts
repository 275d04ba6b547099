/**
 * What serving costs in a month, as in docs/deploy.md: from KV and from R2, for ids alone, with fields and with a
 * filter, with answers or values from a cache, and Vectorize by its published formula.
 *
 *     npm run bench:cost [-- INDEX_FOLDER…] [--json] [--searches 1000000,10000000] [--cached 0.5] [--nprobe N]
 *         [--large]
 *
 * Without a folder, indexes of several sizes are written for the purpose, by the writer of every index. Of the largest
 * only a sixteenth is written, and counted sixteen times; `--large` writes all of it, which takes minutes of CPU.
 */
import { parseArgs } from "node:util";
import { readManifestBytes } from "@poeem/offline/index-folder/write";
import { openManifest } from "@poeem/pq-core";
import { type Asked, type Cached, monthlyCost, searchReads, type Usage } from "./cost/cost.ts";
import { type ExampleShape, exampleIndex } from "./cost/example.ts";
import type { StoreName } from "./cost/prices.ts";
import { type IndexSize, indexSize } from "./cost/size.ts";
import { vectorizeCost } from "./cost/vectorize.ts";

/** What is priced when no folder is given: chunks are of the sizes that a training gives them. */
const EXAMPLES: readonly ExampleShape[] = [
  { items: 100_000, nlist: 256 },
  { items: 1_000_000, nlist: 1024 },
  { items: 10_000_000, nlist: 4096 },
  { items: 100_000_000, nlist: 16_384, parts: 16 },
];
/** But for the searches, which an option says. */
const MONTH = { publishes: 30, versions: 3, coldStarts: 10_000, isolates: 100, k: 10 } as const;
const VECTORIZE_DIMS = [64, 768];

const { values: flags, positionals } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    searches: { type: "string", default: "1000000,10000000" },
    cached: { type: "string", default: "0.5" },
    nprobe: { type: "string" },
    large: { type: "boolean", default: false },
  },
  allowPositionals: true,
});

/** @throws RangeError for what is no number of that size */
function numberOf(name: string, text: string, most = Number.POSITIVE_INFINITY): number {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (!(number >= 0 && number <= most))
    throw new RangeError(`"--${name}" expected a number${most === 1 ? " of 0 to 1" : " from 0 on"}, got "${text}"`);
  return number;
}

const nprobe = flags.nprobe === undefined ? undefined : numberOf("nprobe", flags.nprobe);
const share = numberOf("cached", flags.cached, 1);
const months = flags.searches.split(",").map((text) => numberOf("searches", text));
const IDS: Asked = { fields: false, filter: false };
const FIELDS: Asked = { fields: true, filter: false };
const FILTER: Asked = { fields: true, filter: true };

interface Way {
  readonly name: string;
  readonly store: StoreName;
  readonly asked: Asked;
  readonly cached?: Cached;
}
/** Rows of the table of a month. */
const WAYS: readonly Way[] = [
  { name: "KV: ids alone", store: "kv", asked: IDS },
  { name: "KV: with fields", store: "kv", asked: FIELDS },
  { name: "KV: with fields and a filter", store: "kv", asked: FILTER },
  {
    name: `KV: with fields, ${percent(share)} of answers cached`,
    store: "kv",
    asked: FIELDS,
    cached: { answers: share },
  },
  { name: "R2: ids alone", store: "r2", asked: IDS },
  { name: "R2: with fields", store: "r2", asked: FIELDS },
  { name: "R2: with fields and a filter", store: "r2", asked: FILTER },
  {
    name: `R2: with fields, ${percent(share)} of answers cached`,
    store: "r2",
    asked: FIELDS,
    cached: { answers: share },
  },
  {
    name: `R2: with fields, ${percent(share)} of values cached`,
    store: "r2",
    asked: FIELDS,
    cached: { values: share },
  },
];

function percent(part: number): string {
  return `${Math.round(100 * part)} %`;
}

async function sizeOfFolder(folder: string): Promise<IndexSize> {
  const bytes = await readManifestBytes(folder);
  return indexSize(await openManifest(bytes), bytes.length);
}

async function sizeOfExample({ parts, ...shape }: ExampleShape): Promise<IndexSize> {
  const { manifest, manifestBytes } = await exampleIndex({ ...shape, ...(flags.large ? {} : { parts }) });
  return indexSize(manifest, manifestBytes);
}

/** All that is said of one index. */
function priced(size: IndexSize) {
  const reads = (asked: Asked) => searchReads(size, { nprobe, k: MONTH.k }, asked);
  return {
    size,
    // the pointer too
    readsPerColdStart: 1 + size.coldStartKeys,
    readsPerSearch: { ids: reads(IDS), fields: reads(FIELDS), filter: reads(FILTER) },
    months: months.map((searches) => {
      const usage: Usage = { ...MONTH, searches, nprobe };
      return {
        searches,
        ways: WAYS.map((way) => ({ ...way, ...monthlyCost(size, usage, way) })),
        vectorize: VECTORIZE_DIMS.map((dim) => ({ dim, total: vectorizeCost({ stored: size.items, dim, searches }) })),
      };
    }),
  };
}
type Priced = ReturnType<typeof priced>;

type Line = readonly [name: string, cell: (row: Priced) => string];

function tableOf(head: string, rows: readonly Priced[], lines: readonly Line[]): string {
  const items = rows.map(({ size }) => size.items.toLocaleString("en-US"));
  const all = [[head, ...items], ...lines.map(([name, cell]) => [name, ...rows.map(cell)])];
  const written = all.map((cells) => `| ${cells.join(" | ")} |`);
  written.splice(1, 0, `| --- |${" ---: |".repeat(rows.length)}`);
  return `${written.join("\n")}\n`;
}

const dollars = (amount: number): string =>
  amount < 100 ? `$${amount.toFixed(2)}` : `$${Math.round(amount).toLocaleString("en-US")}`;
const bytes = (amount: number): string =>
  amount < 1e6
    ? `${count(amount / 1e3)} kB`
    : amount < 1e9
      ? `${count(amount / 1e6)} MB`
      : `${(amount / 1e9).toFixed(1)} GB`;
const count = (amount: number): string => Math.round(amount).toLocaleString("en-US");

const sizes: IndexSize[] = [];
if (positionals.length > 0) for (const folder of positionals) sizes.push(await sizeOfFolder(folder));
else for (const shape of EXAMPLES) sizes.push(await sizeOfExample(shape));
const rows = sizes.map(priced);
if (flags.json) process.stdout.write(`${JSON.stringify({ month: { ...MONTH, nprobe, cached: share }, rows })}\n`);
else {
  const sizeLines: Line[] = [
    ["one version", ({ size }) => bytes(size.bytes)],
    ["of which codes", ({ size }) => `${bytes(size.listBytes)}${size.hasIdsInLists ? ", with ids" : ""}`],
    ["keys", ({ size }) => count(size.keys)],
    ["manifest", ({ size }) => bytes(size.manifestBytes)],
    ["reads at a cold start", ({ readsPerColdStart }) => count(readsPerColdStart)],
    ["reads per search: ids alone", ({ readsPerSearch }) => count(readsPerSearch.ids.all)],
    ["with fields, at most", ({ readsPerSearch }) => count(readsPerSearch.fields.all)],
    ["with fields and a filter, at most", ({ readsPerSearch }) => count(readsPerSearch.filter.all)],
    ["bytes that a search with fields reads", ({ readsPerSearch }) => bytes(readsPerSearch.fields.bytes)],
  ];
  const tables = rows[0]!.months.map(({ searches, ways, vectorize }, m) =>
    tableOf(`${searches / 1e6} M searches a month`, rows, [
      ...ways.map(({ name }, w): Line => [name, ({ months }) => dollars(months[m]!.ways[w]!.total)]),
      ...vectorize.map(
        ({ dim }, v): Line => [`Vectorize, ${dim} dimensions`, ({ months }) => dollars(months[m]!.vectorize[v]!.total)],
      ),
    ]),
  );
  process.stdout.write([tableOf("items", rows, sizeLines), ...tables].join("\n"));
}
