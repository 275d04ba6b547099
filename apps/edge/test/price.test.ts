/** What requests may cost: refused before they run, with advice that works; stopped while they run; set by LIMITS. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type Manifest, openManifest } from "@poeem/pq-core";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { encodeVector } from "../src/client.ts";
import { readConfig } from "../src/config.ts";
import { createWorker } from "../src/create-worker.ts";
import { chargesOf, priceWithin } from "../src/http/budget.ts";
import { jsonSize } from "../src/http/json-size.ts";
import { Meter } from "../src/http/meter.ts";
import { NOTHING, type Price, priceOf, priceOfFacets, sumOf } from "../src/http/price.ts";
import { Problem } from "../src/http/problem.ts";
import type { ResolvedSearch } from "../src/http/resolve.ts";
import { OverloadedError } from "../src/index/errors.ts";
import { type KvReader, kvStore } from "../src/index/kv-store.ts";
import { memoryDemand } from "../src/index/memory-plan.ts";
import type { ServedIndex } from "../src/index/served-index.ts";
import { Turns } from "../src/index/turns.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { SettingError } from "../src/setting-error.ts";
import { dim, type Fixture, makeFixture, makeShop, publish, randomFloats } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const TOO_EXPENSIVE = "urn:poeem-edge:problem:too-expensive";

let paged: Fixture;

beforeAll(async () => {
  paged = await makeFixture(61);
  await publish(env.INDEX, paged);
  await publish(env.INDEX, await makeShop(62, 300, "mixture"), undefined, "shop");
  await publish(env.INDEX, await makeShop(63, 300, "mean"), undefined, "mean");
});

const random = randomFloats(13);
const below = (n: number) => Math.floor(((random() + 1) / 2) * n);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
const ids = (n: number) => Array.from({ length: n }, () => `item:${below(300)}`);

/** Any search that is valid, as the body of a POST. */
function anySearch(): Record<string, unknown> {
  const index = pick(["current", "shop", "mean"]);
  const words = () =>
    Array.from({ length: 1 + below(30) }, () => pick(["red", "jaket", "lamp", "-blue", "shoe", "x"])).join(" ");
  const kinds = [
    () => ({ vector: encodeVector(Float32Array.from({ length: dim }, random)) }),
    () => ({ like: ids(1)[0] }),
    () => ({ history: ids(1 + below(40)) }),
    () => (index === "current" ? { q: "birthday cake" } : { q: `red ${words()}`, mode: pick(["hybrid", "words"]) }),
    () => (index === "current" ? { q: "a" } : { like: "item:7" }),
  ];
  const maybe = (members: () => object) => (random() > 0 ? members() : {});
  const comparison = () => pick(["set:even", "tag:none", "year<1990", "NOT year=2000"]);
  return {
    ...pick(kinds)(),
    index,
    ...maybe(() => ({ k: 1 + below(250) })),
    ...maybe(() => ({ nprobe: 1 + below(6) })),
    ...maybe(() => ({ exclude: ids(below(200)) })),
    ...maybe(() => ({
      filter: Array.from({ length: 1 + below(20) }, comparison).join(pick([" OR ", " AND "])),
    })),
    ...maybe(() => ({ diversity: 0.5 })),
  };
}

/** Comparisons as the index has them: a strict one is two. */
const firstComparisons = (filter: string, n: number) =>
  filter
    .split(/ OR | AND /)
    .filter((part, i, all) => {
      const weight = (one: string) => (one.includes("<") ? 2 : 1);
      return all.slice(0, i + 1).reduce((sum, one) => sum + weight(one), 0) <= n && part !== "";
    })
    .join(" AND ");

