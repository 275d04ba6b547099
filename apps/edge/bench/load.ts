/**
 * `npm run bench:load -w @poeem/edge [-- --json] [--minutes 10] [--rate 20] [--towers 10.8]`: searches of every kind,
 * three indexes in turn, against the Worker in workerd, while the episodes of `soak-episodes.ts` go by: in each, one
 * index is published, one gets a delta and one is rolled back while KV makes trouble of one kind; then the trouble ends
 * and all are published. Every answer is compared with brute force over the version that it names. `--towers` is MB of
 * query tower in each version; then a 503 is allowed, as three of them need not fit. `--only 'slow|stale'` takes the
 * episodes whose names match. The Worker is that of `quick-worker.ts`; `--built DIR` takes another build.
 *
 * Ends with an error when an answer is wrong, mixed, of an older version than one before it, or no answer; when an
 * index has not taken over what was published `--within 30` seconds after a trouble; when a kind of trouble has left
 * nothing in the log; and when the isolate ever held more than 100 MB.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nlist } from "../test/fixture.ts";
import { EPISODES, type Episode } from "./soak-episodes.ts";
import { SoakPublisher } from "./soak-publisher.ts";
import { asBody, faultOf, K, questions, type SearchAnswer } from "./soak-questions.ts";
import { startWorker } from "./worker.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: "20" },
    towers: { type: "string", default: "0" },
    within: { type: "string", default: "30" },
    only: { type: "string", default: "" },
    built: { type: "string", default: join(import.meta.dirname, "../dist/quick") },
  },
});
const NAMES = ["current", "books", "films"];
const MOST_MB = 100;
/** Shorter ones are over before a Worker has looked for a version. */
const LEAST_EPISODE_MS = 15_000;
const TROUBLE_SHARE = 0.6;
const SAMPLE_MS = 1_000;

const totalMs = Number(values.minutes) * 60_000;
/** A load that trickles takes half of it. */
const TAKES_OVER_MS = 35_000;

const withinMs = Number(values.within) * 1_000;
const towerMB = Number(values.towers);
const wanted = EPISODES.filter(({ name }) => new RegExp(values.only).test(name));
const episodes = wanted.slice(0, Math.max(1, Math.floor(totalMs / LEAST_EPISODE_MS)));
const episodeMs = totalMs / episodes.length;

const counts: Record<string, number> = {};
const faults = new Map<string, number>();
const count = (what: string) => {
  counts[what] = (counts[what] ?? 0) + 1;
};
const fault = (what: string) => faults.set(what, (faults.get(what) ?? 0) + 1);
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
const tell = (line: string) => values.json || console.log(line);

const lines: string[] = [];
const worker = await startWorker({
  inspect: true,
  badDay: true,
  built: values.built,
  connections: 64,
  onLog: (line) => lines.push(line),
});
const publisher = new SoakPublisher(worker, towerMB);
/** By index: the newest place of a version that has answered, and the version that answered last. */
const served = new Map<string, { place: number; version: string }>();
let isWarm = false;
let isOver = false;

async function ask(i: number): Promise<void> {
  const number = Math.floor(i / NAMES.length) % questions.length;
  const index = NAMES[i % NAMES.length]!;
  const question = questions[number]!;
  const common = { k: K, nprobe: nlist, index };
  const isBatch = i % 11 === 0;
  const parameters = { ...question.parameters, k: String(K), nprobe: String(nlist), index };
  const path = isBatch ? "/search" : `/search?${new URLSearchParams(parameters)}`;
  const single = { ...asBody(question), ...common };
  const floor = served.get(index)?.place ?? 0;
  const wasWarm = isWarm;
  const { status, body } = await worker.send(path, isBatch ? JSON.stringify([single, single]) : undefined);
  count(`status ${status}`);
  if (status !== 200) {
    const isHonest = status === 503 && towerMB > 0;
    if (wasWarm && !isHonest)
      fault(`${question.kind}: ${status} ${body.replace(/"requestId":"[^"]*"/, "").slice(0, 200)}`);
    return;
  }
  for (const answer of [JSON.parse(body) as SearchAnswer | SearchAnswer[]].flat()) {
    count(`answers to ${question.kind}`);
    const { indexVersion } = answer;
    const version = publisher.version(indexVersion);
    const place = publisher.placeOf(index, indexVersion);
    if (version === undefined || place === 0) fault(`version ${indexVersion} was never published as ${index}`);
    else {
      const wrong = faultOf(answer, version.expected[number]!, version.seed);
      if (wrong !== undefined) fault(`${question.kind}: ${wrong}`);
      if (place < floor) fault(`${index} went back from move ${floor} to ${place}`);
      served.set(index, { place: Math.max(place, served.get(index)?.place ?? 0), version: indexVersion });
    }
  }
}

