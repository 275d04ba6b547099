/**
 * `npm run bench:paging -w @poeem/edge [-- --json] [-- --items 10000000] [-- --r2]`: an index too large for an isolate,
 * in local KV, or in local R2 behind the Cache API: what its lists cost in memory, reads and time when they are paged.
 * Memory is sampled through the inspector of workerd after every request.
 */
import { parseArgs } from "node:util";
import { encodeVector } from "../src/http/vector.ts";
import { makeCatalogue } from "./catalogue.ts";
import { type Memory, startWorker } from "./worker.ts";

const MB = 1e6;
const mb = (bytes: number) => Math.round(bytes / MB);

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    items: { type: "string", default: "10000000" },
    r2: { type: "boolean", default: false },
  },
});
const items = Number(values.items);
const log = (line: string) => values.json || console.log(line);

const startedAt = performance.now();
const catalogue = await makeCatalogue(items);
const { artifact, nlist, query } = catalogue;
const bytes = artifact.chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
const tookMs = Math.round(performance.now() - startedAt);
log(`${items} items: ${artifact.chunks.length} chunks, ${mb(bytes)} MB, made in ${tookMs} ms`);
const worker = await startWorker({ inspect: true, r2: values.r2 });
await worker.publish(artifact);
log(`published after ${Math.round(performance.now() - startedAt)} ms`);

const vector = (i: number) => `vector=${encodeVector(query(i))}`;
const ids = (i: number, n: number) =>
  Array.from({ length: n }, (_, j) => Math.floor(((i * 7919 + j * 104729) % 9973) * (items / 9973)));

const most = { heap: 0, buffers: 0, isolate: 0, rss: 0 };
async function sample(): Promise<Memory> {
  const memory = await worker.memory();
  most.heap = Math.max(most.heap, memory.heap);
  most.buffers = Math.max(most.buffers, memory.buffers);
  most.isolate = Math.max(most.isolate, memory.heap + memory.buffers);
  most.rss = Math.max(most.rss, memory.rss);
  return memory;
}

const base = await sample();
const coldStartMs = (await worker.ask(`/search?${vector(0)}`)).ms;

interface Row {
  readonly name: string;
  readonly requests: number;
  readonly concurrency: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly codesScanned: number;
  /** Operations of the store for a request, and values that the Cache API had. */
  readonly reads: number;
  readonly cached: number;
  /** Most that the isolate held so far, JavaScript heap and array buffers, MB. */
  readonly mostMB: number;
}
const rows: Row[] = [];

async function measure(
  name: string,
  requests: number,
  concurrency: number,
  path: (i: number) => string,
): Promise<void> {
  const latencies: number[] = [];
  let codesScanned = 0;
  let [reads, cached] = [0, 0];
  let next = 0;
  const client = async () => {
    while (next < requests) {
      const answer = await worker.ask(path(next++));
      latencies.push(answer.ms);
      const timing = /(\d+) reads, \d+ bytes(?:, (\d+) cached)?/.exec(String(answer.headers["server-timing"])) ?? [];
      reads += Number(timing[1] ?? 0);
      cached += Number(timing[2] ?? 0);
      codesScanned += (JSON.parse(answer.body) as { codesScanned?: number }).codesScanned ?? 0;
      await sample();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  latencies.sort((a, b) => a - b);
  const at = (share: number) => Math.round(latencies[Math.floor(share * (latencies.length - 1))]! * 10) / 10;
  rows.push({
    name,
    requests,
    concurrency,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    codesScanned: Math.round(codesScanned / requests),
    reads: Math.round((10 * reads) / requests) / 10,
    cached: Math.round((10 * cached) / requests) / 10,
    mostMB: mb(most.isolate),
  });
  log(JSON.stringify(rows.at(-1)));
}

// From what everybody does to the worst that the parameters allow.
await measure("nprobe 8, k 10", 100, 1, (i) => `/search?${vector(i)}&nprobe=8`);
await measure("nprobe 8, k 10, the same 20 vectors", 100, 1, (i) => `/search?${vector(i % 20)}&nprobe=8`);
await measure("nprobe 32, k 10", 100, 1, (i) => `/search?${vector(i)}&nprobe=32`);
await measure("nprobe 32, k 10, 8 at once", 100, 8, (i) => `/search?${vector(i)}&nprobe=32`);
await measure("history of 20, nprobe 8", 30, 1, (i) => `/search?history=${ids(i, 20).join()}&nprobe=8`);
await measure(
  "nprobe 32, k 250, diversity, 4 at once",
  50,
  4,
  (i) => `/search?${vector(i)}&nprobe=32&k=250&diversity=0.5`,
);
await measure("items by id, 8 at once", 100, 8, (i) => `/items/${ids(i, 1)[0]}`);
await measure("all cells, k 1000", 5, 1, (i) => `/search?${vector(i)}&nprobe=${nlist}&k=1000`);
await measure(
  "an eighth of the cells, k 1000, 8 at once",
  16,
  8,
  (i) => `/search?${vector(i)}&nprobe=${nlist / 8}&k=1000`,
);
const after = await sample();
await worker.stop();

const result = {
  items,
  chunks: artifact.chunks.length,
  indexMB: mb(bytes),
  coldStartMs: Math.round(coldStartMs),
  memoryMB: {
    before: { heap: mb(base.heap), buffers: mb(base.buffers), rss: mb(base.rss) },
    most: { heap: mb(most.heap), buffers: mb(most.buffers), isolate: mb(most.isolate), rss: mb(most.rss) },
    after: { heap: mb(after.heap), buffers: mb(after.buffers), rss: mb(after.rss) },
  },
  rows,
};
if (values.json) console.log(JSON.stringify(result));
else {
  console.table(rows);
  console.log(JSON.stringify({ ...result, rows: undefined }, null, 2));
}