/** Does what the advice says. */
function follow(searches: readonly Record<string, unknown>[], parameter: string, value: number) {
  if (parameter === "batch") return searches.slice(0, value);
  return searches.map((search) => {
    const given = search[parameter];
    if (given === undefined && parameter !== "k" && parameter !== "nprobe") return search;
    const lowered: Record<string, () => unknown> = {
      k: () => Math.min(value, (given as number) ?? 10),
      nprobe: () => Math.min(value, (given as number) ?? 3),
      diversity: () => value,
      history: () => (given as string[]).slice(-value),
      exclude: () => (given as string[]).slice(0, value),
      q: () => (given as string).split(/\s+/).slice(0, value).join(" "),
      filter: () => firstComparisons(given as string, value) || undefined,
    };
    return { ...search, [parameter]: lowered[parameter]!() };
  });
}

describe("a budget", () => {
  it("refuses what is above it, and what is said to lower makes it pass", async () => {
    const isolates = ["work=700000", "work=250000", "bytes=12000", "work=120000,bytes=4000", "work=100000"].map(
      (LIMITS) => makeIsolate({ LIMITS }),
    );
    const seen = new Map<string, number>();
    for (let i = 0; i < 250; i++) {
      const { post } = pick(isolates);
      let searches = Array.from({ length: random() > 0 ? 1 : 1 + below(12) }, anySearch);
      const { status, body } = await post(searches);
      expect([200, 400], JSON.stringify(body).slice(0, 500)).toContain(status);
      if (status === 200) continue;
      expect(body.type, body.detail).toBe(TOO_EXPENSIVE);
      const before = searches;
      for (const { parameter, detail } of body.errors as { parameter: string; detail: string }[]) {
        const value = Number(/^expected at most (\d+)/.exec(detail)![1]);
        searches = follow(searches, parameter, value) as typeof searches;
        seen.set(parameter, (seen.get(parameter) ?? 0) + 1);
      }
      if (body.errors.length === 0) expect(body.detail).toMatch(/no single parameter/);
      else {
        const after = await post(searches);
        expect(after.status, `${body.detail}\n${JSON.stringify(before)}\n${JSON.stringify(after.body.detail)}`).toBe(
          200,
        );
      }
    }
    for (const parameter of ["batch", "k", "exclude", "filter"]) expect([...seen.keys()]).toContain(parameter);
  });

  it("counts the words of a text, and suggestions by them", async () => {
    const { get } = makeIsolate({ LIMITS: "work=700000" });
    const text = (n: number) =>
      Array.from({ length: n }, (_, i) => `shoe${"abcdefghij"[i % 10]}${"klmno"[i % 5]}${i % 3}`);
    for (const path of ["/search?index=shop&mode=words&k=1&q=", "/suggest?index=shop&k=1&q="]) {
      const ask = (n: number) => get(`${path}${encodeURIComponent(text(n).join(" "))}`);
      expect((await ask(3)).status, path).toBe(200);
      const { status, body } = await ask(60);
      expect([status, body.errors[0].parameter], path).toEqual([400, "q"]);
      const fits = Number(/at most (\d+) words/.exec(body.errors[0].detail)![1]);
      expect((await ask(fits)).status, path).toBe(200);
    }
  });

  it("counts suggestions no shorter than they may be", async () => {
    const q = `${"-x ".repeat(165)}re`;
    const path = `/suggest?index=shop&k=50&q=${encodeURIComponent(q)}`;
    expect((await makeIsolate().get(path)).status).toBe(200);
    const { status, body } = await makeIsolate({ LIMITS: "bytes=25000" }).get(path);
    expect([status, body.errors?.[0].parameter]).toEqual([400, "k"]);
  });

  it("counts a batch as the sum of its searches", async () => {
    const one: Price = { work: 1, reads: 2, readBytes: 3, bytes: 4 };
    expect(sumOf([one, one, one])).toEqual({ work: 3, reads: 6, readBytes: 9, bytes: 12 });
    const { post } = makeIsolate({ LIMITS: "work=700000" });
    expect((await post([{ like: "item:1" }])).status).toBe(200);
    const { status, body } = await post(Array.from({ length: 32 }, () => ({ like: "item:1" })));
    expect([status, body.errors[0].parameter]).toEqual([400, "batch"]);
    const fits = Number(/at most (\d+) searches/.exec(body.errors[0].detail)![1]);
    expect((await post(Array.from({ length: fits }, () => ({ like: "item:1" })))).status).toBe(200);
    expect((await post(Array.from({ length: fits + 1 }, () => ({ like: "item:1" })))).status).toBe(400);
  });

  it("asks the limiter of rates for what a refusal took", async () => {
    let asked = 0;
    const mayProceed = async () => ++asked > 0;
    const { post } = makeIsolate({ LIMITS: "work=2500000" }, { mayProceed });
    await post({ q: "red", index: "shop" });
    asked = 0;
    const q = Array.from({ length: 100 }, (_, i) => `jackt${"abcdefghij"[i % 10]}${"klmnopqrst"[Math.floor(i / 10)]}`);
    expect((await post({ q: q.join(" ").slice(0, 510), mode: "words", index: "shop", k: 1000 })).status).toBe(400);
    expect(asked).toBeGreaterThan(1);
  });

  it("is asked of the limiter of rates by tenths", async () => {
    const asked: string[] = [];
    const mayProceed = async (client: string) => asked.push(client) > 0;
    const { get } = makeIsolate({ LIMITS: "work=4000000" }, { mayProceed });
    await get("/search?like=item:1");
    const light = asked.length;
    await get("/search?like=item:1&k=300&diversity=0.5");
    expect(light).toBe(1);
    expect(asked.length - light).toBeGreaterThanOrEqual(5);
    expect(chargesOf({ work: 1 }, DEFAULT_LIMITS)).toBe(1);
    expect(chargesOf({ work: DEFAULT_LIMITS.work }, DEFAULT_LIMITS)).toBe(10);
  });
});

