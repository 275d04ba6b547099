/**
 * `npm run bench:words -w @poeem/edge [-- --json] [-- --items 18000,100000,1000000 --requests 1000]`: `GET /search?q=`
 * by words and codes in workerd beside `mode=dense`, in turns: latency, and CPU of the whole process per request, which
 * a busy machine tells best. Cold start with and without words in the index.
 */
import { parseArgs } from "node:util";
import { makeCatalogue } from "./catalogue.ts";
import { cpuOfChildren } from "./inspector.ts";
import { startWorker } from "./worker.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    items: { type: "string", default: "18000,100000,1000000" },
    requests: { type: "string", default: "1000" },
  },
});
const requests = Number(values.requests);
const warmUp = 100;
/** Requests of one mode after another, so that CPU time, which has a coarse clock, is that of one mode. */
const batch = 100;
const modes = ["dense", "hybrid", "words"] as const;

interface Measured {
  readonly items: number;
  readonly mode: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerRequest: number;
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

async function measure(items: number) {
  const catalogue = await makeCatalogue(items, { texts: true });
  const path = (i: number, mode: string): string =>
    `/search?q=${encodeURIComponent(catalogue.text!(i))}&mode=${mode}&nprobe=8`;
  const worker = await startWorker({ inspect: true });
  try {
    await worker.publish(catalogue.artifact);
    const coldStartMs = round((await worker.ask(path(1, "hybrid"))).ms);
    for (const mode of modes) for (let i = 0; i < warmUp; i++) await worker.ask(path(i, mode));
    const found = new Map(modes.map((mode) => [mode, { ms: [] as number[], cpu: 0 }]));
    for (let start = 0; start < requests; start += batch) {
      for (const [mode, of] of found) {
        const before = cpuOfChildren("workerd");
        for (let i = start; i < start + batch; i++) of.ms.push((await worker.ask(path(warmUp + i, mode))).ms);
        of.cpu += cpuOfChildren("workerd") - before;
      }
    }
    const rows = Array.from(found, ([mode, { ms, cpu }]): Measured => {
      const sorted = ms.sort((a, b) => a - b);
      const at = (share: number): number => round(sorted[Math.floor(share * (sorted.length - 1))]!);
      return { items, mode, p50Ms: at(0.5), p99Ms: at(0.99), cpuMsPerRequest: round(cpu / ms.length) };
    });
    return { rows, coldStartMs, memory: await worker.memory() };
  } finally {
    await worker.stop();
  }
}

async function coldStartWithoutWords(items: number): Promise<number> {
  const { artifact, text } = await makeCatalogue(items, { texts: true, words: false });
  const worker = await startWorker();
  try {
    await worker.publish(artifact);
    return round((await worker.ask(`/search?q=${encodeURIComponent(text!(1))}&nprobe=8`)).ms);
  } finally {
    await worker.stop();
  }
}

const results = [];
for (const items of values.items.split(",").map(Number)) {
  const coldStartMsWithoutWords = await coldStartWithoutWords(items);
  const { rows, ...facts } = await measure(items);
  results.push({ items, rows, ...facts, coldStartMsWithoutWords });
  if (values.json) continue;
  console.table(rows);
  console.log(items, { ...facts, coldStartMsWithoutWords });
}
if (values.json) console.log(JSON.stringify({ results }));
