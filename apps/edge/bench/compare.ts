/**
 * `npm run bench:compare -w @poeem/edge -- --before DIR [--items 1000000] [--starts 3] [--rounds 40]`: default searches
 * of two builds of the Worker beside each other, each in a workerd of its own over the same index. Rounds of a few
 * hundred requests take turns, the first of a pair changing; and all is started again, because two processes of one
 * build differ by more than rounds of one do. CPU of the process per request, which other work on the machine disturbs
 * least, and the median latency; the median ratio of the pairs, after ÷ before, and where the middle half of them lie.
 *
 * A build of another checkout, such as one by `git worktree add ../before main`, is made there, in apps/edge:
 * `npx wrangler deploy --dry-run --outdir DIR`. `--after DIR` takes another than that of this checkout.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { encodeVector } from "../src/http/vector.ts";
import { type Catalogue, makeCatalogue } from "./catalogue.ts";
import { childrenOf, cpuOf } from "./inspector.ts";
import { type RunningWorker, startWorker } from "./worker.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    before: { type: "string" },
    after: { type: "string", default: join(import.meta.dirname, "../dist/worker") },
    items: { type: "string", default: "1000000" },
    starts: { type: "string", default: "3" },
    rounds: { type: "string", default: "40" },
    requests: { type: "string", default: "200" },
  },
});
if (values.before === undefined) throw new Error('[edge] compare expected "--before" and a built Worker\'s folder');
const numItems = Number(values.items);
const requests = Number(values.requests);

interface Side {
  readonly worker: RunningWorker;
  readonly pid: string;
}
interface Sample {
  readonly cpuMs: number;
  readonly p50Ms: number;
}

/** Starts one, and tells which process it is. */
async function start(built: string, catalogues: readonly Catalogue[]): Promise<Side> {
  const others = new Set(childrenOf("workerd"));
  const worker = await startWorker({ built });
  const pid = childrenOf("workerd").find((pid) => !others.has(pid))!;
  for (const [i, { artifact }] of catalogues.entries()) await worker.publish(artifact, i === 0 ? undefined : "texts");
  return { worker, pid };
}

async function sample({ worker, pid }: Side, path: (i: number) => string): Promise<Sample> {
  const before = cpuOf([pid]);
  const latencies: number[] = [];
  for (let i = 0; i < requests; i++) latencies.push((await worker.ask(path(i))).ms);
  latencies.sort((a, b) => a - b);
  return { cpuMs: (cpuOf([pid]) - before) / requests, p50Ms: latencies[latencies.length >> 1]! };
}

const plain = await makeCatalogue(numItems);
// Another index, because with words and codes of a million items an isolate keeps only one.
const texts = await makeCatalogue(Math.min(numItems, 100_000), { texts: true });
const vectors = Array.from({ length: 200 }, (_, i) => encodeVector(plain.query(i)));
const routes: Readonly<Record<string, (i: number) => string>> = {
  "/healthz": () => "/healthz",
  "vector, k 10": (i) => `/search?vector=${vectors[i % vectors.length]}`,
  "q, hybrid, k 10": (i) => `/search?index=texts&q=${encodeURIComponent(texts.text!(i))}`,
  "q, dense, k 10": (i) => `/search?index=texts&q=${encodeURIComponent(texts.text!(i))}&mode=dense`,
  "history of 20": (i) =>
    `/search?history=${Array.from({ length: 20 }, (_, j) => (i * 7919 + j * 104_729) % numItems).join()}`,
};

const quantile = (sorted: readonly number[], share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
const round = (value: number) => Math.round(value * 1000) / 1000;
const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b);

type Pair = readonly [before: Sample, after: Sample];
const pairs = new Map(Object.keys(routes).map((route) => [route, [] as Pair[]]));

const starts = Number(values.starts);
for (let n = 0; n < starts; n++) {
  const builds = [values.before, values.after] as const;
  const sides: Side[] = [];
  // The one that starts first changes too.
  for (const i of n % 2 === 0 ? [0, 1] : [1, 0]) sides[i] = await start(builds[i]!, [plain, texts]);
  try {
    for (const [route, path] of Object.entries(routes)) {
      // Compiled, and read ahead.
      for (const side of sides) for (let n = 0; n < 3; n++) await sample(side, path);
      for (let r = 0; r < Number(values.rounds) / starts; r++) {
        const first = r % 2;
        const one = await sample(sides[first]!, path);
        const other = await sample(sides[1 - first]!, path);
        pairs.get(route)!.push(first === 0 ? [one, other] : [other, one]);
      }
    }
  } finally {
    for (const { worker } of sides) await worker.stop();
  }
}

/** Medians of both, the median of their ratios, and the middle half of these. */
function compared(of: keyof Sample, taken: readonly Pair[]) {
  const ratios = sorted(taken.map(([before, after]) => after[of] / before[of]));
  const median = (side: 0 | 1) => round(quantile(sorted(taken.map((pair) => pair[side][of])), 0.5));
  return {
    [`${of} before`]: median(0),
    [`${of} after`]: median(1),
    [`${of} ratio`]: round(quantile(ratios, 0.5)),
    [`${of} middle half`]: `${round(quantile(ratios, 0.25))} to ${round(quantile(ratios, 0.75))}`,
  };
}

const rows = Array.from(pairs, ([route, taken]) => ({
  route,
  ...compared("cpuMs", taken),
  ...compared("p50Ms", taken),
}));
if (values.json) console.log(JSON.stringify({ ...values, rows }));
else console.table(rows);
