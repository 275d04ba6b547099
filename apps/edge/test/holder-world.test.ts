/**
 * A world in which nothing can be relied on: the store is slow, fails, lies and is stale; requests die in the middle of
 * what others wait for; versions are published, some of them broken, and rolled back, by clocks that differ. Seeded, in
 * a time of its own. Whatever happens, an answer is whole, none is older than one before, nobody waits for ever, and
 * what keeps a version from serving is told.
 */
import { expect, it } from "vitest";
import { Arrivals } from "../src/index/arrivals.ts";
import { ReadError } from "../src/index/failures.ts";
import { IndexHolder } from "../src/index/holder.ts";
import type { Load, LoadedIndex } from "../src/index/loaded-index.ts";
import type { Store } from "../src/index/store.ts";
import type { IndexEvent } from "../src/log.ts";
import { randomFloats } from "./fixture.ts";

const CHUNKS = 8;
const MINUTE = 60_000;
const WAIT_MS = 5_000;

interface Publication {
  readonly version: number;
  readonly at: number;
  readonly pointer: string;
}

interface Held extends LoadedIndex {
  readonly chunks: Map<string, string>;
}

/** Some chunks are those of the version before. */
const keysOf = (version: number) =>
  Array.from({ length: CHUNKS }, (_, i) => `chunk/${i}-${i % 3 === 0 ? version - (version % 4) : version}`);

class World {
  now = Date.UTC(2026, 10, 29);
  readonly #random: () => number;
  readonly #timers: { readonly at: number; readonly wake: () => void }[] = [];
  readonly history: Publication[] = [];
  readonly broken = new Set<string>();
  readonly counts = { good: 0, dead: 0, bad: 0 };
  readonly events: IndexEvent[] = [];
  hasTrouble = true;
  readonly arrivals = new Arrivals(10_000);
  readonly holder: IndexHolder<Held>;

  constructor(seed: number) {
    const random = randomFloats(seed * 2654435761);
    this.#random = () => (random() + 1) / 2;
    this.holder = new IndexHolder<Held>({
      name: "current",
      store: this.#store(),
      open: (store, load) => this.#open(store, load),
      now: () => this.now,
      sleep: (ms) => this.sleep(ms),
      refreshMs: 30_000,
      leaseMs: 15_000,
      retryMs: 1_000,
      waitMs: WAIT_MS,
      report: (event) => this.events.push(event),
    });
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => void this.#timers.push({ at: this.now + ms, wake }));
  }

  /** Lets time pass, and everything happen in its order. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      for (let turn = 0; turn < 60; turn++) await Promise.resolve();
      const next = this.#timers.reduce<number>((best, { at }, i, all) => (at < (all[best]?.at ?? end) ? i : best), -1);
      if (next < 0) break;
      const [timer] = this.#timers.splice(next, 1);
      this.now = Math.max(this.now, timer!.at);
      timer!.wake();
    }
    this.now = end;
  }

  publish(): void {
    const isRollback = this.history.length > 2 && this.chance(0.25);
    const version = isRollback ? this.history.at(-3)!.version : this.history.length + 1;
    if (!isRollback && this.chance(0.3)) this.broken.add(keysOf(version)[1 + this.below(2)]!);
    // Clocks differ by minutes, but publishers see to it that pointers grow.
    const before = this.history.at(-1)?.at ?? 0;
    const at = Math.max(this.now + (this.#random() - 0.5) * 10 * MINUTE, before + 1);
    const pointer = JSON.stringify({
      version: `v${version}`,
      manifestKey: `chunk/manifest-${version}`,
      publishedAt: new Date(at).toISOString(),
    });
    this.history.push({ version, at, pointer });
  }

  /** One operation: it takes its time, and may come to nothing, or never. */
  async #operate(longest: number): Promise<void> {
    if (this.hasTrouble && this.chance(0.01)) {
      this.counts.dead++;
      await new Promise(() => undefined);
    }
    await this.sleep(1 + this.below(longest));
    if (this.hasTrouble && this.chance(0.05)) {
      this.counts.bad++;
      throw new Error("KV GET failed: 500");
    }
  }

  #store(): Store {
    return {
      getText: async () => {
        await this.#operate(300);
        const back = this.hasTrouble && this.chance(0.2) ? 1 + this.below(3) : 1;
        return this.history.at(-Math.min(back, this.history.length))?.pointer ?? null;
      },
      getBytes: async (key, { again = false } = {}) => {
        await this.#operate(this.hasTrouble ? 4_000 : 50);
        if (this.broken.has(key) || (this.hasTrouble && this.chance(0.03))) return null;
        if (this.hasTrouble && this.chance(again ? 0.2 : 0.05)) return new TextEncoder().encode(`${key}?`);
        this.counts.good++;
        return new TextEncoder().encode(key);
      },
    };
  }

  async #open(store: Store, { version, publishedAt, meter }: Load): Promise<Held> {
    const keys = keysOf(Number(version.slice(1)));
    const atOnce = keys.slice(0, 5);
    const read = async (key: string): Promise<Uint8Array> => {
      for (const again of [false, true]) {
        const bytes = await store.getBytes(key, { meter, again });
        if (bytes === null) throw new ReadError("missing", `the store has no key "${key}"`);
        if (new TextDecoder().decode(bytes) === key) return bytes;
      }
      throw new ReadError("damaged", key);
    };
    for (const key of atOnce) if (!this.arrivals.has(key)) this.arrivals.add(key, await read(key));
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const chunks = new Map<string, string>();
    for (const key of atOnce) chunks.set(key, text(this.arrivals.take(key) ?? (await read(key))));
    const prefetch = async () => {
      for (const key of keys) if (!chunks.has(key)) chunks.set(key, text(await read(key)));
    };
    return { version, publishedAt, chunks, prefetch };
  }
}

