/** An index that serves, from its cold start on. */
import { describe, expect, it, vi } from "vitest";
import type { LoadedIndex } from "../src/index/loaded-index.ts";
import type { RefreshFailed } from "../src/log.ts";
import { loaded, pointer, settled, setUp } from "./held-world.ts";

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
    const { state, acquire } = setUp();
    state.pointer = pointer("v1");
    state.open = async (version) => {
      // Each that waits moves the clock.
      for (let i = 0; i < 20; i++) await Promise.resolve();
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
    const { state, acquire, events } = setUp({ leaseMs: 4_000 });
    state.pointer = pointer("v1");
    state.open = (version) => (state.opens === 1 ? new Promise(() => undefined) : Promise.resolve(loaded(version)));
    const hanging = acquire();
    expect((await acquire()).version).toBe("v1");
    expect(state.opens).toBe(2);
    const over = vi.fn();
    void hanging.then(over, over);
    await settled();
    expect(over).not.toHaveBeenCalled();
    expect(events).toMatchObject([
      { event: "refresh-failed", kind: "late", causes: [/nothing of index "current" came for 4000 ms/] },
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
    await settled();
    expect((await acquire()).version).toBe("v3");
    slow.resolve(loaded("v2"));
    await settle();
    expect((await acquire()).version).toBe("v3");
  });
});
