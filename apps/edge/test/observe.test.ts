/** What an operator finds in the log of a request that got no answer. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { Problem } from "../src/http/problem.ts";
import { makeFixture, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

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
        index: "current",
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

describe("requests that are refused", () => {
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
