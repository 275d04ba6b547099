/**
 * Searches while versions are published and KV fails, hangs and lies: every answer is whole, of one version, and
 * right for it. Seeded, on a clock of its own. `LOAD_ROUNDS=3000` runs longer.
 */
import { env } from "cloudflare:workers";
import { loadKernel } from "@poeem/pq-core";
import kernelModule from "@poeem/pq-core/kernel.wasm";
import { expect, inject, it } from "vitest";
import { Arrivals } from "../src/index/arrivals.ts";
import { IndexSet } from "../src/index/index-set.ts";
import { kvStore } from "../src/index/kv-store.ts";
import { openServedIndex, PAGING } from "../src/index/served-index.ts";
import type { Store } from "../src/index/store.ts";
import { Turns } from "../src/index/turns.ts";
import { bruteForce, type Fixture, makeFixture, nlist, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

let state = 4711;
function chance(share: number): boolean {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32 < share;
}

/** What each kind of trouble did, so that the test can tell that there was some. */
const troubles = { failed: 0, hung: 0, stale: 0, cut: 0, absent: 0 };

/** KV as it is on a bad day. */
function badDay(good: Store): Store {
  const pointers: string[] = [];
  return {
    async getText(key) {
      if (chance(0.1)) return fail("failed", key);
      const text = await good.getText(key);
      if (text !== null && pointers.at(-1) !== text) pointers.push(text);
      // Eventual consistency: an older pointer comes back now and then.
      if (pointers.length > 1 && chance(0.1)) return count("stale", pointers.at(-2)!);
      return text;
    },
    async getBytes(key) {
      if (chance(0.01)) return fail("failed", key);
      if (chance(0.01)) return fail("hung", key);
      if (chance(0.005)) return count("absent", null);
      const bytes = await good.getBytes(key);
      return bytes !== null && chance(0.01) ? count("cut", bytes.slice(0, -1)) : bytes;
    },
  };
}
function count<T>(trouble: keyof typeof troubles, value: T): T {
  troubles[trouble]++;
  return value;
}
async function fail(trouble: "failed" | "hung", key: string): Promise<never> {
  troubles[trouble]++;
  await scheduler.wait(trouble === "hung" ? 30 : 0);
  throw new Error(`[edge] KV key "${key}" did not come`);
}

it("answers right, from one version, whatever happens around it", async () => {
  const fixtures = await Promise.all([51, 52, 53, 54].map((seed) => makeFixture(seed)));
  const byVersion = new Map<string, Fixture>(fixtures.map((fixture) => [fixture.artifact.version, fixture]));
  const queries = ["birthday cake", "誕生日", "a", "x y z"];
  const expected = new Map(
    fixtures.flatMap((fixture) =>
      queries.map((query) => [`${fixture.artifact.version} ${query}`, bruteForce(fixture, query, 20)] as const),
    ),
  );
  const clock = { now: 0 };
  const sleep = (ms: number) => scheduler.wait(ms);
  const paging = new Turns({ ...PAGING, now: () => clock.now, sleep });
  const arrivals = new Arrivals(1 << 20);
  const indexes = new IndexSet({
    store: badDay(kvStore(env.INDEX, 1_000)),
    open: (store, pointer, grant) =>
      openServedIndex(store, pointer, grant, { kernel: loadKernel(kernelModule), paging, arrivals }),
    maxBytes: 40 * 1024 * 1024,
    now: () => clock.now,
    sleep,
    refreshMs: 30_000,
    leaseMs: 15_000,
    retryMs: 1_000,
  });
  const { get } = makeIsolate({}, { indexes });
  const served = new Map<string, number>();
  let unavailable = 0;
  /** When the newest version that answered so far was published; that of this round. */
  let newest = 0;
  let latest = 0;
  const published = new Map<string, number[]>();

  async function ask(query: string): Promise<void> {
    const { status, body } = await get(`/search?${new URLSearchParams({ q: query, k: "20", nprobe: String(nlist) })}`);
    if (status === 503 && served.size === 0) {
      unavailable++;
      return;
    }
    expect(status, JSON.stringify(body).slice(0, 300)).toBe(200);
    const { seed } = body.results[0].fields;
    served.set(body.indexVersion, (served.get(body.indexVersion) ?? 0) + 1);
    expect(byVersion.has(body.indexVersion)).toBe(true);
    // No stale pointer leads back: what answers now was published after what answered before, or is the same.
    const since = published.get(body.indexVersion)!.find((time) => time >= newest);
    expect(since).toBeDefined();
    latest = Math.max(latest, since!);
    const oracle = expected.get(`${body.indexVersion} ${query}`)!;
    for (const [i, result] of body.results.entries()) {
      expect(result.score).toBeCloseTo(oracle[i]!.score, 4);
      // Fields and codes of one version: an item page of another one would show here.
      expect(result.fields.seed).toBe(seed);
    }
    expect(seed).toBe(50 + 1 + fixtures.indexOf(byVersion.get(body.indexVersion)!));
  }

  for (let round = 0; round < inject("loadRounds"); round++) {
    if (round % 3 === 1) {
      const fixture = fixtures[Math.floor(round / 3) % fixtures.length]!;
      const publishedAt = Date.UTC(2026, 10, 22) + round * 60_000;
      published.set(fixture.artifact.version, [...(published.get(fixture.artifact.version) ?? []), publishedAt]);
      await publish(env.INDEX, fixture, undefined, undefined, new Date(publishedAt).toISOString());
    }
    await Promise.all(Array.from({ length: 8 }, (_, i) => ask(queries[(round + i) % queries.length]!)));
    newest = latest;
    clock.now += 10_000 + (round % 7) * 1_000;
  }

  expect(unavailable).toBeGreaterThan(0);
  expect(served.size).toBe(fixtures.length);
  for (const [trouble, times] of Object.entries(troubles)) expect(times, trouble).toBeGreaterThan(0);
});