const seeds = Array.from({ length: 8 }, (_, i) => i + 1);

it.each(seeds)("serves through everything that happens, seed %i", async (seed) => {
  const world = new World(seed);
  const { holder, history } = world;
  const answers = new Set<string>();
  let floor = 0;
  let unsettled = 0;
  const wrong: unknown[] = [];
  const ask = () => void answer().catch((error: unknown) => wrong.push(error));

  async function answer(): Promise<void> {
    unsettled++;
    const since = world.now;
    const isWarm = holder.current !== undefined;
    const waitUntil = (promise: Promise<unknown>) => void promise.catch(() => undefined);
    const given = await holder.acquire(waitUntil).catch((error: unknown) => error as Error);
    unsettled--;
    if (isWarm) expect(world.now - since).toBeLessThanOrEqual(1_010);
    if (given instanceof Error) {
      expect(isWarm).toBe(false);
      expect(given).toMatchObject({ name: "IndexUnavailableError", cause: expect.anything() });
      return;
    }
    answers.add(given.version);
    const version = Number(given.version.slice(1));
    for (const key of keysOf(version).slice(0, 5)) expect(given.chunks.get(key)).toBe(key);
    const which = history.findIndex((publication, i) => i >= floor && publication.version === version);
    expect(which, `${given.version} after ${JSON.stringify(history[floor])}`).toBeGreaterThanOrEqual(floor);
    floor = which;
    // What keeps the newest version from serving is told.
    const newest = history.at(-1)!;
    if (newest.version !== version && world.now - Math.max(newest.at, since) > 15 * MINUTE)
      expect(holder.refreshFailure).toBeDefined();
  }

  world.publish();
  for (let step = 0; step < 600; step++) {
    if (world.chance(0.02)) world.publish();
    for (let i = world.below(3); i >= 0; i--) ask();
    // Sometimes nobody asks for an hour.
    await world.pass(world.chance(0.01) ? 60 * MINUTE : world.below(20_000));
  }
  world.hasTrouble = false;
  world.publish();
  world.broken.clear();
  for (let step = 0; step < 40; step++) {
    ask();
    await world.pass(30_000);
  }
  expect(wrong).toEqual([]);
  expect(holder.current?.version).toBe(`v${history.at(-1)!.version}`);
  expect(holder.refreshFailure).toBeUndefined();
  expect(answers.size).toBeGreaterThan(1);
  // Only those whose own reading died never hear of it.
  expect(unsettled).toBeLessThanOrEqual(world.counts.dead);
  expect(world.counts.good).toBeLessThan(2 * CHUNKS * (history.length + 1));
  const told = new Set(world.events.map(({ event }) => event));
  for (const event of ["cold-start", "take-over", "refresh-failed", "stale-pointer"]) expect(told).toContain(event);
});
