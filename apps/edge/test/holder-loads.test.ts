/** Versions on their way: slow ones, those that lose their turn, those that fail. */
import { describe, expect, it } from "vitest";
import type { Load, LoadedIndex } from "../src/index/loaded-index.ts";
import { loaded, pointer, settled, setUp } from "./held-world.ts";

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
    await settled();
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
    const { state, acquire, holder, done } = await begin();
    state.open = () => new Promise(() => undefined);
    state.now += 15_000;
    expect((await acquire()).version).toBe("v1");
    expect(holder.refreshFailure).toMatch(/^late since /);
    await settled();
    expect(state.opens).toBe(3);
    done.resolve(loaded("v2"));
    await settled();
    expect((await acquire()).version).toBe("v2");
    expect(holder.refreshFailure).toBeUndefined();
  });

  it("that lost its turn does not take the place of something newer", async () => {
    const { state, acquire, done, refresh } = await begin();
    state.open = async (version) => loaded(version);
    state.pointer = pointer("v3", "2026-11-22T12:00:00Z");
    state.now += 15_000;
    await acquire();
    await settled();
    expect((await acquire()).version).toBe("v3");
    done.resolve(loaded("v2"));
    await settled();
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
