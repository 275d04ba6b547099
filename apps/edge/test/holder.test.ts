import { describe, expect, it } from "vitest";
import { type HolderOptions, IndexHolder } from "../src/index/holder.ts";
import type { Load, LoadedIndex } from "../src/index/loaded-index.ts";
import type { Store } from "../src/index/store.ts";
import type { IndexEvent, RefreshFailed } from "../src/log.ts";

const prefetch = async () => undefined;
const loaded = (version: string): LoadedIndex => ({ version, publishedAt: "", prefetch });
const pointer = (version: string, publishedAt = "2026-11-22T10:00:00Z") =>
  JSON.stringify({ version, manifestKey: `m-${version}`, publishedAt });
const isSettled = (promise: Promise<unknown>) =>
  Promise.race([promise.then(() => true), new Promise((resolve) => setTimeout(() => resolve(false), 5))]);

/** A holder over a pointer that the test sets, with a clock that only the test and `sleep` move. */
function setUp(options: Partial<HolderOptions<LoadedIndex>> = {}) {
  const state = {
    pointer: null as string | null,
    now: 1_000_000,
    opens: 0,
    looks: 0,
    open: async (version: string, _: Load): Promise<LoadedIndex> => loaded(version),
  };
  const background: Promise<unknown>[] = [];
  const events: IndexEvent[] = [];
  const store: Store = {
    name: "KV",
    getText: async () => {
      state.looks++;
      return state.pointer;
    },
    getBytes: async () => null,
  };
  const holder = new IndexHolder<LoadedIndex>({
    name: "current",
    store,
    open: (_, load) => {
      state.opens++;
      return state.open(load.version, load);
    },
    now: () => state.now,
    sleep: async (ms) => {
      state.now += ms;
      await Promise.resolve();
    },
    refreshMs: 30_000,
    leaseMs: 15_000,
    retryMs: 1_000,
    report: (event) => events.push(event),
    ...options,
  });
  const acquire = () => holder.acquire((promise) => background.push(promise));
  const settle = () => Promise.all(background.splice(0));
  /** Lets the pointer get old, and waits for what the next request does about it. @returns what serves then */
  const refresh = async (ms = 30_000) => {
    state.now += ms;
    await acquire();
    await settle();
    return holder.current!.version;
  };
  return { state, holder, acquire, settle, refresh, events };
}

