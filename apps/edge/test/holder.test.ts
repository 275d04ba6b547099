import { describe, expect, it } from "vitest";
import { IndexHolder, type LoadedIndex } from "../src/index/holder.ts";
import type { Store } from "../src/index/store.ts";

const prefetch = async () => undefined;
const pointer = (version: string) =>
  JSON.stringify({ version, manifestKey: `m-${version}`, publishedAt: "2026-11-22T10:00:00Z" });

/** A holder over a pointer that the test sets, with a clock that only the test and `sleep` move. */
function setUp() {
  const state = {
    pointer: null as string | null,
    now: 1_000_000,
    opens: 0,
    open: async (version: string): Promise<LoadedIndex> => ({ version, publishedAt: "", prefetch }),
  };
  const background: Promise<unknown>[] = [];
  const store: Store = { name: "KV", getText: async () => state.pointer, getBytes: async () => null };
  const holder = new IndexHolder<LoadedIndex>({
    name: "current",
    store,
    open: (_, { version }) => {
      state.opens++;
      return state.open(version);
    },
    now: () => state.now,
    sleep: async (ms) => {
      state.now += ms;
      await Promise.resolve();
    },
    refreshMs: 30_000,
    leaseMs: 15_000,
    retryMs: 1_000,
  });
  const acquire = () => holder.acquire((promise) => background.push(promise));
  const settle = () => Promise.all(background.splice(0));
  return { state, holder, acquire, settle };
}

describe("a cold isolate", () => {
  it("says that nothing is published, and finds the first index as soon as a second later", async () => {
    const { state, acquire } = setUp();
    await expect(acquire()).rejects.toThrow(/No index has been published: KV has no key "index\/current"/);
    state.pointer = pointer("v1");
    await expect(acquire()).rejects.toThrow(/No index/);
    state.now += 1_000;
    expect((await acquire()).version).toBe("v1");
  });

  it("reads once for many requests at once, and fails none", async () => {
    const { state, acquire } = setUp();
    state.pointer = pointer("v1");
    state.open = async (version) => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
      return { version, publishedAt: "", prefetch };
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
        reason: { name: "IndexUnavailableError", message: /cannot be read: chunk lists-0000 expected 10/ },
      });
    }
    expect(new Set(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason)).size).toBe(5);
    expect(state.opens).toBe(1);
  });

  it("lets another request read when the first one has not come back within its lease", async () => {
    const { state, acquire } = setUp();
    state.pointer = pointer("v1");
    state.open = (version) =>
      state.opens === 1 ? new Promise(() => undefined) : Promise.resolve({ version, publishedAt: "", prefetch });
    const hanging = acquire();
    expect((await acquire()).version).toBe("v1");
    expect(state.opens).toBe(2);
    await expect(Promise.race([hanging, Promise.resolve("still waiting")])).resolves.toBe("still waiting");
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
    ["the new version cannot be read", { pointer: pointer("v2"), message: "sha256 differs" }],
    ["the pointer is not JSON", { pointer: "<html>", message: "index pointer: expected JSON" }],
    ["the pointer is gone", { pointer: null, message: "No index has been published" }],
  ])("keeps the old version and says why when %s", async (_, { pointer: next, message }) => {
    const { state, holder, acquire, settle } = setUp();
    state.pointer = pointer("v1");
    await acquire();
    state.open = async () => Promise.reject(new Error("sha256 differs"));
    state.pointer = next;
    state.now += 30_000;
    await acquire();
    await settle();
    expect((await acquire()).version).toBe("v1");
    expect(holder.refreshFailure).toContain(message);

    state.open = async (version) => ({ version, publishedAt: "", prefetch });
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
    expect(holder.refreshFailure).toBe("no items-0001");
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

    state.open = async (version) => ({ version, publishedAt: "", prefetch });
    state.pointer = pointer("v3");
    state.now += 30_000;
    await acquire();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect((await acquire()).version).toBe("v3");
    slow.resolve({ version: "v2", publishedAt: "", prefetch });
    await settle();
    expect((await acquire()).version).toBe("v3");
  });
});
