/** The Cache API in front of R2, inside workerd: what is counted, and what a cache may do wrong. */
import { env } from "cloudflare:workers";
import { manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { cachedStore, type PlatformCaches } from "../src/index/cached-store.ts";
import { guarded } from "../src/index/guarded.ts";
import { type R2Reader, r2Store } from "../src/index/r2-store.ts";
import type { ColdStart, ReadFault } from "../src/log.ts";
import { makeShop, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";
import { meterOf } from "./store-suite.ts";

const shop = await makeShop(81);
const key = manifestKey(shop.artifact.version);
const size = shop.artifact.manifestBytes.length;
const question = "/search?q=red%20jacket";

const bucket = {
  put: async (key: string, value: Uint8Array | string) => void (await env.BUCKET.put(key, value)),
  delete: (key: string) => env.BUCKET.delete(key),
};
beforeAll(() => publish(bucket, shop));

/** The bucket, and what it was asked for. */
function counted() {
  const asked: string[] = [];
  const reader: R2Reader = {
    get: (key) => {
      asked.push(key);
      return env.BUCKET.get(key);
    },
  };
  return { asked, reader };
}

let origins = 0;
const freshOrigin = () => `https://own-${origins++}.test`;

describe("a value that never changes", () => {
  it("is read from R2 once in a data center, whatever isolates there are", async () => {
    const { asked, reader } = counted();
    const origin = freshOrigin();
    const { spent, meter } = meterOf();
    for (let i = 0; i < 3; i++) {
      const store = guarded(cachedStore(r2Store(reader), origin));
      expect((await store.getBytes(key, { meter }))!.length).toBe(size);
    }
    expect(asked).toEqual([key]);
    expect(spent).toEqual({ reads: 1, bytes: 3 * size, cached: 2 });
  });

  it("is another one at another origin", async () => {
    const { asked, reader } = counted();
    for (const origin of [freshOrigin(), freshOrigin()]) await cachedStore(r2Store(reader), origin).getBytes(key);
    expect(asked).toEqual([key, key]);
  });

  it("that is not there is looked for every time", async () => {
    const { asked, reader } = counted();
    const store = cachedStore(r2Store(reader), freshOrigin());
    expect([await store.getBytes("chunk/late"), asked.length]).toEqual([null, 1]);
    await env.BUCKET.put("chunk/late", "now");
    expect(await store.getBytes("chunk/late")).toEqual(new TextEncoder().encode("now"));
  });

  it("is kept under no address of the Worker's, for a month", async () => {
    const puts: [string, Response][] = [];
    const caches: PlatformCaches = {
      open: async () => ({
        match: async () => undefined,
        put: async (url, response) => void puts.push([url, response]),
      }),
    };
    await cachedStore(r2Store(env.BUCKET), "https://own.test", { caches }).getBytes(key);
    expect(puts.map(([url, { headers }]) => [url, headers.get("cache-control")])).toEqual([
      [`https://own.test/poeem-index/${encodeURIComponent(key)}`, "public, max-age=2592000"],
    ]);
  });
});

it("a pointer is read from R2 each time", async () => {
  const { asked, reader } = counted();
  const store = cachedStore(r2Store(reader), freshOrigin());
  await store.getText(pointerKey());
  await store.getText(pointerKey());
  expect(asked).toEqual([pointerKey(), pointerKey()]);
});

it("a second isolate starts from the cache, and says so in its log, headers and points", async () => {
  const origin = freshOrigin();
  const isolate = () => makeIsolate({ LOG: "all" }, {}, undefined, { store: cachedStore(r2Store(env.BUCKET), origin) });
  const loads: ColdStart[] = [];
  for (let i = 0; i < 2; i++) {
    const { get, reported, logged, recorded } = isolate();
    const { headers } = await get(question);
    loads.push(reported.find(({ event }) => event === "cold-start") as ColdStart);
    const timing = /kv;desc="(\d+) reads, (\d+) bytes(?:, (\d+) cached)?"/.exec(headers.get("server-timing")!)!;
    const [reads, bytes, cached] = timing.slice(1).map((text) => Number(text ?? 0));
    expect(logged.at(-1)).toMatchObject({ event: "request", reads, bytes, ...(i > 0 && { cached }) });
    expect(recorded.at(-1)).toMatchObject({ outcome: "answered", reads, bytes, cached });
  }
  const [first, second] = loads as [ColdStart, ColdStart];
  expect(first).not.toHaveProperty("cached");
  // The pointer alone.
  expect(second).toMatchObject({ reads: 1, cached: first.reads - 1, bytes: first.bytes });
});

describe("what goes wrong with the cache", () => {
  /** Caches of which one verb does something else. */
  const broken = (verb: "match" | "put", does: () => Promise<never>): PlatformCaches => ({
    open: async (name) => {
      const cache = await caches.open(name);
      const whole = {
        match: (url: string) => cache.match(url),
        put: (url: string, response: Response) => cache.put(url, response),
      };
      return { ...whole, [verb]: does };
    },
  });
  const fails = () => Promise.reject(new Error("too many subrequests"));
  const hangs = () => new Promise<never>(() => undefined);

  it.each([
    ["match", "fails", fails, "unreadable"],
    ["match", "hangs", hangs, "late"],
    ["put", "fails", fails, "unreadable"],
    ["put", "hangs", hangs, "late"],
  ] as const)("is told, and R2 answers: %s %s", async (verb, _, does, kind) => {
    const faults: ReadFault[] = [];
    const { spent, meter } = meterOf();
    const cached = cachedStore(r2Store(env.BUCKET), freshOrigin(), { caches: broken(verb, does), timeoutMs: 20 });
    const store = guarded(cached, (fault) => faults.push(fault));
    expect((await store.getBytes(key, { meter }))!.length).toBe(size);
    expect(faults).toMatchObject([{ event: "read-failed", kind, key }]);
    expect(spent).toEqual({ reads: 1, bytes: size, cached: 0 });
  });

  it("heals: a copy that is damaged is looked past once, and replaced", async () => {
    const origin = freshOrigin();
    const flipped = (found: ArrayBuffer) => new Uint8Array(found).map((byte, i) => (i === 99 ? byte ^ 1 : byte));
    const bad: R2Reader = {
      get: async (key) => {
        const found = await env.BUCKET.get(key);
        return (
          found && { text: () => found.text(), arrayBuffer: async () => flipped(await found.arrayBuffer()).buffer }
        );
      },
    };
    for (const { key } of (await env.BUCKET.list({ prefix: "chunk/" })).objects)
      await cachedStore(r2Store(bad), origin).getBytes(key);
    const events: string[][] = [];
    for (let i = 0; i < 2; i++) {
      const { get, reported } = makeIsolate({}, {}, undefined, { store: cachedStore(r2Store(env.BUCKET), origin) });
      expect((await get(question)).status).toBe(200);
      events.push(reported.map(({ event }) => event));
    }
    expect(events[0]).toContain("read-again");
    expect(events[1]).toEqual(["cold-start"]);
  });

  it("is an error where there is no Cache API at all", () => {
    vi.stubGlobal("caches", undefined);
    try {
      expect(() => cachedStore(r2Store(env.BUCKET), "https://own.test")).toThrow(
        "[edge] a cached store expected a platform with a Cache API, got none: use the store by itself",
      );
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