describe("an index of any size", () => {
  const request: ResolvedSearch = {
    ...{ index: "current", k: 10, nprobe: 8, mode: "dense", exclude: [], diversity: 0 },
  };
  const vector = new Float32Array(64);
  const history = Array.from({ length: 20 }, (_, i) => i);

  for (const [numItems, nlist, isPaged] of [
    [100_000, 1024, false],
    [1_000_000, 1024, false],
    [1_000_000, 1024, true],
    [10_000_000, 4096, true],
  ] as const) {
    const served = sized(numItems, nlist, isPaged);
    const price = (more: object) => priceOf(served, { ...request, ...more });
    const isWithin = ({ work, reads, bytes }: Price) =>
      work <= DEFAULT_LIMITS.work && reads <= DEFAULT_LIMITS.reads && bytes <= DEFAULT_LIMITS.bytes;
    it(`of ${numItems} items${isPaged ? ", paged," : ""} answers what people ask, and not everything`, () => {
      expect(isWithin(price({ vector }))).toBe(true);
      expect(isWithin(price({ history }))).toBe(true);
      expect(isWithin(price({ vector, nprobe: 32 }))).toBe(true);
      expect(isWithin(price({ vector, k: 100, diversity: 0.5 }))).toBe(true);
      expect(isWithin(price({ like: 1, exclude: history, filter: { facet: "set", in: ["a"] } }))).toBe(true);
      expect(isWithin(sumOf(Array.from({ length: 32 }, () => price({ vector }))))).toBe(true);
      const worst = { history: Array.from({ length: 50 }, (_, i) => i), nprobe: nlist, k: 1000 };
      expect(isWithin(sumOf(Array.from({ length: 32 }, () => price(worst))))).toBe(false);
      const year = { number: "year", max: 1 };
      const leaves = { and: Array.from({ length: 64 }, () => year) };
      if (numItems > 100_000) expect(isWithin(price({ vector, nprobe: nlist, filter: leaves }))).toBe(false);
    });
  }

  it("prices facets by what of them is still to be read", () => {
    const filters = { kind: "filters", key: "filters-0000", size: 30_000_000 };
    const kept = new Set<string>();
    const served = (keepsFilters: boolean) =>
      ({ index: { manifest: { chunks: [filters] } }, memory: { keepsFilters }, kept }) as unknown as ServedIndex;
    expect(priceOfFacets(served(true))).toMatchObject({ reads: 1, readBytes: 30_000_000 });
    expect(priceOfFacets(served(false))).toMatchObject({ reads: 0, readBytes: 0 });
    kept.add(filters.key);
    expect(priceOfFacets(served(true))).toMatchObject({ reads: 0, readBytes: 0 });
  });

  describe("with words", () => {
    const letter = () => String.fromCharCode(97 + below(26));
    const text = () => Array.from({ length: 127 }, () => letter() + letter() + letter()).join(" ");
    /** Texts of an index, whose looks for words are counted. */
    function texts(n: number, count: number, limits: Partial<typeof DEFAULT_LIMITS>) {
      let looks = 0;
      const near = () => {
        looks++;
        return [];
      };
      const words = { numTerms: 20_000, numItems: 100_000, count: () => count, near };
      const served = { ...sized(100_000, 1024, false), words } as unknown as ServedIndex;
      const all = Array.from({ length: n }, () => ({
        served,
        request: { ...request, mode: "words" as const, q: text() },
      }));
      const meter = new Meter({ ...DEFAULT_LIMITS, ...limits });
      return { all, meter, looks: () => looks };
    }

    it("looks up few words of what is refused before it is looked up, also for the sake of advice", () => {
      for (const limits of [{}, { work: 5_000_000, k: 60, nprobe: 32 }, { work: 500_000 }]) {
        const { all, meter, looks } = texts(32, 1, limits);
        expect(() => priceWithin(all, meter)).toThrow(/at least .* times the work/);
        expect(looks()).toBeLessThan(200);
        expect(meter.work).toBeGreaterThanOrEqual(looks() * 15_000);
      }
    });

    it("stops where it is too much, and counts what it has looked up", () => {
      const { all, meter, looks } = texts(20, 100_000, {});
      expect(() => priceWithin(all, meter)).toThrow(/at least/);
      expect(looks()).toBeGreaterThan(100);
      expect(looks()).toBeLessThan(400);
      expect(meter.work).toBeGreaterThanOrEqual(127 * 15_000);
    });

    it("prices what passes as it always did", () => {
      const { all, meter } = texts(3, 1, {});
      expect(priceWithin(all, meter)).toEqual(sumOf(all.map(({ served, request }) => priceOf(served, request))));
    });
  });

  it("of the vectors of large models answers a hundred results that differ, and 80 words with a million items", () => {
    const served = sized(1_000_000, 1024, false, 1536);
    expect(priceOf(served, { ...request, vector: new Float32Array(1536), k: 100, diversity: 0.5 }).work).toBeLessThan(
      DEFAULT_LIMITS.work,
    );
    const numItems = 1_000_000;
    // A text as people paste them: each of 60 words has some others beside it, and some of them are frequent.
    const near = (term: string) => Array.from({ length: 5 }, (_, i) => ({ term: `${term}${i}`, likeness: 0.5 }));
    const count = (term: string) => (term.endsWith("0") ? 20_000 : 4_000);
    const words = { numItems, numTerms: 150_000, count, near, completions: () => [] };
    const q = Array.from({ length: 80 }, (_, i) => `w${"abcdefghij"[i % 10]}${"klmnopqr"[Math.floor(i / 10)]}`).join(
      " ",
    );
    const withWords = { ...served, words } as unknown as ServedIndex;
    expect(priceOf(withWords, { ...request, q, mode: "hybrid" }).work).toBeLessThan(DEFAULT_LIMITS.work);
  });

  it("costs no less with more of anything", () => {
    const served = sized(1_000_000, 1024, true);
    const base = { ...request, history, filter: { number: "year", max: 1 } } as ResolvedSearch;
    const more: Partial<ResolvedSearch>[] = [
      { k: 11 },
      { nprobe: 9 },
      { diversity: 0.5 },
      { history: [...history, 21] },
      { exclude: [1] },
      {
        filter: {
          and: [
            { number: "year", max: 1 },
            { facet: "set", in: ["a"] },
          ],
        },
      },
    ];
    for (const one of more)
      expect(priceOf(served, { ...base, ...one }).work).toBeGreaterThan(priceOf(served, base).work);
  });

  /** An index of which nothing but its price is asked. */
  function sized(numItems: number, nlist: number, isPaged: boolean, dim = 64): ServedIndex {
    const chunks = (kind: string, count: number, size: number) => Array.from({ length: count }, () => ({ kind, size }));
    const manifest = {
      ...{ dim, nlist, nbits: 4, numSubQuantizers: dim / 2, numItems, byResidual: true, hasRotation: false },
      chunks: [
        ...chunks("lists", Math.ceil(numItems / 4096), 4096 * 16),
        ...chunks("items", Math.ceil(numItems / 1600), 1600 * 160),
        ...chunks("lookup", Math.ceil(numItems / 30_000), 30_000 * 8),
      ],
    } as unknown as Manifest;
    const mostCodes = (nprobe: number) => Math.min(numItems, Math.ceil((nprobe * numItems) / nlist));
    const index = { manifest, mostCodes } as unknown as ServedIndex["index"];
    const memory = { residentBytes: isPaged ? 0 : 1, keepsPages: !isPaged, keepsFilters: true };
    return { index, tower: undefined, words: undefined, memory } as unknown as ServedIndex;
  }
});