describe("a cold isolate", () => {
  it("says that nothing is published, and finds the first index as soon as a second later", async () => {
    const { state, acquire } = setUp();
    await expect(acquire()).rejects.toThrow("No index has been published yet");
    state.pointer = pointer("v1");
    await expect(acquire()).rejects.toThrow(/No index/);
    state.now += 1_000;
    expect((await acquire()).version).toBe("v1");
  });

  it("reads once for many requests at once, and fails none", async () => {
    // Each that waits moves the clock.
    const { state, acquire } = setUp({ waitMs: 60_000 });
    state.pointer = pointer("v1");
    state.open = async (version) => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
      return loaded(version);
    };
    const versions = await Promise.all(Array.from({ length: 40 }, acquire));
    expect(versions.map(({ version }) => version)).toEqual(Array(40).fill("v1"));
    expect(state.opens).toBe(1);
  });

  it("gives every waiting request the reason when the one that reads fails", async () => {
    const { state, acquire } = setUp();
    state.pointer = pointer("v1");
    state.open = async () => Promise.reject(new Error("chunk lists-0000 expected 10 bytes, got 9"));
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, acquire));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: {
          name: "IndexUnavailableError",
          message: "The index cannot be read now",
          cause: { message: /chunk lists-0000 expected 10/ },
        },
      });
    }
    expect(new Set(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason)).size).toBe(5);
    expect(state.opens).toBe(1);
  });

  it("lets another request read when nothing comes to the first one for its lease, and says so", async () => {
    const { state, acquire, events } = setUp({ waitMs: 60_000 });
    state.pointer = pointer("v1");
    state.open = (version) => (state.opens === 1 ? new Promise(() => undefined) : Promise.resolve(loaded(version)));
    const hanging = acquire();
    expect((await acquire()).version).toBe("v1");
    expect(state.opens).toBe(2);
    expect(await isSettled(hanging)).toBe(false);
    expect(events).toMatchObject([
      { event: "refresh-failed", kind: "late", causes: [/nothing of index "current" came for 15000 ms/] },
      { event: "cold-start" },
    ]);
  });

  it("tells requests to come again that would wait too long for what another one reads", async () => {
    const { state, acquire } = setUp();
    state.pointer = pointer("v1");
    const late = Promise.withResolvers<LoadedIndex>();
    state.open = () => late.promise;
    const first = acquire();
    const before = state.now;
    await expect(acquire()).rejects.toMatchObject({ name: "IndexUnavailableError", cause: { kind: "late" } });
    expect(state.now - before).toBe(5_000);
    late.resolve(loaded("v1"));
    expect((await first).version).toBe("v1");
  });

  it("waits longer after each failure of one version, but tries another one at once", async () => {
    const { state, acquire, events } = setUp();
    state.pointer = pointer("v1");
    state.open = () => Promise.reject(new Error("sha256 differs"));
    for (let second = 0; second < 16; second++) {
      await expect(acquire()).rejects.toThrow("cannot be read");
      state.now += 1_000;
    }
    expect([state.looks, state.opens]).toEqual([16, 9]);
    expect(events).toHaveLength(1);
    state.open = async (version) => loaded(version);
    state.pointer = pointer("v2");
    expect((await acquire()).version).toBe("v2");
  });

  it("says when it was read, by how many reads", async () => {
    const { state, acquire, events } = setUp();
    state.pointer = pointer("v1");
    state.open = async (version, { meter }) => {
      for (let i = 0; i < 3; i++) {
        meter!.spend();
        state.now += 100;
        meter!.got(1_000);
      }
      return loaded(version);
    };
    await acquire();
    const bytes = 3_000 + pointer("v1").length;
    expect(events).toEqual([
      { event: "cold-start", index: "current", indexVersion: "v1", publishedAt: "", ms: 300, reads: 4, bytes },
    ]);
  });
});