const isBehind = (name: string) => served.get(name)?.version !== publisher.newest(name);

/** All indexes have to take over what is published now. */
async function settle(what: string): Promise<number> {
  for (const name of NAMES) await publisher.publish(name);
  const startedAt = performance.now();
  const elapsed = () => performance.now() - startedAt;
  while (NAMES.some(isBehind) && elapsed() < withinMs) await wait(200);
  for (const name of NAMES.filter(isBehind)) fault(`${name} was stuck ${withinMs / 1000} s after ${what}`);
  return Math.round(elapsed() / 100) / 10;
}

async function run({ name, trouble, counted, sign, heals }: Episode) {
  const startedAt = performance.now();
  const before = await worker.trouble("/counts");
  const firstLine = lines.length;
  await worker.trouble(`/set?${trouble}`);
  for (const [i, act] of (["publish", "publishDelta", "rollBack"] as const).entries()) {
    await publisher[act](NAMES[i]!);
    await wait(startedAt + (episodeMs * TROUBLE_SHARE * (i + 1)) / 3 - performance.now());
  }
  if (heals && episodeMs * TROUBLE_SHARE >= TAKES_OVER_MS && isBehind(NAMES[0]!))
    fault(`${NAMES[0]} was not taken over in ${Math.round((episodeMs * TROUBLE_SHARE) / 1000)} s of ${name}`);
  const after = await worker.trouble("/set");
  const settledSeconds = await settle(name);
  await wait(startedAt + episodeMs - performance.now());
  const injected = counted === "moves" ? 3 : after[counted]! - before[counted]!;
  const own = lines.slice(firstLine).filter((line) => sign.test(line));
  if (injected === 0) fault(`no trouble of the kind "${name}" came up`);
  else if (own.length === 0) fault(`${injected} × ${name}: nothing in the log`);
  const row = {
    episode: name,
    injected,
    reads: after["chunks"]! - before["chunks"]!,
    linesOfLog: own.length,
    settledSeconds,
  };
  tell(JSON.stringify({ ...row, example: own[0]?.slice(0, 300) }));
  return row;
}

for (const name of NAMES) await publisher.publish(name);
// What a cold start answers when KV is broken is tested elsewhere.
for (let i = 0; i < 2 * NAMES.length * questions.length; i++) await ask(i);
await wait(1_500);
isWarm = true;

const samples: number[] = [];
const sampling = (async () => {
  for (; !isOver; await wait(SAMPLE_MS)) {
    const { heap, buffers } = await worker.memory();
    samples.push((heap + buffers) / 1e6);
  }
})();
const searching = (async () => {
  const running = new Set<Promise<void>>();
  const startedAt = performance.now();
  for (let i = 0; !isOver; i++) {
    const one: Promise<void> = ask(i)
      .catch((error: unknown) => void fault(String(error)))
      .finally(() => running.delete(one));
    running.add(one);
    await wait(startedAt + (i + 1) * (1000 / Number(values.rate)) - performance.now());
  }
  await Promise.all(running);
})();
const rows = [];
for (const episode of episodes) rows.push(await run(episode));
isOver = true;
await Promise.all([sampling, searching]);
await worker.stop();

const mostMB = Math.round(Math.max(...samples) * 10) / 10;
if (mostMB > MOST_MB) fault(`the isolate held ${mostMB} MB`);
/** Kinds of lines, with the last of each. */
const events: Record<string, { times: number; last: string }> = {};
for (const line of lines) {
  const event = /"event":"([^"]+)"/.exec(line)?.[1] ?? "another line";
  events[event] = { times: (events[event]?.times ?? 0) + 1, last: line.slice(0, 500) };
}
const notRun = wanted.slice(episodes.length).map(({ name }) => name);
const result = { ...values, rows, notRun, counts, events, mostMB, faults: Object.fromEntries(faults) };
if (values.json) console.log(JSON.stringify(result));
else {
  console.table(rows);
  console.log(JSON.stringify({ ...result, rows: undefined }, null, 2));
}
process.exitCode = faults.size > 0 ? 1 : 0;
