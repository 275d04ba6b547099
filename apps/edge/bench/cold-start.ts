/**
 * `npm run bench:cold -w @poeem/edge [-- --items 1000,10000,100000] [--runs 5] [--json]`: CPU of the first answer of an
 * isolate, beside that of the next ones. The Free plan gives a request 10 ms.
 */
import { parseArgs } from "node:util";
import { makeCatalogue } from "./catalogue.ts";
import { cpuOfChildren } from "./inspector.ts";
import { startWorker } from "./worker.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    items: { type: "string", default: "1000,10000,100000" },
    runs: { type: "string", default: "5" },
  },
});
const MORE = 200;

const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
const cpuOf = async (work: () => Promise<unknown>): Promise<number> => {
  const before = cpuOfChildren("workerd");
  await work();
  return cpuOfChildren("workerd") - before;
};

for (const items of values.items.split(",").map(Number)) {
  const { artifact, text } = await makeCatalogue(items, { texts: true });
  const bytes = artifact.chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
  const path = (i: number) => `/search?q=${encodeURIComponent(text!(i))}`;
  const first: number[] = [];
  const next: number[] = [];
  for (let run = 0; run < Number(values.runs); run++) {
    const worker = await startWorker({ onLog: () => undefined });
    await worker.publish(artifact);
    // The script is there before the first request at Cloudflare too.
    await worker.ask("/healthz");
    first.push(await cpuOf(() => worker.ask(path(0))));
    const ask = async () => {
      for (let i = 1; i <= MORE; i++) await worker.ask(path(i));
    };
    next.push((await cpuOf(ask)) / MORE);
    await worker.stop();
  }
  const row = { items, keys: artifact.chunks.length + 1, bytes, firstMs: median(first), nextMs: median(next) };
  const size = `${items} items, ${row.keys} keys, ${(bytes / 1e6).toFixed(1)} MB`;
  const cpu = `${row.firstMs.toFixed(1)} ms of CPU, the next ${MORE} ${row.nextMs.toFixed(2)} ms each`;
  console.log(values.json ? JSON.stringify(row) : `${size}: first answer ${cpu}`);
}
