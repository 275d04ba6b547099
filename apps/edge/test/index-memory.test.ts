/** Indexes of random sizes asked for at random times and published anew: what they have is never too much. */
import { describe, expect, it } from "vitest";
import { IndexSet } from "../src/index/index-set.ts";
import type { LoadedIndex } from "../src/index/loaded-index.ts";
import type { IndexEvent } from "../src/log.ts";

const MAX = 1000;
const ROOM = 1500;
const IDLE_MS = 60_000;

/** A version that counts its own bytes, as if it had them. */
interface Fake extends LoadedIndex {
  bytes: number;
  isFreed: boolean;
}

function setUp(seed: number) {
  let state = seed;
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const world = { now: 1_000_000, opens: [] as string[], published: new Map<string, number>(), shared: 0 };
  const events: IndexEvent[] = [];
  /** Of each name: what it must have, its lists, its pages. */
  const sizes = new Map<string, readonly [number, number, number]>();
  /** What it must have beside that, which shows once it is open. */
  const unplanned = new Map<string, number>();
  const indexes: IndexSet<Fake> = new IndexSet<Fake>({
    now: () => world.now,
    sleep: async (ms) => {
      world.now += ms;
      await new Promise((wake) => setTimeout(wake, 0));
    },
    refreshMs: 30_000,
    leaseMs: 15_000,
    retryMs: 1_000,
    store: {
      getText: async (key) => {
        const name = key.slice("index/".length);
        const number = world.published.get(name) ?? 0;
        const publishedAt = new Date(number * 1000).toISOString();
        return JSON.stringify({ version: `${name} ${number}`, manifestKey: "m", publishedAt });
      },
      getBytes: async () => null,
    },
    async open(_, { version, publishedAt }, grant, previous) {
      const [name] = version.split(" ");
      world.opens.push(name!);
      const [least, lists, pages] = sizes.get(name!)!;
      const most = least + lists + pages;
      const sharesPages = previous !== undefined && previous.version !== version && below(2) === 0;
      const shared = sharesPages ? previous.bytes : 0;
      const granted = await grant({ least, most, loading: 50, shared, sharesPages });
      expect(granted).toBeGreaterThanOrEqual(least);
      expect(granted).toBeLessThanOrEqual(most);
      check();
      await new Promise((wake) => setTimeout(wake, 0));
      check();
      const resident = granted >= least + lists ? lists : 0;
      const index: Fake = {
        version,
        publishedAt,
        bytes: granted,
        isFreed: false,
        unplanned: unplanned.get(name!),
        prefetch: () => new Promise((wake) => setTimeout(wake, 0)),
        resize(bytes) {
          const more = index.unplanned ?? 0;
          index.bytes = Math.min(most + more, Math.max(bytes, least + resident + more));
          return index.bytes;
        },
        free() {
          expect(indexes.current(name!)).not.toBe(index);
          index.isFreed = below(4) > 0;
          return index.isFreed;
        },
        bytesWithLists: resident < lists ? least + lists : undefined,
      };
      return index;
    },
    maxBytes: MAX,
    roomBytes: ROOM,
    report: (event) => events.push(event),
  });
  const check = () => {
    expect(indexes.bytes).toBeLessThanOrEqual(MAX);
    expect(indexes.allBytes).toBeLessThanOrEqual(ROOM);
  };
  const background: Promise<unknown>[] = [];
  const acquire = (name: string) => indexes.acquire(name, (promise) => background.push(promise));
  const settle = async () => {
    await Promise.all(background.splice(0));
    check();
  };
  return { world, sizes, unplanned, indexes, events, below, check, acquire, settle };
}

