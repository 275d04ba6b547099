import { env } from "cloudflare:workers";
import { openManifest } from "@poeem/pq-core";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeVector } from "../src/client.ts";
import { readConfig } from "../src/config.ts";
import { chargesOf } from "../src/http/budget.ts";
import { jsonSize } from "../src/http/json-size.ts";
import { Meter } from "../src/http/meter.ts";
import { NOTHING, type Price, sumOf } from "../src/http/price.ts";
import { Problem } from "../src/http/problem.ts";
import { OverloadedError } from "../src/index/errors.ts";
import type { KvReader } from "../src/index/kv-store.ts";
import { memoryDemand } from "../src/index/memory-plan.ts";
import { Turns } from "../src/index/turns.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
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
    expect(roomy.takeReads()).toEqual({ reads: 860, bytes: 1000, cached: 0 });
    expect(() => roomy.spend()).toThrow(Problem);
    // All of one invocation, of which the platform has 1,000.
    spend(tight, 750);
    expect(() => tight.spend()).toThrow(OverloadedError);
    const own = new Meter({ ...limits, reads: 5000 });
    own.loaded(2000, 1000);
    own.begin(price, (limit) => new Problem("too-expensive", limit));
    expect(() => spend(own, 5000)).not.toThrow();
  });

  it("lets a request have as many values from a cache as from the store, and counts them apart", () => {
    const meter = new Meter({ ...DEFAULT_LIMITS, reads: 10 });
    meter.loaded(2, 100, 3);
    meter.begin({ work: 1, reads: 10, readBytes: 0, bytes: 0 }, (limit) => new Problem("too-expensive", limit));
    for (let i = 0; i < 10; i++) {
      meter.spend();
      if (i % 2 === 0) meter.hit();
    }
    expect(meter.takeReads()).toEqual({ reads: 7, bytes: 100, cached: 8 });
    expect(() => meter.spend()).toThrow(Problem);
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