describe("a meter", () => {
  /** An isolate whose store counts, over an index that reads a page for nearly every item. */
  async function counting(reads: number) {
    // Fewer than a setting may say.
    const config = { ...readConfig({}), limits: { ...DEFAULT_LIMITS, reads } };
    let gets = 0;
    const get = (key: string, options: never) => {
      gets++;
      return env.INDEX.get(key, options);
    };
    const { least } = memoryDemand(await openManifest(paged.artifact.manifestBytes));
    const isolate = makeIsolate({}, { config }, least, { kv: { get } as KvReader });
    await isolate.get("/readyz");
    return { ...isolate, reads: () => gets };
  }

  it("ends a request that reads more than one may, at once and with a 400", async () => {
    const { get, reads } = await counting(4);
    const before = reads();
    const { status, body, headers } = await get("/search?like=item:1&k=100&nprobe=6");
    expect([status, body.type, headers.get("retry-after")]).toEqual([400, TOO_EXPENSIVE, null]);
    expect(reads() - before).toBeLessThanOrEqual(4);
    expect(body.detail).toMatch(/reads of the index/);
  });

  it("counts a cold start before the search, which is never refused for it, but told to come again", () => {
    const limits = { ...DEFAULT_LIMITS, reads: 800 };
    const spend = (meter: Meter, times: number) => {
      for (let i = 0; i < times; i++) meter.spend();
    };
    const [roomy, tight] = [new Meter(limits), new Meter(limits)];
    const price = { work: 1, reads: 800, readBytes: 0, bytes: 0 };
    roomy.loaded(60, 1000);
    tight.loaded(200, 1000);
    for (const meter of [roomy, tight]) meter.begin(price, (limit) => new Problem("too-expensive", limit));
    spend(roomy, 800);
    expect(roomy).toMatchObject({ reads: 860, bytes: 1000, work: 1 });
    expect(roomy.takeReads()).toEqual({ reads: 860, bytes: 1000 });
    expect(() => roomy.spend()).toThrow(Problem);
    // All of one invocation, of which the platform has 1,000.
    spend(tight, 750);
    expect(() => tight.spend()).toThrow(OverloadedError);
    const own = new Meter({ ...limits, reads: 5000 });
    own.loaded(2000, 1000);
    own.begin(price, (limit) => new Problem("too-expensive", limit));
    expect(() => spend(own, 5000)).not.toThrow();
  });

  it("lets pass what reads no more", async () => {
    const { get } = await counting(400);
    expect((await get("/search?like=item:1&k=100&nprobe=6")).status).toBe(200);
  });
});

