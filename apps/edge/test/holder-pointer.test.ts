/** Which pointer is followed, when it is looked at, and what is told of it. */
import { describe, expect, it } from "vitest";
import type { LoadedIndex } from "../src/index/loaded-index.ts";
import { loaded, pointer, setUp } from "./held-world.ts";

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

  it("that can be read again fails no more, also when it is an older one", async () => {
    const { state, acquire, refresh, holder } = setUp();
    state.pointer = pointer("v2", at(2));
    await acquire();
    state.pointer = "<html>";
    await refresh();
    expect(holder.refreshFailure).toMatch(/^damaged since /);
    state.pointer = pointer("v1", at(1));
    expect(await refresh()).toBe("v2");
    expect(holder.refreshFailure).toBeUndefined();
    // What a version fails with stays until one is taken over.
    state.open = () => Promise.reject(new Error("sha256 differs"));
    state.pointer = pointer("v3", at(3));
    await refresh();
    state.pointer = pointer("v1", at(1));
    await refresh();
    expect(holder.refreshFailure).toMatch(/^unreadable since /);
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
      missed = () => load.misses!.add("page");
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
