/** Several published indexes behind one Worker, and the memory that they share. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../src/config.ts";
import { IndexSet } from "../src/index/index-set.ts";
import type { IndexEvent } from "../src/log.ts";
import { bruteForce, type Fixture, makeFixture, nlist, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const names = ["current", "books", "films-2"] as const;
const fixtures = new Map<string, Fixture>();
beforeAll(async () => {
  for (const [i, name] of names.entries()) {
    const fixture = await makeFixture(70 + i);
    fixtures.set(name, fixture);
    await publish(env.INDEX, fixture, undefined, name);
  }
});

describe("?index=", () => {
  it("answers every path from the index of that name, and from the default without one", async () => {
    const { get } = makeIsolate();
    for (const name of [...names, ""]) {
      const fixture = fixtures.get(name || "current")!;
      const { version } = fixture.artifact;
      const query = new URLSearchParams({
        q: "birthday cake",
        k: "5",
        nprobe: String(nlist),
        ...(name && { index: name }),
      });
      const suffix = name && `?index=${name}`;
      const search = await get(`/search?${query}`);
      expect(search.body.indexVersion).toBe(version);
      expect(search.body.results.map(({ id }: { id: string }) => id)).toEqual(
        bruteForce(fixture, "birthday cake", 5).map(({ id }) => id),
      );
      expect(search.headers.get("cache-tag")).toBe(`index-${version},index-name-${name || "current"}`);
      // Probes look at what serves: by now it does.
      for (const path of [`/items/item:7${suffix}`, `/facets${suffix}`, `/readyz${suffix}`])
        expect((await get(path)).body.indexVersion, path).toBe(version);
      expect((await get(`/version${suffix}`)).body.index).toMatchObject({ name: name || "current", version });
    }
  });

  it("has an ETag of its own for each index, which matches no other's", async () => {
    const { get } = makeIsolate();
    const etags = await Promise.all(
      names.map(async (name) => (await get(`/search?q=cake&index=${name}`)).headers.get("etag")!),
    );
    expect(new Set(etags).size).toBe(names.length);
    const { status } = await get("/search?q=cake&index=books", { headers: { "if-none-match": etags[0]! } });
    expect(status).toBe(200);
  });

  it("goes into each search of a batch", async () => {
    const { post } = makeIsolate();
    const { body } = await post([{ q: "cake", index: "films-2" }, { q: "cake" }, { q: "cake", index: "books" }]);
    expect(body.map(({ indexVersion }: { indexVersion: string }) => indexVersion)).toEqual(
      ["films-2", "current", "books"].map((name) => fixtures.get(name)!.artifact.version),
    );
    const refused = await post([{ q: "cake" }, { q: "cake", index: "none" }]);
    expect(refused).toMatchObject({ status: 404, body: { type: "urn:poeem-edge:problem:not-found" } });
  });

  it.each(["/search?q=cake&", "/items/item:1?", "/facets?"])(
    "is 404 on %s for a name that no index has, and finds it a second after it is published",
    async (path) => {
      const { get, clock } = makeIsolate();
      const { status, body } = await get(`${path}index=late`);
      expect(status).toBe(404);
      expect(body.detail).toBe('No index is called "late"');
      await publish(env.INDEX, fixtures.get("books")!, undefined, "late");
      clock.now += 1_000;
      expect((await get(`${path}index=late`)).status).toBe(200);
      await env.INDEX.delete("index/late");
    },
  );

  it.each(["", "Books", "a/b", "../chunk/x", "a.b", "a%00", "a".repeat(41), "__proto__", "index/books"])(
    "reads no key for the name %j",
    async (name) => {
      const asked: string[] = [];
      const store = {
        getText: async (key: string) => {
          asked.push(key);
          return null;
        },
        getBytes: async () => null,
      };
      const indexes = new IndexSet<never>({
        ...holderOptions(),
        store,
        open: async () => expect.unreachable(),
        maxBytes: 1,
      });
      const { get } = makeIsolate({}, { indexes });
      const { status, body } = await get(`/search?q=cake&index=${encodeURIComponent(name)}`);
      expect(status).toBe(400);
      expect(body.errors[0].detail).toMatch(/^expected 1 to 40 of the characters a-z, 0-9 and -, got /);
      expect(asked).toEqual([]);
    },
  );

  it("may say only what INDEXES lists, and the default", async () => {
    const { get } = makeIsolate({ INDEXES: "books, other" });
    expect((await get("/search?q=cake&index=books")).status).toBe(200);
    expect((await get("/search?q=cake")).status).toBe(200);
    expect(await get("/search?q=cake&index=films-2")).toMatchObject({
      status: 404,
      body: { detail: 'No index is called "films-2"' },
    });
    expect(() => readConfig({ INDEXES: "books,Films" })).toThrow(/INDEXES expected names of .*, got "Films"/);
  });
});

const holderOptions = () => ({
  now: () => 0,
  sleep: async () => undefined,
  refreshMs: 30_000,
  leaseMs: 15_000,
  retryMs: 1_000,
});

/** A set over pointers for every name but `none…`, whose versions want `demand` bytes; the test moves the clock. */
function setUp(maxBytes: number, demand: { least: number; most: number }) {
  const state = { now: 0, looks: 0, opens: [] as string[], opening: 0, mostOpening: 0 };
  const indexes = new IndexSet<{
    version: string;
    publishedAt: string;
    prefetch: () => Promise<void>;
    granted: number;
  }>({
    ...holderOptions(),
    now: () => state.now,
    sleep: () => new Promise((resolve) => setTimeout(resolve, 0)),
    store: {
      getText: async (key) => {
        state.looks++;
        if (key.startsWith("index/none")) return null;
        return JSON.stringify({ version: key, manifestKey: "m", publishedAt: "p" });
      },
      getBytes: async () => null,
    },
    async open(_, { version }, grant) {
      state.opens.push(version.slice("index/".length));
      state.mostOpening = Math.max(state.mostOpening, ++state.opening);
      const granted = await grant({ ...demand, loading: 0, shared: 0, sharesPages: false });
      await new Promise((resolve) => setTimeout(resolve, 0));
      state.opening--;
      return { version, publishedAt: "p", prefetch: async () => undefined, granted };
    },
    maxBytes,
  });
  const background: Promise<unknown>[] = [];
  const acquire = (name: string) => indexes.acquire(name, (promise) => background.push(promise));
  return { state, indexes, acquire, settle: () => Promise.all(background.splice(0)) };
}