describe("codes that are gone through once more", () => {
  it("are counted in a turn and without one, and end what takes more than one may", async () => {
    const meter = new Meter({ ...DEFAULT_LIMITS, work: 1000 });
    meter.begin({ ...NOTHING, work: 500 }, (limit) => new Problem("too-expensive", limit));
    const turns = new Turns({ total: 1, leaseMs: 1, waitMs: 1, now: () => 0, sleep: () => Promise.resolve() });
    await turns.run(async (inTurn) => inTurn.rescan?.(200), 1, meter);
    expect(meter.work).toBe(1000);
    meter.rescan(200);
    expect(() => meter.rescan(1)).toThrow(/^work$/);
  });
});

describe("a wait for a turn", () => {
  it("is counted by the meter of the request that waits", async () => {
    let now = 0;
    const sleep = async (ms: number) => {
      now += ms;
      await scheduler.wait(0);
    };
    const turns = new Turns({ total: 10, leaseMs: 1000, waitMs: 1000, now: () => now, sleep });
    const [first, second] = [new Meter(DEFAULT_LIMITS), new Meter(DEFAULT_LIMITS)];
    await Promise.all([turns.run(() => sleep(40), 10, first), turns.run(async () => undefined, 10, second)]);
    expect(first.waitedMs).toBe(0);
    expect(second.waitedMs).toBeGreaterThan(0);
  });
});