describe("the memory of an isolate", () => {
  it.each([3, 7, 45, 154])("is never more than there is, and nobody in use is driven out, seed %i", async (seed) => {
    const { world, sizes, indexes, events, below, check, acquire, settle } = setUp(seed);
    const names = ["current", "a", "b", "c", "d", "e", "f"];
    for (const name of names) sizes.set(name, [20 + below(300), below(200), below(300)]);
    const usedAt = new Map<string, number>();
    const outcomes = { served: 0, refused: 0 };
    for (let step = 0; step < 400; step++) {
      world.now += below(10) === 0 ? below(90_000) : below(3_000);
      const name = names[below(below(2) === 0 ? names.length : 3)]!;
      if (below(12) === 0) world.published.set(name, (world.published.get(name) ?? 0) + 1);
      if (below(40) === 0) sizes.set(name, [20 + below(300), below(200), below(300)]);
      const inUse = names.filter((other) => indexes.current(other) && world.now - usedAt.get(other)! < IDLE_MS - 1_000);
      const before = events.length;
      const hadDefault = indexes.current("current") !== undefined;
      const asked = await Promise.allSettled(Array.from({ length: 1 + below(3) }, () => acquire(name)));
      for (const outcome of asked) {
        if (outcome.status === "fulfilled") {
          expect(outcome.value.version.split(" ")[0]).toBe(name);
          expect(outcome.value.isFreed).toBe(false);
          outcomes.served++;
        } else {
          expect(outcome.reason).toMatchObject({ name: "OverloadedError" });
          outcomes.refused++;
        }
      }
      usedAt.set(name, world.now);
      check();
      // The default index alone may need the room of others, also when it is read in the background.
      const gone = inUse.filter((other) => indexes.current(other) === undefined);
      const forDefault = events.slice(before).filter((event) => event.event === "evicted" && event.for === "current");
      expect(forDefault.map(({ index }) => index)).toEqual(expect.arrayContaining(gone));
      if (hadDefault) expect(indexes.current("current")).toBeDefined();
      if (below(3) > 0) await settle();
    }
    await settle();
    expect(outcomes.served).toBeGreaterThan(outcomes.refused);
    for (const event of events)
      if (event.event === "evicted" && event.for !== "current") expect(event.idleMs).toBeGreaterThanOrEqual(IDLE_MS);
    // Nobody starves: who is asked for alone is there once the others have been idle.
    for (const name of names) {
      world.now += IDLE_MS;
      expect((await acquire(name)).version).toMatch(name);
      await settle();
    }
  });

  it("counts what is known only once a version is open: pages go for it, or the version", async () => {
    const { sizes, unplanned, indexes, events, acquire, settle } = setUp(1);
    sizes.set("current", [200, 100, 300]);
    sizes.set("a", [200, 100, 300]);
    sizes.set("b", [200, 0, 0]);
    for (const name of ["current", "a", "b"]) unplanned.set(name, 150);
    await acquire("current");
    expect(indexes.bytes).toBe(750);
    await acquire("a");
    await settle();
    expect(["current", "a"].map((name) => indexes.current(name)?.bytes)).toEqual([450, 350]);
    expect(indexes.bytes).toBe(800);
    await expect(acquire("b")).rejects.toMatchObject({ name: "IndexUnavailableError" });
    expect(events.at(-1)).toMatchObject({ event: "refresh-failed", kind: "memory" });
    await settle();
  });

  it("serves several in turn without reading any of them twice", async () => {
    const { sizes, world, acquire, settle } = setUp(1);
    for (const name of ["current", "a", "b"]) sizes.set(name, [200, 100, 300]);
    for (let round = 0; round < 30; round++)
      for (const name of ["current", "a", "b"]) {
        expect((await acquire(name)).version).toBe(`${name} 0`);
        world.now += 50;
      }
    await settle();
    expect(world.opens).toEqual(["current", "a", "b"]);
  });

  it("opens one in use without its lists where another would not fit, rather than drive it out", async () => {
    const { sizes, world, indexes, events, acquire, settle } = setUp(1);
    sizes.set("current", [200, 500, 100]);
    sizes.set("a", [400, 0, 0]);
    sizes.set("b", [500, 0, 0]);
    expect((await acquire("current")).bytes).toBe(800);
    expect((await acquire("a")).version).toBe("a 0");
    expect([indexes.current("current")?.bytes, indexes.current("current")?.version]).toEqual([200, "current 0"]);
    expect(world.opens).toEqual(["current", "a", "current"]);
    // What is left does not suffice, whoever gives up what: nothing is read anew for it.
    await expect(acquire("b")).rejects.toMatchObject({ name: "OverloadedError" });
    expect(world.opens).toEqual(["current", "a", "current", "b"]);
    expect(events.filter(({ event }) => event === "evicted")).toEqual([]);
    await settle();
  });

  it("counts what only the garbage collector can free until it has", async () => {
    const { sizes, world, indexes, acquire, settle } = setUp(2);
    sizes.set("current", [100, 0, 0]);
    sizes.set("a", [100, 300, 0]);
    await acquire("a");
    await acquire("current");
    Object.assign(indexes.current("a")!, { residue: 300, free: () => true });
    world.published.set("a", 1);
    for (let i = 0; i < 3; i++) {
      world.now += 31_000;
      await acquire("a");
      await settle();
    }
    expect(indexes.current("a")?.version).toBe("a 1");
    expect([indexes.bytes, indexes.allBytes]).toEqual([500, 800]);
  });

  it("gives back what had to be given up: pages at once, lists by reading the version anew", async () => {
    const { sizes, world, indexes, acquire, settle } = setUp(1);
    sizes.set("current", [200, 400, 200]);
    sizes.set("a", [600, 0, 0]);
    await acquire("a");
    expect((await acquire("current")).bytes).toBe(400);
    for (let i = 0; i < 4; i++) {
      world.now += 31_000;
      await acquire("current");
      await settle();
    }
    // Nobody needs the room of the other one but this one, which it serves without.
    expect([indexes.current("current")?.bytes, indexes.current("a")?.bytes]).toEqual([400, 600]);
    sizes.set("b", [600, 0, 0]);
    await acquire("b");
    expect(indexes.current("a")).toBeUndefined();
    sizes.set("b", [100, 0, 0]);
    world.published.set("b", 1);
    world.now += 31_000;
    for (const name of ["current", "b"]) await acquire(name);
    await settle();
    // No look is due for what was looked for just now, but a request comes every few seconds.
    for (let i = 0; i < 5; i++) {
      world.now += 5_000;
      for (const name of ["b", "current"]) await acquire(name);
      await settle();
    }
    expect(indexes.current("b")?.bytes).toBe(100);
    expect(indexes.current("current")?.bytes).toBe(800);
    expect(world.opens).toEqual(["a", "current", "b", "b", "current"]);
  });
});
