/**
 * `npm run bench:words -w @poeem/edge [-- --json] [-- --items 18000,100000,1000000 --requests 1000]`: `GET /search?q=`
 * by words and codes in workerd beside `mode=dense`, in turns: latency, and CPU of the whole process per request, which
 * a busy machine tells best; and `GET /suggest`. Cold starts (`--cold 5`) with and without words in the index, in
 * turns: the median time of a first answer, and the CPU of it.
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
    cold: { type: "string", default: "5" },
  },
});
const requests = Number(values.requests);
const warmUp = 100;
/** Requests of one mode after another, so that CPU time, which has a coarse clock, is that of one mode. */
const batch = 100;
const modes = ["dense", "hybrid", "words", "suggest"] as const;

interface Measured {
  readonly items: number;
  readonly mode: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerRequest: number;
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

type Catalogue = Awaited<ReturnType<typeof makeCatalogue>>;

async function measure(items: number, catalogue: Catalogue) {
  const path = (i: number, mode: string): string => {
    const text = catalogue.text!(i);
    if (mode === "suggest") return `/suggest?q=${encodeURIComponent(text.slice(0, Math.ceil(text.length * 0.6)))}`;
    return `/search?q=${encodeURIComponent(text)}&mode=${mode}&nprobe=8`;
  };
  const worker = await startWorker({ inspect: true });
  try {
    await worker.publish(catalogue.artifact);
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
    return { rows, memory: await worker.memory() };
  } finally {
    await worker.stop();
  }
}

interface Cold {
  readonly ms: number;
  readonly cpuMs: number;
}

/** The first answer of a new process, which reads the index. */
async function coldStart({ artifact, text }: Catalogue): Promise<Cold> {
  const worker = await startWorker();
  try {
    await worker.publish(artifact);
    const before = cpuOfChildren("workerd");
    const { ms } = await worker.ask(`/search?q=${encodeURIComponent(text!(1))}&nprobe=8`);
    return { ms, cpuMs: cpuOfChildren("workerd") - before };
  } finally {
    await worker.stop();
  }
}

function median(of: readonly Cold[]): Cold {
  const middle = (values: readonly number[]): number => round(values.toSorted((a, b) => a - b)[values.length >> 1]!);
  return { ms: middle(of.map(({ ms }) => ms)), cpuMs: middle(of.map(({ cpuMs }) => cpuMs)) };
}

const results = [];
for (const items of values.items.split(",").map(Number)) {
  const catalogue = await makeCatalogue(items, { texts: true });
  const { rows, ...facts } = await measure(items, catalogue);
  const plain = await makeCatalogue(items, { texts: true, words: false });
  const cold = { without: [] as Cold[], withWords: [] as Cold[] };
  for (let i = 0; i < Number(values.cold); i++) {
    cold.without.push(await coldStart(plain));
    cold.withWords.push(await coldStart(catalogue));
  }
  const coldStarts = { withWords: median(cold.withWords), without: median(cold.without) };
  results.push({ items, rows, ...facts, coldStarts });
  if (values.json) continue;
  console.table(rows);
  console.log(items, { ...facts, coldStarts });
}
if (values.json) console.log(JSON.stringify({ results }));