describe("the length of an answer", () => {
  it("is bounded while it is made, across a batch, and `k` is what to lower", async () => {
    const { get, post } = makeIsolate({ LIMITS: "bytes=9000" });
    const { status, body } = await get("/search?like=item:1&k=200&fields=set,glyph,seed");
    expect([status, body.type]).toEqual([400, TOO_EXPENSIVE]);
    const fits = Number(/at most (\d+)/.exec(body.errors[0].detail)![1]);
    expect((await get(`/search?like=item:1&k=${fits}&fields=set,glyph,seed`)).status).toBe(200);
    const many = Array.from({ length: 12 }, () => ({ like: "item:1", k: 10, fields: ["set", "glyph", "seed"] }));
    expect((await post(many)).body.type).toBe(TOO_EXPENSIVE);
    expect((await post(many.slice(0, 3))).status).toBe(200);
  });

  it("is estimated no shorter than the JSON, but for escapes", () => {
    for (const value of [
      { a: "text", b: [1, 2.5, null, true], ключ: "значение" },
      [],
      "",
      { x: { y: ["é"] } },
      12345678,
    ]) {
      const bytes = new TextEncoder().encode(JSON.stringify(value)).length;
      expect(jsonSize(value)).toBeGreaterThanOrEqual(bytes - 8);
    }
  });
});