describe("the memory of several indexes", () => {
  it("drives out nobody who was used in the last minute: whoever does not fit beside them is told so", async () => {
    const { indexes, acquire, state } = setUp(100, { least: 30, most: 30 });
    for (const name of ["a", "b", "c", "a"]) await acquire(name);
    await expect(acquire("d")).rejects.toMatchObject({
      name: "OverloadedError",
      cause: { kind: "memory", message: /index "d" expected 30 bytes of free memory, got 10/ },
    });
    for (const name of ["a", "b", "c"]) await acquire(name);
    expect(state.opens).toEqual(["a", "b", "c", "d"]);
    state.now += 59_000;
    for (const name of ["a", "c"]) await acquire(name);
    state.now += 2_000;
    expect((await acquire("d")).version).toBe("index/d");
    expect(["a", "b", "c", "d"].filter((name) => indexes.current(name))).toEqual(["a", "c", "d"]);
    expect(indexes.bytes).toBe(90);
  });

  it("is always there for the default index, which no other one drives out", async () => {
    const { indexes, acquire, state } = setUp(100, { least: 40, most: 40 });
    for (const name of ["a", "b", "current"]) await acquire(name);
    expect(["a", "b", "current"].filter((name) => indexes.current(name))).toEqual(["b", "current"]);
    state.now += 3_600_000;
    for (const name of ["a", "c"]) await acquire(name).catch(() => undefined);
    expect((await acquire("current")).version).toBe("index/current");
    expect(state.opens.filter((name) => name === "current")).toHaveLength(1);
  });

  it("is given to a second index as far as it is free, and all that an idle one has", async () => {
    const { indexes, acquire, state } = setUp(100, { least: 20, most: 70 });
    expect((await acquire("a")).granted).toBe(70);
    expect((await acquire("b")).granted).toBe(30);
    state.now += 60_000;
    await acquire("b");
    expect((await acquire("c")).granted).toBe(70);
    expect([indexes.current("a"), indexes.current("b")?.granted]).toEqual([undefined, 30]);
  });

  it("is not enough for an index whose least is more than there is, which is said; the others go on", async () => {
    const demand = { least: 20, most: 20 };
    const { acquire } = setUp(100, demand);
    await acquire("a");
    demand.least = 101;
    await expect(acquire("b")).rejects.toMatchObject({
      name: "IndexUnavailableError",
      message: "The index cannot be read now",
      cause: { kind: "memory", message: /index "b" expected at most 100 bytes that must be in memory, got 101/ },
    });
    expect((await acquire("a")).version).toBe("index/a");
  });

  it("grows by one version at a time, however many are asked for at once, and none is read twice", async () => {
    const { acquire, state } = setUp(100, { least: 10, most: 10 });
    const asked = ["a", "b", "c", "d"].flatMap((name) => Array(5).fill(name));
    const versions = await Promise.all(asked.map(acquire));
    expect(versions.map(({ version }) => version)).toEqual(asked.map((name) => `index/${name}`));
    expect(state.mostOpening).toBe(1);
    expect(state.opens.toSorted()).toEqual(["a", "b", "c", "d"]);
  });

  it("is refused after five seconds to a cold start that waits for another index: it is late, not large", async () => {
    const clock = { now: 0 };
    const events: IndexEvent[] = [];
    const indexes = new IndexSet({
      ...holderOptions(),
      now: () => clock.now,
      sleep: async (ms) => {
        clock.now += ms;
      },
      store: {
        getText: async (key) => JSON.stringify({ version: key, manifestKey: "m", publishedAt: "p" }),
        getBytes: async () => null,
      },
      open: () => new Promise<never>(() => undefined),
      maxBytes: 100,
      report: (event) => events.push(event),
    });
    void indexes.acquire("a", () => undefined);
    await expect(indexes.acquire("b", () => undefined)).rejects.toMatchObject({
      name: "OverloadedError",
      message: "No turn came within 5000 ms",
    });
    expect(clock.now).toBeGreaterThanOrEqual(5_000);
    expect(clock.now).toBeLessThan(5_200);
    expect(events).toMatchObject([{ event: "refresh-failed", kind: "late", index: "b" }]);
  });

  it("looks for names of which nothing is known 50 times at once and 20 times a second", async () => {
    const { acquire, state } = setUp(1000, { least: 40, most: 40 });
    await acquire("a");
    const flood = async (names: number) => {
      const outcomes = new Map<string, number>();
      for (let i = 0; i < 1_000; i++) {
        const { name } = await acquire(`none-${i % names}`).then(
          () => ({ name: "served" }),
          (error: Error) => error,
        );
        outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
      }
      return outcomes;
    };
    const before = state.looks;
    expect(Object.fromEntries(await flood(500))).toEqual({ UnknownIndexError: 98, OverloadedError: 902 });
    expect(state.looks - before).toBe(49);
    for (let second = 0; second < 3; second++) {
      state.now += 1_000;
      await flood(500);
    }
    expect(state.looks - before).toBe(49 + 3 * 20);
    // What serves is none of them, and neither is the default one.
    expect((await acquire("a")).version).toBe("index/a");
    expect((await acquire("current")).version).toBe("index/current");
    state.now += 1_000;
    expect((await acquire("b")).version).toBe("index/b");
  });

  it("is not taken by names without an index, and a flood of them drives out nobody", async () => {
    const { indexes, acquire, state } = setUp(100, { least: 40, most: 40 });
    await acquire("a");
    for (let i = 0; i < 500; i++)
      await expect(acquire(`none-${i}`)).rejects.toMatchObject({ name: /^(UnknownIndex|Overloaded)Error$/ });
    expect(indexes.bytes).toBe(40);
    expect((await acquire("a")).version).toBe("index/a");
    expect(state.opens).toEqual(["a"]);
  });
});
