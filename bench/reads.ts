/**
 * What a search of a large index reads, and what it finds for that: overlap of its 10 with those of an exhaustive
 * search of the same codes, by reads, bytes and processor time, of both ways in which an index can lie: cells one by
 * one, with chunks that the manifest lists, and runs of cells that share pages.
 *
 *     npm run bench:reads -- [--json] [--items 10000000] [--cells 4096] [--queries 500] [--noise 1.3] [--pages 16,32]
 *         [--seed 1]
 *
 * Items are clustered unit vectors of 64 numbers in 16 bytes (32 × 4 bits), with an id of 32 bits, a short title, a
 * facet of 20 values that goes with the clusters, and a number. Nothing is kept between searches.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { adcKernel } from "@poeem/offline/index-folder/kernel";
import { formatCount } from "@poeem/offline/progress";
import { type ChunkSource, chunkTotals, type Filter, type Index, openArtifact } from "@poeem/pq-core";
import { writeArtifact } from "@poeem/pq-core/write";
import { useBackend } from "@poeem/training/backend/backend";
import { type Catalogue, makeCatalogue } from "./reads/catalogue.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    items: { type: "string", default: "10000000" },
    cells: { type: "string", default: "4096" },
    queries: { type: "string", default: "500" },
    noise: { type: "string", default: "1.3" },
    pages: { type: "string", default: "16,32" },
    seed: { type: "string", default: "1" },
  },
});

const K = 10;
/** Cells, or runs of them, that are visited. */
const PROBES = { cells: [4, 8, 16, 32, 64], runs: [1, 2, 3, 4, 6, 8, 12] };

const FILTERS: readonly (Filter | undefined)[] = [undefined, { facet: "kind", in: ["k3"] }];

interface Row {
  readonly layout: string;
  readonly nprobe: number;
  readonly isFiltered: boolean;
  /** Of the ten of an exhaustive search. */
  readonly overlap: number;
  /** Of ids alone; and of titles as well. */
  readonly reads: number;
  readonly readsWithFields: number;
  readonly kilobytes: number;
  readonly codes: number;
  readonly cpuMilliseconds: number;
}