describe("LIMITS", () => {
  it("sets the largest values of parameters", async () => {
    const { get, post } = makeIsolate({ LIMITS: "nprobe=2, k=20, batch=2" });
    for (const [path, parameter] of [
      ["/search?like=item:1&k=21", "k"],
      ["/search?like=item:1&nprobe=3", "nprobe"],
    ] as const) {
      const { status, body } = await get(path);
      expect([status, body.type, body.errors[0].parameter]).toEqual([400, TOO_EXPENSIVE, parameter]);
    }
    expect((await post([{ like: 1 }, { like: 1 }, { like: 1 }])).body.errors[0].parameter).toBe("batch");
    // The index's own default is 3.
    expect((await get("/search?like=item:1")).body).toMatchObject({ k: 10, nprobe: 2 });
  });

  it("sheds a share of the searches", async () => {
    const { get } = makeIsolate({ LIMITS: "shed=0.6" });
    const { status, body, headers } = await get("/search?like=item:1");
    expect([status, body.type]).toEqual([503, "urn:poeem-edge:problem:overloaded"]);
    expect(headers.get("retry-after")).not.toBeNull();
    expect((await get("/items/item:1")).status).toBe(200);
    expect((await makeIsolate({ LIMITS: "shed=0.5" }).get("/search?like=item:1")).status).toBe(200);
  });

  it("adds to what a Worker of one's own sets, so that load can be shed without a build", async () => {
    const worker = createWorker({ store: () => kvStore(env.INDEX), config: { limits: { k: 20 } } });
    const ask = async (LIMITS: string) => {
      const answer = await worker.fetch(
        new Request("https://own.test/search?like=item:1&k=21"),
        { LIMITS } as never,
        createExecutionContext() as never,
      );
      return ((await answer.json()) as { type: string }).type;
    };
    expect(await ask("k=30,work=1e6")).toBe(TOO_EXPENSIVE);
    const shedding = createWorker({ store: () => kvStore(env.INDEX), config: { limits: { k: 20 } } });
    const { status } = await shedding.fetch(
      new Request("https://own.test/search?like=item:1"),
      { LIMITS: "shed=1" } as never,
      createExecutionContext() as never,
    );
    expect(status).toBe(503);
    for (const limits of [{ k: 0 }, { cells: 1 }, 7, null, { k: "20" }])
      expect(() => createWorker({ config: { limits } as never })).toThrow(SettingError);
  });

  it("is read with care", () => {
    expect(readConfig({ LIMITS: " k = 20 ,work=1e6" }).limits).toEqual({ ...DEFAULT_LIMITS, k: 20, work: 1e6 });
    for (const LIMITS of [
      "",
      "k",
      "k=",
      "k=0",
      "k=1001",
      "k=2.5",
      "k=-1",
      "cells=1",
      "k=20,k=30",
      "shed=1.1",
      "k=20;",
      "work=1",
      "reads=1",
      "bytes=1",
    ])
      expect(() => readConfig({ LIMITS }), LIMITS).toThrow(/LIMITS/);
  });
});

describe("a body", () => {
  const many = (n: number, one: string) => `[${`${one},`.repeat(n - 1)}${one}]`;

  it("with lists that are too long is refused before anything in it is parsed", async () => {
    const { post } = makeIsolate();
    const parse = vi.spyOn(JSON, "parse");
    const nested = "expected at most 512 lists and objects, got more";
    for (const [body, parameter, detail] of [
      [many(100_000, "1"), "", "expected at most 32 searches, got 100000"],
      [many(100_000, "{}"), "", nested],
      ["[".repeat(1_000_000), "", nested],
      ['{"a":'.repeat(100_000), "", nested],
      [`{"like":1,"exclude":${many(100_000, "[]")}}`, "", nested],
      [`{"like":1,"exclude":${many(100_000, '"]"')}}`, "exclude", "expected at most 1000 values, got 100000"],
      [`[{"history":${many(100_000, "1")}}]`, "0.history", "expected at most 1000 values, got 100000"],
      [`[{"q":"a"}, {"hi\\u0073tory":${many(100_000, "1")}}]`, "1.history", "expected at most 1000 values, got 100000"],
      [`{"like":1,"fields":${many(100_000, "1")}}`, "fields", "expected at most 64 values, got 100000"],
      [`{"q":"a",${many(9000, '"b":1').slice(1, -1)}}`, "", "expected a search of at most 40 members, got 9001"],
    ] as const) {
      expect((await post(body)).body.errors, body.slice(0, 40)).toEqual([{ parameter, detail }]);
      // Names alone, and the answer by this test.
      for (const [text] of parse.mock.calls) expect(text.length).toBeLessThan(1000);
    }
    parse.mockRestore();
  });

  it("is not refused for what stands in a text", async () => {
    const { post } = makeIsolate();
    const vector = `[${Array.from({ length: dim }, (_, d) => `${d}.5`).join(`,${" ".repeat(900)}`)}]`;
    expect((await post(`{"vector":${vector},"filter":"set:\\"${"[".repeat(1000)}\\""}`)).status).toBe(200);
    // A list of lists as the text of a vector is no list of numbers, and nobody parses it.
    const { body } = await post(JSON.stringify({ vector: "[".repeat(500_000) }));
    expect(body.errors).toEqual([{ parameter: "vector", detail: expect.stringMatching(/^expected float32/) }]);
  });
});