describe("a warm isolate", () => {
  it("answers at once with what it has, and takes up a new version in the background when a look is due", async () => {
    const { state, acquire, settle } = setUp();
    state.pointer = pointer("v1");
    await acquire();
    state.pointer = pointer("v2");
    expect((await acquire()).version).toBe("v1");
    state.now += 30_000;
    expect((await acquire()).version).toBe("v1");
    await settle();
    expect((await acquire()).version).toBe("v2");
    expect(state.opens).toBe(2);
  });

  it("reads only the pointer when the version is the one it has", async () => {
    const { state, acquire, settle } = setUp();
    state.pointer = pointer("v1");
    for (let i = 0; i < 5; i++) {
      await acquire();
      await settle();
      state.now += 60_000;
    }
    expect(state.opens).toBe(1);
  });

  it.each([
    ["the new version cannot be read", { pointer: pointer("v2"), kind: "unreadable", cause: "sha256 differs" }],
    ["the pointer is not JSON", { pointer: "<html>", kind: "damaged", cause: "index pointer: expected JSON" }],
    ["the pointer is gone", { pointer: null, kind: "missing", cause: 'KV has no key "index/current"' }],
  ])("keeps the old version and says why when %s", async (_, { pointer: next, kind, cause }) => {
    const { state, holder, acquire, settle, events } = setUp();
    state.pointer = pointer("v1");
    await acquire();
    state.open = async () => Promise.reject(new Error("sha256 differs"));
    state.pointer = next;
    state.now += 30_000;
    await acquire();
    await settle();
    expect((await acquire()).version).toBe("v1");
    expect(holder.refreshFailure).toBe(`${kind} since ${new Date(state.now).toISOString()}`);
    expect(events[1]).toMatchObject({ event: "refresh-failed", kind, index: "current", indexVersion: "v1" });
    expect((events[1] as RefreshFailed).causes.join()).toContain(cause);

    state.open = async (version) => loaded(version);
    state.pointer = pointer("v3");
    state.now += 30_000;
    await acquire();
    await settle();
    expect((await acquire()).version).toBe("v3");
    expect(holder.refreshFailure).toBeUndefined();
  });

  it("takes a version over only when what queries ask for has been read ahead", async () => {
    const { state, holder, acquire, settle } = setUp();
    state.pointer = pointer("v1");
    await acquire();
    state.open = async (version) => ({
      version,
      publishedAt: "",
      prefetch: () => Promise.reject(new Error("no items-0001")),
    });
    state.pointer = pointer("v2");
    state.now += 30_000;
    await acquire();
    await settle();
    expect((await acquire()).version).toBe("v1");
    expect(holder.refreshFailure).toMatch(/^unreadable since /);
  });

  it("reads ahead again at the next look when a cold start could not", async () => {
    const { state, acquire, settle } = setUp();
    let tries = 0;
    state.pointer = pointer("v1");
    state.open = async (version) => ({
      version,
      publishedAt: "",
      prefetch: () => (++tries === 1 ? Promise.reject(new Error("late")) : Promise.resolve()),
    });
    await acquire();
    await settle();
    expect(tries).toBe(1);
    state.now += 30_000;
    expect((await acquire()).version).toBe("v1");
    await settle();
    expect(tries).toBe(2);
  });

  it("never goes back to an older version that a slow reader brings too late", async () => {
    const { state, acquire, settle } = setUp();
    state.pointer = pointer("v1");
    await acquire();
    const slow = Promise.withResolvers<LoadedIndex>();
    state.open = () => slow.promise;
    state.pointer = pointer("v2");
    state.now += 30_000;
    await acquire();
    await Promise.resolve();

    state.open = async (version) => loaded(version);
    state.pointer = pointer("v3");
    state.now += 30_000;
    await acquire();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect((await acquire()).version).toBe("v3");
    slow.resolve(loaded("v2"));
    await settle();
    expect((await acquire()).version).toBe("v3");
  });
});

