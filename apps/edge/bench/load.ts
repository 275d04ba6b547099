/**
 * `npm run bench:load -w @poeem/edge [-- --json] [-- --minutes 10 --rate 40]`: searches of every kind against the
 * built Worker in workerd while two indexes are published anew every 20 seconds and KV fails, hangs and gives old
 * pointers. Every answer is compared with brute force over the version that it names. Ends with an error when one is
 * wrong, mixed, or a 5xx that is not a 503 before the first index, or when memory grows.
 */
import { parseArgs } from "node:util";
import { encodeVector } from "../src/http/vector.ts";
import { bruteForce, dim, type Fixture, makeFixture, nlist, rank, setOf } from "../test/fixture.ts";
import { startWorker } from "./worker.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: "40" },
  },
});
const durationMs = Number(values.minutes) * 60_000;
const publishMs = 20_000;
const names = ["current", "books"];
const numItems = 2_000;
const k = 20;

interface Result {
  readonly id: string;
  readonly score: number;
  readonly fields: { readonly seed: number; readonly set: string };
}
interface SearchAnswer {
  readonly indexVersion: string;
  readonly results: readonly Result[];
}
/** What a version must answer: the scores of its items, best first. */
type Oracle = (fixture: Fixture) => { id: string; score: number }[];

interface Question {
  readonly kind: string;
  /** Parameters, as an address and as JSON would carry them. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly oracle: Oracle;
}

const indexOf = (id: string) => Number(id.slice("item:".length));
const without = (ranked: { id: string; score: number }[], ids: readonly string[]) =>
  ranked.filter(({ id }) => !ids.includes(id));
const vector = Float32Array.from({ length: dim }, (_, d) => Math.sin(d + 1));
const history = ["item:3", "item:99", "item:1500"];

const questions: readonly Question[] = [
  ...["birthday cake", "誕生日", "x y z"].map((q) => ({
    kind: "q",
    parameters: { q },
    oracle: (fixture: Fixture) => bruteForce(fixture, q, k),
  })),
  { kind: "vector", parameters: { vector: encodeVector(vector) }, oracle: (fixture) => rank(fixture, vector) },
  {
    kind: "like",
    parameters: { like: "item:7" },
    oracle: (fixture) => without(rank(fixture, fixture.decoded[7]!), ["item:7"]),
  },
  {
    kind: "history",
    parameters: { history: history.join() },
    oracle(fixture) {
      const best = new Map<string, number>();
      for (const id of history) {
        for (const { id: other, score } of rank(fixture, fixture.decoded[indexOf(id)]!))
          best.set(other, Math.max(score, best.get(other) ?? Number.NEGATIVE_INFINITY));
      }
      const ranked = Array.from(best, ([id, score]) => ({ id, score })).sort((a, b) => b.score - a.score);
      return without(ranked, history);
    },
  },
  {
    kind: "filter",
    parameters: { q: "birthday cake", filter: "set:even" },
    oracle: (fixture) =>
      bruteForce(fixture, "birthday cake", numItems).filter(({ id }) => setOf(indexOf(id)) === "even"),
  },
];

const versions = new Map<string, { fixture: Fixture; seed: number; expected: { id: string; score: number }[][] }>();
const counts: Record<string, number> = {};
const faults: string[] = [];
const count = (what: string) => {
  counts[what] = (counts[what] ?? 0) + 1;
};

/** One version, one seed, and every score the one that belongs at its place. Ids may only differ among equal scores. */
function check(question: number, { indexVersion, results }: SearchAnswer): string | undefined {
  const version = versions.get(indexVersion);
  if (version === undefined) return `version ${indexVersion} was never published`;
  const expected = version.expected[question]!;
  if (results.length !== Math.min(k, expected.length)) return `${results.length} results`;
  for (const [i, { id, score, fields }] of results.entries()) {
    if (fields.seed !== version.seed) return `fields of seed ${fields.seed} in a version of seed ${version.seed}`;
    if (Math.abs(score - expected[i]!.score) > 1e-4)
      return `score ${score} at ${i}, expected ${expected[i]!.score} (${id})`;
  }
  return undefined;
}

const worker = await startWorker({ inspect: true, badDay: true });
let isPublished = false;
let seed = 1_000;

async function publish(): Promise<void> {
  for (const name of names) {
    seed++;
    const fixture = await makeFixture(seed, numItems);
    versions.set(fixture.artifact.version, {
      fixture,
      seed,
      expected: questions.map(({ oracle }) => oracle(fixture).slice(0, k)),
    });
    await worker.publish(fixture.artifact, name);
    count("publishes");
  }
}

const served = new Set<string>();
async function ask(i: number): Promise<void> {
  const question = i % questions.length;
  const index = names[Math.floor(i / questions.length) % names.length]!;
  const { kind, parameters } = questions[question]!;
  const common = { k, nprobe: nlist, index };
  const isBatch = i % 11 === 0;
  const path = isBatch
    ? "/search"
    : `/search?${new URLSearchParams({ ...parameters, ...common, k: String(k), nprobe: String(nlist) })}`;
  const single = { ...parameters, ...common, ...(kind === "history" && { history }) };
  const wasPublished = isPublished;
  const { status, body } = await worker.send(path, isBatch ? JSON.stringify([single, single]) : undefined);
  count(`status ${status}`);
  if (status === 200) {
    for (const answer of [JSON.parse(body) as SearchAnswer | SearchAnswer[]].flat()) {
      const wrong = check(question, answer);
      served.add(answer.indexVersion);
      count(isBatch ? `answers to ${kind} in batches` : `answers to ${kind}`);
      if (wrong !== undefined) faults.push(`${kind}: ${wrong}`);
    }
  } else if (wasPublished || ![404, 503].includes(status)) faults.push(`${kind}: ${status} ${body.slice(0, 200)}`);
}

const samples: { readonly atMs: number; readonly bytes: number }[] = [];
const startedAt = performance.now();
const elapsed = () => performance.now() - startedAt;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

/** Before the first index the default is a 503 and another name a 404; nothing else may be. */
for (let i = 0; i < 2 * questions.length; i++) await ask(i);
await publish();
await wait(1_500);
isPublished = true;
// The first answer of each index is read on a good day: what a cold start answers when KV is broken is tested
// elsewhere.
for (let i = 0; i < 2 * questions.length; i++) await ask(i);
await worker.trouble("/start");

const searching = (async () => {
  const running = new Set<Promise<void>>();
  for (let i = 0; elapsed() < durationMs; i++) {
    const one: Promise<void> = ask(i)
      .catch((error: unknown) => void faults.push(String(error)))
      .finally(() => running.delete(one));
    running.add(one);
    await wait((i + 1) * (1000 / Number(values.rate)) - elapsed());
  }
  await Promise.all(running);
})();
const publishing = (async () => {
  for (let next = publishMs; next < durationMs; next += publishMs) {
    await wait(next - elapsed());
    await publish();
  }
})();
const sampling = (async () => {
  while (elapsed() < durationMs) {
    const { heap, buffers } = await worker.memory();
    samples.push({ atMs: elapsed(), bytes: heap + buffers });
    await wait(2_000);
  }
})();
await Promise.all([searching, publishing, sampling]);
const troubles = await worker.trouble("/counts");
await worker.stop();

/** Largest of the samples in a part of the run, in MB. */
const most = (from: number, to: number) =>
  Math.round(
    Math.max(
      ...samples.filter(({ atMs }) => atMs >= from * durationMs && atMs < to * durationMs).map(({ bytes }) => bytes),
    ) / 1e5,
  ) / 10;
const memoryMB = [most(0, 1 / 3), most(1 / 3, 2 / 3), most(2 / 3, 1)];
// The first third warms up; of the other two the later may not be larger by more than what the collector leaves by
// chance.
if (memoryMB[2]! > memoryMB[1]! * 1.25 + 2) faults.push(`memory grew from ${memoryMB[1]} to ${memoryMB[2]} MB`);
for (const [what, times] of Object.entries(troubles))
  if (times === 0) faults.push(`no trouble of the kind "${what}" came up`);

const result = {
  minutes: Number(values.minutes),
  versionsServed: served.size,
  counts,
  troubles,
  mostMemoryMBByThird: memoryMB,
  faults: faults.slice(0, 20),
};
console.log(values.json ? JSON.stringify(result) : JSON.stringify(result, null, 2));
process.exitCode = faults.length > 0 ? 1 : 0;