const folder = mkdtempSync(join(tmpdir(), "poeem-reads-"));
const say = (line: string): void => void process.stderr.write(`${line}\n`);
try {
  await useBackend("wasm");
  const size = { items: Number(flags.items), cells: Number(flags.cells), queries: Number(flags.queries) };
  const catalogue = await makeCatalogue({ ...size, noise: Number(flags.noise), seed: Number(flags.seed) }, say);
  const layouts = [0, ...flags.pages.split(",").map(Number)];
  const rows: Row[] = [];
  const indexes: object[] = [];
  const best = new Map<Filter | undefined, readonly Set<unknown>[]>();
  for (const cellsPerPage of layouts) {
    const { chunks, manifestBytes } = await writeArtifact({ ...catalogue.input, cellsPerPage });
    for (const { key, bytes } of chunks) writeFileSync(join(folder, key), bytes);
    const opened = await open(manifestBytes);
    const totals = chunkTotals(opened.index.manifest);
    const layout = cellsPerPage === 0 ? "cells one by one" : `runs of ${cellsPerPage} cells`;
    const ofKind = Object.fromEntries([...totals].map(([kind, { count, bytes }]) => [kind, { count, bytes }]));
    indexes.push({ layout, manifestBytes: manifestBytes.length, readsToOpen: opened.counts.reads, ofKind });
    say(`${layout}: ${formatCount(chunks.length)} chunks, manifest of ${formatCount(manifestBytes.length)} bytes`);
    for (const filter of FILTERS) {
      const exhaustive = best.get(filter) ?? (await bestOf(catalogue, (await open(manifestBytes, true)).index, filter));
      best.set(filter, exhaustive);
      for (const nprobe of cellsPerPage === 0 ? PROBES.cells : PROBES.runs) {
        const row = { layout, ...(await measure(catalogue, opened, nprobe, filter, exhaustive)) };
        rows.push(row);
        say(JSON.stringify(row));
      }
    }
    for (const { key } of chunks) rmSync(join(folder, key));
  }
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...size, noise: Number(flags.noise), indexes, rows })}\n`);
  else process.stdout.write(table(rows));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

interface Counts {
  reads: number;
  bytes: number;
}

/** The index as a Worker has it that keeps no page; or with all lists in memory. */
async function open(
  manifestBytes: Uint8Array,
  isResident = false,
): Promise<{ readonly index: Index; readonly counts: Counts }> {
  const counts: Counts = { reads: 0, bytes: 0 };
  const source: ChunkSource = {
    async get(key) {
      const bytes = await readFile(join(folder, key));
      counts.reads++;
      counts.bytes += bytes.length;
      return bytes;
    },
  };
  const kernel = await adcKernel();
  const room = isResident ? { residentBytes: 2 ** 32 } : { residentBytes: 0, cacheBytes: 0 };
  return { index: await openArtifact(source, manifestBytes, { kernel, ...room }), counts };
}

/** Ids of the best of all items for each query. */
async function bestOf({ queries, dim }: Catalogue, index: Index, filter: Filter | undefined): Promise<Set<unknown>[]> {
  const best: Set<unknown>[] = [];
  for (let at = 0; at < queries.length; at += dim) {
    const found = await index.search(queries.subarray(at, at + dim), { k: K, nprobe: "all", filter });
    best.push(new Set(await index.ids(found.ordinals)));
  }
  return best;
}

async function measure(
  { queries, dim }: Catalogue,
  { index, counts }: Awaited<ReturnType<typeof open>>,
  nprobe: number,
  filter: Filter | undefined,
  best: readonly Set<unknown>[],
): Promise<Omit<Row, "layout">> {
  const sums = { overlap: 0, wanted: 0, reads: 0, readsWithFields: 0, bytes: 0, codes: 0 };
  let cpu = 0;
  // tables of pages are read once, not for a search
  await index.items([0, index.manifest.numItems - 1]);
  for (let q = 0; q < best.length; q++) {
    const before = { ...counts };
    const started = process.cpuUsage();
    const found = await index.search(queries.subarray(q * dim, (q + 1) * dim), { k: K, nprobe, filter });
    const ids = await index.ids(found.ordinals);
    const used = process.cpuUsage(started);
    cpu += (used.user + used.system) / 1000;
    sums.reads += counts.reads - before.reads;
    sums.bytes += counts.bytes - before.bytes;
    await index.items(found.ordinals);
    sums.readsWithFields += counts.reads - before.reads;
    sums.codes += found.codesScanned;
    sums.wanted += best[q]!.size;
    sums.overlap += ids.filter((id) => best[q]!.has(id)).length;
  }
  const n = best.length;
  return {
    ...{ nprobe, isFiltered: filter !== undefined, overlap: sums.overlap / sums.wanted, reads: sums.reads / n },
    readsWithFields: sums.readsWithFields / n,
    kilobytes: sums.bytes / n / 1000,
    codes: sums.codes / n,
    cpuMilliseconds: cpu / n,
  };
}

function table(rows: readonly Row[]): string {
  const head = "| layout | nprobe | filter | overlap@10 | reads | with titles | kB | codes | CPU ms |";
  const lines = rows.map(
    (row) =>
      `| ${row.layout} | ${row.nprobe} | ${row.isFiltered ? "yes" : ""} | ${row.overlap.toFixed(3)} | ` +
      `${row.reads.toFixed(1)} | ${row.readsWithFields.toFixed(1)} | ${formatCount(row.kilobytes)} | ` +
      `${formatCount(row.codes)} | ${row.cpuMilliseconds.toFixed(1)} |`,
  );
  return [head, `| --- |${" ---: |".repeat(8)}`, ...lines, ""].join("\n");
}