describe("a load", () => {
  /** Serves v1 and begins to read v2, whose chunks arrive when the test says so. */
  async function begin() {
    const world = setUp();
    const { state, acquire } = world;
    state.pointer = pointer("v1", "2026-11-22T10:00:00Z");
    await acquire();
    const done = Promise.withResolvers<LoadedIndex>();
    let load: Load | undefined;
    state.open = (_, given) => {
      load = given;
      return done.promise;
    };
    state.pointer = pointer("v2", "2026-11-22T11:00:00Z");
    state.now += 30_000;
    await acquire();
    await isSettled(done.promise);
    return { ...world, load: load!, done };
  }

  it("that is slow but gets on keeps its turn, and its version is taken over", async () => {
    const { state, acquire, settle, load, done, events } = await begin();
    for (let chunk = 0; chunk < 20; chunk++) {
      load.meter!.spend();
      state.now += 14_000;
      load.meter!.got(1_000);
      expect((await acquire()).version).toBe("v1");
    }
    expect(state.opens).toBe(2);
    done.resolve(loaded("v2"));
    await settle();
    expect((await acquire()).version).toBe("v2");
    expect(events.at(-1)).toMatchObject({ event: "take-over", previousVersion: "v1", ms: 280_000, reads: 21 });
  });

  it("that trickles for ever ends after five minutes", async () => {
    const { state, load } = await begin();
    for (let chunk = 0; chunk < 22; chunk++) {
      load.meter!.spend();
      state.now += 14_000;
      load.meter!.got(1);
    }
    expect(() => load.meter!.spend()).toThrow("was not there after 308000 ms");
  });

  it("that lost its turn is taken over all the same when it is complete", async () => {
    const { state, acquire, settle, holder, done } = await begin();
    state.open = () => new Promise(() => undefined);
    state.now += 15_000;
    expect((await acquire()).version).toBe("v1");
    expect(holder.refreshFailure).toMatch(/^late since /);
    await isSettled(done.promise);
    expect(state.opens).toBe(3);
    done.resolve(loaded("v2"));
    await isSettled(settle());
    expect((await acquire()).version).toBe("v2");
    expect(holder.refreshFailure).toBeUndefined();
  });

  it("that lost its turn does not take the place of something newer", async () => {
    const { state, acquire, done, refresh } = await begin();
    state.open = async (version) => loaded(version);
    state.pointer = pointer("v3", "2026-11-22T12:00:00Z");
    state.now += 15_000;
    await acquire();
    await isSettled(done.promise);
    expect((await acquire()).version).toBe("v3");
    done.resolve(loaded("v2"));
    await isSettled(done.promise);
    expect(await refresh()).toBe("v3");
  });

  it("of a version that was opened goes on with its pages, and opens it no second time", async () => {
    const { state, acquire, refresh } = setUp();
    state.pointer = pointer("v1");
    await acquire();
    let tries = 0;
    const prefetch = () => (++tries < 3 ? Promise.reject(new Error("no items-0001")) : Promise.resolve());
    state.open = async (version) => ({ version, publishedAt: "", prefetch });
    state.pointer = pointer("v2");
    expect([await refresh(), await refresh(), await refresh()]).toEqual(["v1", "v1", "v2"]);
    expect([state.opens, tries]).toEqual([2, 3]);
  });

  it("of a version that fails again and again is tried less often, by a newer pointer at once", async () => {
    const { state, acquire, refresh, events } = setUp();
    state.pointer = pointer("v1", "2026-11-22T10:00:00Z");
    await acquire();
    state.open = () => Promise.reject(new Error("sha256 differs"));
    state.pointer = pointer("v2", "2026-11-22T11:00:00Z");
    const opens: number[] = [];
    for (let look = 0; look < 14; look++) {
      await refresh();
      opens.push(state.opens - 1);
    }
    expect(opens).toEqual([1, 2, 3, 4, 5, 6, 6, 7, 7, 7, 7, 8, 8, 8]);
    expect(events.filter(({ event }) => event === "refresh-failed")).toHaveLength(1);
    state.pointer = pointer("v2", "2026-11-22T11:10:00Z");
    state.open = async (version) => loaded(version);
    expect(await refresh()).toBe("v2");
  });
});

