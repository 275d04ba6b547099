/** What an operator finds in the log of a request that got no answer. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { Problem } from "../src/http/problem.ts";
import { type KvReader, kvStore } from "../src/index/kv-store.ts";
import { createWorker } from "../src/index.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import type { ColdStart, LogEntry } from "../src/log.ts";
import { makeFixture, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";
import { ask } from "./own-worker.ts";

const SECRET = "my-secret-illness";

beforeAll(async () => publish(env.INDEX, await makeFixture(31)));

describe("a request that failed", () => {
  it("has one line with its id, the problem, what the client was told and all that caused it", async () => {
    const cause = new TypeError("connection reset", { cause: "a cable" });
    const { get, logged } = makeIsolate(
      {},
      {
        hooks: {
          beforeSearch: () => Promise.reject(new Problem("index-unavailable", "Not now", undefined, { cause })),
        },
      },
    );
    const { status, body } = await get(`/search?q=${SECRET}`, {
      headers: { "x-request-id": "abc-1", authorization: `Bearer ${SECRET}`, "cf-connecting-ip": "192.0.2.77" },
    });
    expect(status).toBe(503);
    expect(JSON.stringify(body)).not.toContain("cable");
    expect(logged).toEqual([
      {
        level: "warn",
        event: "request",
        requestId: "abc-1",
        method: "GET",
        path: "/search",
        status: 503,
        index: undefined,
        indexVersion: undefined,
        ioMs: 0,
        problem: "index-unavailable",
        detail: "Not now",
        causes: ["Problem: Not now", "TypeError: connection reset", "a cable"],
      },
    ]);
    for (const told of [SECRET, "192.0.2.77"]) expect(JSON.stringify(logged)).not.toContain(told);
  });

  it("names the key that is missing, which the client is not told of", async () => {
    const { get, logged } = makeIsolate();
    await env.INDEX.put("index/broken", '{"version":"0"}');
    const { status } = await get("/search?q=cake&index=broken");
    expect(status).toBe(503);
    expect(logged).toHaveLength(1);
    const [entry] = logged;
    expect(entry).toMatchObject({ event: "request", index: "broken", problem: "index-unavailable" });
    expect(entry?.event === "request" && entry.causes?.length).toBeGreaterThan(1);
    await env.INDEX.delete("index/broken");
  });
});

describe("what a search used", () => {
  it("is in its headers, its line and its point: reads of KV and their bytes, until all is in memory", async () => {
    const { get, logged, recorded, reported } = makeIsolate({ LOG: "all" });
    const first = await get("/search?q=cake");
    const [, reads, bytes] = /kv;desc="(\d+) reads, (\d+) bytes"/
      .exec(first.headers.get("server-timing")!)!
      .map(Number);
    expect(reads).toBeGreaterThan(0);
    expect(bytes).toBeGreaterThan(0);
    expect(logged.at(-1)).toMatchObject({ event: "request", reads, bytes, waitedMs: 0 });
    expect(recorded.at(-1)).toMatchObject({ outcome: "answered", status: 200, reads, bytes, waitedMs: 0 });
    expect(recorded.at(-1)!.work).toBeGreaterThan(0);
    // The load of the index is among what its request used: the pointer, the manifest and what that names.
    const [load] = reported.filter(({ event }) => event === "cold-start") as [ColdStart];
    expect(load.reads).toBeGreaterThan(2);
    expect(reads).toBeGreaterThanOrEqual(load.reads);
    expect(bytes).toBeGreaterThanOrEqual(load.bytes);
    const next = await get("/search?q=cake");
    expect(next.headers.get("server-timing")).not.toContain("kv");
    expect(logged.at(-1)).toMatchObject({ event: "request", reads: 0, bytes: 0 });
  });

  it("is a line of its own when it was more than half of what one may, then one a minute", async () => {
    const { get, logged, recorded, clock } = makeIsolate();
    await get("/search?q=cake");
    const { work } = recorded[0]!;
    const { get: limited, logged: lines, clock: later } = makeIsolate({ LIMITS: `work=${Math.ceil(1.9 * work)}` });
    for (let i = 0; i < 20; i++) await limited("/search?q=cake", { headers: { "x-request-id": `id-${i}` } });
    expect(lines).toEqual([
      expect.objectContaining({ event: "slow-search", requestId: "id-0", much: ["work"], count: 1, status: 200 }),
    ]);
    later.now += 60_000;
    await limited("/healthz");
    expect(lines[1]).toMatchObject({ event: "slow-search", requestId: "id-19", count: 19 });
    // of what takes little there is none
    clock.now += 60_000;
    expect(logged).toEqual([]);
  });

  it("is a line when it waited a second, whatever for", async () => {
    const { get, logged, clock } = makeIsolate(
      {},
      {
        hooks: {
          afterSearch: () => {
            clock.now += 1000;
          },
        },
      },
    );
    await get("/search?q=cake");
    expect(logged).toEqual([expect.objectContaining({ event: "slow-search", much: ["ioMs"], path: "/search" })]);
    expect(JSON.stringify(logged)).not.toContain("cake");
  });
});

describe("requests with a mistake", () => {
  it("name problem and parameters in the line of LOG=all, and none of what was sent", async () => {
    const { get, logged } = makeIsolate({ LOG: "all" });
    await get(`/search?q=${SECRET}&k=${SECRET}&filter=${SECRET}&context.${SECRET}=1`);
    await get(`/search?q=cake&${SECRET}=1`);
    await get(`/items/${SECRET.slice(0, 0)}none`);
    const invalid = { event: "request", level: "info", status: 400, problem: "invalid-request" };
    expect(logged).toEqual([
      expect.objectContaining({ ...invalid, parameters: ["k", "filter"] }),
      expect.objectContaining({ ...invalid, parameters: ["unknown"] }),
      expect.objectContaining({ event: "request", status: 404, problem: "not-found" }),
    ]);
    expect(JSON.stringify(logged)).not.toContain(SECRET);
  });
});

describe("requests that are refused", () => {
  it("for their price are counted with what to lower, and recorded", async () => {
    const { get, logged, recorded } = makeIsolate({ LIMITS: "work=100000" });
    const { status } = await get(`/search?q=${SECRET}&k=300`, { headers: { "x-request-id": "dear" } });
    expect(status).toBe(400);
    expect(logged).toEqual([
      expect.objectContaining({
        ...{ event: "refused", problem: "too-expensive", status: 400, requestId: "dear", count: 1 },
        ...{ index: "current", indexVersion: expect.any(String), parameters: ["k"] },
      }),
    ]);
    expect(JSON.stringify(logged)).not.toContain(SECRET);
    expect(recorded).toEqual([
      expect.objectContaining({ outcome: "too-expensive", status: 400, kind: "none", index: "current" }),
    ]);
  });

  it("to shed load are counted too, and leave no other line", async () => {
    const { get, logged, recorded } = makeIsolate({ LIMITS: "shed=0.6" });
    for (let i = 0; i < 5; i++) expect((await get("/search?q=cake")).status).toBe(503);
    expect(logged).toEqual([
      expect.objectContaining({ event: "refused", problem: "overloaded", status: 503, causes: expect.any(Array) }),
    ]);
    expect(recorded.map(({ outcome, status }) => [outcome, status])).toEqual(Array(5).fill(["overloaded", 503]));
  });

  it("are one line at once and then one a minute with how many there were, without token or address", async () => {
    const { get, logged, clock } = makeIsolate({ SEARCH_TOKENS: "right" });
    const guess = (i: number) =>
      get(`/search?q=${SECRET}`, { headers: { authorization: `Bearer ${SECRET}-${i}`, "x-request-id": `id-${i}` } });
    for (let i = 0; i < 100; i++) expect((await guess(i)).status).toBe(401);
    expect(logged).toEqual([
      expect.objectContaining({
        level: "warn",
        event: "refused",
        problem: "unauthorized",
        requestId: "id-0",
        count: 1,
      }),
    ]);
    clock.now += 60_000;
    await get("/healthz");
    expect(logged[1]).toMatchObject({ event: "refused", problem: "unauthorized", requestId: "id-99", count: 99 });
    expect(logged).toHaveLength(2);
    expect(JSON.stringify(logged)).not.toContain(SECRET);
  });

  it("are counted by what they were refused for", async () => {
    const { get, logged } = makeIsolate({}, { mayProceed: async (client) => client !== "address:192.0.2.77" });
    const from = (ip: string) => get("/search?q=cake", { headers: { "cf-connecting-ip": ip } });
    expect((await from("192.0.2.77")).status).toBe(429);
    expect((await from("192.0.2.78")).status).toBe(200);
    expect((await from("192.0.2.77")).status).toBe(429);
    expect(logged).toEqual([
      expect.objectContaining({ event: "refused", problem: "rate-limited", status: 429, count: 1 }),
    ]);
    expect(JSON.stringify(logged)).not.toContain("192.0.2");
  });
});

describe("/version", () => {
  it("tells how old the pointer is, what is kept, since when looks fail and what limits are in force", async () => {
    const { get, clock } = makeIsolate({ LIMITS: "nprobe=4, shed=0.25" });
    expect((await get("/version")).body).toMatchObject({ index: null, pointerAgeMs: null, refreshFailure: null });
    await get("/readyz");
    clock.now += 12_345;
    const { body } = await get("/version");
    expect(body.pointerAgeMs).toBeGreaterThanOrEqual(12_345);
    expect(body.pointerAgeMs).toBeLessThan(13_000);
    expect(body.limits).toEqual({ ...DEFAULT_LIMITS, nprobe: 4, shed: 0.25 });
    expect(body.index.memory).toEqual({ lists: "kept", pages: "kept", filters: true, words: true });

    const pointer = await env.INDEX.get("index/current");
    await env.INDEX.put("index/current", "{");
    clock.now += 30_000;
    await get("/readyz");
    const failing = await get("/version");
    await env.INDEX.put("index/current", pointer!);
    expect(failing.body.refreshFailure).toMatch(/^damaged since 1970-01-01T00:00:/);
    expect(JSON.stringify(failing.body)).not.toContain("index/current");
    expect((await get("/readyz")).headers.get("index-refresh-failure")).toBe(failing.body.refreshFailure);
  });
});

it("a store that fails and a limiter that fails are each one line, and searches go on", async () => {
  const logged: LogEntry[] = [];
  const failed = new Set<string>();
  // Each read is answered at the second try.
  const failing = {
    async get(key: string, options: { type: "arrayBuffer" }) {
      if (!failed.has(key)) {
        failed.add(key);
        throw new Error("reset");
      }
      return env.INDEX.get(key, options);
    },
  } as KvReader;
  const worker = createWorker<object>({ store: () => kvStore(failing), log: (entry) => logged.push(entry) });
  const limiter = { limit: () => Promise.reject(new Error("no answer")) };
  for (let i = 0; i < 5; i++)
    expect((await ask(worker, "/search?q=cake", {}, { RATE_LIMIT: limiter })).status).toBe(200);
  expect(failed.size).toBeGreaterThan(4);
  expect(logged.map(({ event }) => event)).toEqual(["limiter-failed", "read-failed", "cold-start"]);
  expect(logged[0]).toMatchObject({ level: "error", causes: ["Error: no answer"], count: 1 });
  expect(logged[1]).toMatchObject({
    level: "warn",
    kind: "unreadable",
    key: "index/current",
    index: "current",
    count: 1,
  });
});
