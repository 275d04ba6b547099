/**
 * `npm run bench:beside -w @poeem/edge [-- --only zeros] [--seconds 5] [--items 1000000] [--json]`: light searches, one
 * every 40 ms whether the ones before are answered or not, alone and then beside three attackers of each kind of
 * `attacks.ts`, who send their next request when they have an answer. Latencies of the light ones, and what both got.
 * A kind is held when the light ones' p99 is at most three times what it is alone, or each of them is answered, an
 * honest 503 or 429 included, within two seconds. Ends with an error when a kind is not. `--built` as in `attack.ts`.
 */
import { parseArgs } from "node:util";
import { encodeVector } from "../src/http/vector.ts";
import { ATTACKS, type Attack } from "./attacks.ts";
import { planOf, type Served, serve } from "./targets.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    items: { type: "string", default: "1000000" },
    paged: { type: "string", default: "3000000" },
    seconds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    built: { type: "string" },
  },
});
const seconds = Number(values.seconds);
const ATTACKERS = 3;
const EVERY_MS = 40;
const HELD_RATIO = 3;
const HELD_MS = 2_000;

interface Light {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  readonly statuses: string;
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
const round = (ms: number) => Math.round(ms * 10) / 10;
const told = (statuses: Map<number, number>) => Array.from(statuses, ([status, n]) => `${status} × ${n}`).join(", ");
const count = (statuses: Map<number, number>, status: number) => statuses.set(status, (statuses.get(status) ?? 0) + 1);

async function light({ worker, catalogue: { query, text } }: Served): Promise<Light> {
  const latencies: number[] = [];
  const statuses = new Map<number, number>();
  const startedAt = performance.now();
  const sent: Promise<void>[] = [];
  for (let i = 0; i * EVERY_MS < seconds * 1000; i++) {
    await wait(startedAt + i * EVERY_MS - performance.now());
    const question = text === undefined ? `vector=${encodeVector(query(i % 200))}` : `q=${encodeURIComponent(text(i))}`;
    const one = worker.send(`/search?${question}`).then(({ ms, status }) => {
      latencies.push(ms);
      count(statuses, status);
    });
    sent.push(one);
  }
  await Promise.all(sent);
  latencies.sort((a, b) => a - b);
  const at = (share: number) => round(latencies[Math.floor(share * (latencies.length - 1))]!);
  return { p50Ms: at(0.5), p99Ms: at(0.99), mostMs: at(1), statuses: told(statuses) };
}

/** Until it is told to stop. */
async function attackUntil(isOver: () => boolean, served: Served, attack: Attack, statuses: Map<number, number>) {
  const requests = attack.requests(served.catalogue, served.items);
  for (let i = 0; !isOver(); i++) {
    const { path, body, headers } = requests[i % requests.length]!;
    count(statuses, (await served.worker.send(path, body, headers)).status);
  }
}

const rows = [];
// Not those on tokens: there the limiter stops the light ones too, and `attack.ts` tells what it lets through.
const wanted = ATTACKS.filter(({ name, target }) => new RegExp(values.only).test(name) && target !== "tokens");
for (const target of new Set(wanted.map((attack) => attack.target))) {
  const plan = planOf(target, Number(values.items), Number(values.paged));
  const served = await serve(target, plan, { connections: 512, ...(values.built && { built: values.built }) });
  try {
    const alone = await light(served);
    for (const attack of wanted.filter((attack) => attack.target === target)) {
      const statuses = new Map<number, number>();
      let isOver = false;
      const attackers = Array.from({ length: ATTACKERS }, () => attackUntil(() => isOver, served, attack, statuses));
      const beside = await light(served);
      isOver = true;
      await Promise.all(attackers);
      const ratio = round(beside.p99Ms / alone.p99Ms);
      const isHonest = !/\b(4(?!29)|5(?!03))\d\d ×/.test(beside.statuses);
      rows.push({
        attack: attack.name,
        attackers: told(statuses),
        aloneP99Ms: alone.p99Ms,
        ...beside,
        ratio,
        held: isHonest && (ratio <= HELD_RATIO || beside.mostMs <= HELD_MS),
      });
      if (!values.json) console.log(JSON.stringify(rows.at(-1)));
    }
  } finally {
    await served.worker.stop();
  }
}
if (values.json) console.log(JSON.stringify({ ...values, rows }));
else console.table(rows);
process.exitCode = rows.some(({ held }) => !held) ? 1 : 0;
