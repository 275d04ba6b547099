/**
 * `npm run bench -w @poeem/edge [-- --json] [-- --items 100000,1000000 --requests 2000]`: `GET /search?vector=` in
 * workerd at k = 10, beside a route that returns a constant, and `GET /search?history=` of 20 items, in one run.
 * nprobe is the smallest power of two whose overlap@10 with all cells is at least 0.95.
 */
import { parseArgs } from "node:util";
import { encodeVector } from "../src/http/vector.ts";
import { type Catalogue, makeCatalogue } from "./catalogue.ts";
import { type HistoryCost, historyIds, historyItems, measureHistories } from "./history.ts";
import { type RunningWorker, startWorker } from "./worker.ts";

export interface BenchRow {
  readonly items: number;
  readonly route: string;
  readonly nprobe: number | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requestsPerSecond: number;
  readonly overlapAt10: number | null;
}

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    items: { type: "string", default: "100000,1000000" },
    requests: { type: "string", default: "2000" },
  },
});
const requests = Number(values.requests);
const warmUp = 300;
const sampleQueries = 100;
const concurrency = 4;

const idsOf = (body: string): unknown[] =>
  (JSON.parse(body) as { results: { id: unknown }[] }).results.map(({ id }) => id);

async function overlapAt10(worker: RunningWorker, { query, nlist }: Catalogue, nprobe: number): Promise<number> {
  let found = 0;
  for (let i = 0; i < sampleQueries; i++) {
    const vector = encodeVector(query(i));
    const exact = new Set(idsOf((await worker.ask(`/search?vector=${vector}&nprobe=${nlist}`)).body));
    found += idsOf((await worker.ask(`/search?vector=${vector}&nprobe=${nprobe}`)).body).filter((id) =>
      exact.has(id),
    ).length;
  }
  return found / (10 * sampleQueries);
}

/**
 * Latencies one request after another; throughput with a few at once. Routes take turns, so that a slow minute meets
 * all alike.
 */
async function measure(
  worker: RunningWorker,
  items: number,
  routes: readonly { route: string; nprobe: number | null; overlap: number | null; path: (i: number) => string }[],
): Promise<BenchRow[]> {
  const latencies = routes.map(() => [] as number[]);
  for (let i = 0; i < warmUp + requests; i++) {
    for (const [r, { path }] of routes.entries()) {
      const { ms } = await worker.ask(path(i));
      if (i >= warmUp) latencies[r]!.push(ms);
    }
  }
  const rows: BenchRow[] = [];
  for (const [r, { route, nprobe, overlap, path }] of routes.entries()) {
    const sorted = latencies[r]!.sort((a, b) => a - b);
    const startedAt = performance.now();
    let next = 0;
    const client = async () => {
      while (next < requests) await worker.ask(path(next++));
    };
    await Promise.all(Array.from({ length: concurrency }, client));
    const seconds = (performance.now() - startedAt) / 1000;
    const at = (share: number) => round(sorted[Math.floor(share * (sorted.length - 1))]!);
    rows.push({
      items,
      route,
      nprobe,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      requestsPerSecond: Math.round(requests / seconds),
      overlapAt10: overlap,
    });
  }
  return rows;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

async function benchItems(items: number): Promise<{ rows: BenchRow[]; coldStartMs: number; history: HistoryCost }> {
  const catalogue = await makeCatalogue(items);
  const worker = await startWorker();
  try {
    await worker.publish(catalogue.artifact);
    const coldStartMs = round((await worker.ask(`/search?vector=${encodeVector(catalogue.query(0))}`)).ms);
    let nprobe = 1;
    let overlap = await overlapAt10(worker, catalogue, nprobe);
    while (overlap < 0.95 && nprobe < catalogue.nlist) {
      nprobe *= 2;
      overlap = await overlapAt10(worker, catalogue, nprobe);
    }
    const vectors = Array.from({ length: 500 }, (_, i) => encodeVector(catalogue.query(i + sampleQueries)));
    const rows = await measure(worker, items, [
      { route: "/healthz", nprobe: null, overlap: null, path: () => "/healthz" },
      {
        route: "/search?vector=",
        nprobe,
        overlap: round(overlap),
        path: (i) => `/search?vector=${vectors[i % vectors.length]}&nprobe=${nprobe}`,
      },
      {
        route: `/search?history= (${historyItems})`,
        nprobe,
        overlap: null,
        path: (i) => `/search?history=${historyIds(i, items)}&nprobe=${nprobe}`,
      },
    ]);
    return { rows, coldStartMs, history: await measureHistories(catalogue, nprobe) };
  } finally {
    await worker.stop();
  }
}

const rows: BenchRow[] = [];
const coldStartMs: Record<string, number> = {};
const histories: Record<string, HistoryCost> = {};
for (const items of values.items.split(",").map(Number)) {
  const result = await benchItems(items);
  rows.push(...result.rows);
  coldStartMs[items] = result.coldStartMs;
  histories[items] = result.history;
}
if (values.json) console.log(JSON.stringify({ rows, coldStartMs, histories }));
else {
  console.table(rows);
  console.log("cold start to first answer, ms:", coldStartMs);
  console.log(`${historyItems} vectors beside one, without HTTP:`, histories);
}