describe("the pointer", () => {
  const at = (minutes: number) => new Date(Date.UTC(2026, 10, 22, 10, minutes)).toISOString();

  it("never leads back to an older version when an old one comes again, which is said", async () => {
    const { state, acquire, refresh, events, holder } = setUp();
    state.pointer = pointer("v1", at(1));
    await acquire();
    state.pointer = pointer("v2", at(2));
    expect(await refresh()).toBe("v2");
    for (const stale of [at(1), at(1), at(0)]) {
      state.pointer = pointer("v1", stale);
      expect(await refresh()).toBe("v2");
    }
    expect(holder.refreshFailure).toBeUndefined();
    const told = events.filter(({ event }) => event === "stale-pointer");
    expect(told).toEqual(
      [at(1), at(0)].map((publishedAt) => ({
        ...{ event: "stale-pointer", index: "current", indexVersion: "v2", wantedVersion: "v1", publishedAt },
      })),
    );
  });

  it("warns of an older pointer that stays, once, and says until when it is not followed", async () => {
    const { state, acquire, refresh, events } = setUp();
    state.pointer = pointer("v2", at(2));
    await acquire();
    state.pointer = pointer("v1", at(1));
    const ignored = () => events.filter(({ event }) => event === "old-pointer");
    for (let i = 0; i < 8; i++) await refresh();
    expect(ignored()).toEqual([]);
    for (let i = 0; i < 10; i++) await refresh();
    expect(ignored()).toHaveLength(1);
    const { since, until } = ignored()[0] as { since?: string; until?: string };
    expect(Date.parse(until!) - Date.parse(since!)).toBe(30 * 60_000);
    for (let i = 0; i < 45 && (await refresh()) !== "v1"; i++);
    expect(await refresh()).toBe("v1");
    expect(ignored()).toHaveLength(1);
  });

  it("leads back to an older version that was published again, and forth", async () => {
    const { state, acquire, refresh } = setUp();
    state.pointer = pointer("v1", at(1));
    await acquire();
    for (const [version, minutes] of [
      ["v2", 2],
      ["v1", 3],
      ["v2", 4],
    ] as const) {
      state.pointer = pointer(version, at(minutes));
      expect(await refresh()).toBe(version);
    }
    // The version that serves was published again: what is older than that counts no more.
    state.pointer = pointer("v2", at(9));
    await refresh();
    state.pointer = pointer("v1", at(8));
    expect(await refresh()).toBe("v2");
  });

  it("of the same time, or of none, is followed as it comes", async () => {
    const { state, acquire, refresh } = setUp();
    state.pointer = pointer("v1", at(1));
    await acquire();
    for (const [version, time] of [
      ["v2", at(1)],
      ["v1", at(1)],
      ["v3", "soon"],
      ["v1", at(0)],
    ] as const) {
      state.pointer = pointer(version, time);
      expect(await refresh()).toBe(version);
    }
  });

  it("from the future is followed, and gives way to what stays in the store for half an hour", async () => {
    const { state, acquire, refresh } = setUp();
    state.pointer = pointer("v1", "2099-01-01T00:00:00Z");
    await acquire();
    state.pointer = pointer("v2", at(1));
    const served: string[] = [];
    for (let minute = 0; minute <= 32; minute++) served.push(await refresh(60_000));
    expect(served.indexOf("v2")).toBe(30);
    state.pointer = pointer("v3", at(2));
    expect(await refresh()).toBe("v3");
  });

  it("that is looked for the first time in ten minutes is waited for, a second at most", async () => {
    const { state, acquire, settle } = setUp();
    state.pointer = pointer("v1", at(1));
    await acquire();
    state.pointer = pointer("v2", at(2));
    state.now += 600_000;
    const answers = await Promise.all([acquire(), acquire()]);
    expect(answers.map(({ version }) => version)).toEqual(["v2", "v2"]);
    await settle();

    const slow = Promise.withResolvers<LoadedIndex>();
    state.open = () => slow.promise;
    state.pointer = pointer("v3", at(3));
    state.now += 600_000;
    const before = state.now;
    expect((await acquire()).version).toBe("v2");
    expect(state.now - before).toBe(1_000);
    // Nobody else waits so long for the same.
    expect((await acquire()).version).toBe("v2");
    expect(state.now - before).toBe(1_000);
    slow.resolve(loaded("v3"));
    await settle();
    expect((await acquire()).version).toBe("v3");
  });

  it("is looked at when a page is missing, before the next answer, but ever less often", async () => {
    const { state, acquire, settle, holder } = setUp();
    let missed: () => void = () => undefined;
    state.open = async (version, load) => {
      missed = load.missed!;
      return loaded(version);
    };
    state.pointer = pointer("v1", at(1));
    await acquire();
    expect(holder.isWhole).toBe(true);
    const looks: number[] = [];
    for (let second = 1; second <= 16; second++) {
      state.now += 1_000;
      missed();
      const before = state.looks;
      await acquire();
      await settle();
      if (state.looks > before) looks.push(second);
    }
    expect(looks).toEqual([1, 3, 7, 15]);
    expect(holder.isWhole).toBe(false);
    state.pointer = pointer("v2", at(2));
    state.now += 16_000;
    expect((await acquire()).version).toBe("v2");
    expect(holder.isWhole).toBe(true);
  });

  it("has an age", async () => {
    const { state, acquire, holder, refresh } = setUp();
    expect(holder.checkedAt).toBeUndefined();
    state.pointer = pointer("v1");
    const first = state.now;
    await acquire();
    expect(holder.checkedAt).toBe(first);
    state.pointer = "<html>";
    await refresh();
    expect(holder.checkedAt).toBe(first);
  });
});
