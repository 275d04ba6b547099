/** How often a client may ask: by address before any token is looked at, then by token. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { clientAddress, networkOf } from "../src/http/client-address.ts";
import { kvStore } from "../src/index/kv-store.ts";
import { createWorker } from "../src/index.ts";
import { makeFixture, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";
import { ask } from "./own-worker.ts";

beforeAll(async () => {
  const fixture = await makeFixture(31);
  for (const name of ["current", "books"]) await publish(env.INDEX, fixture, undefined, name);
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A Worker over KV with variables and bindings. */
function workerWith(variables: object) {
  const worker = createWorker<object>({ store: () => kvStore(env.INDEX), log: () => undefined });
  return { get: (path: string, init?: RequestInit) => ask(worker, path, init, variables) };
}

/** A budget of so many units for each client, and what each has taken. */
function budget(units: number) {
  const taken = new Map<string, number>();
  const mayProceed = async (client: string) => {
    taken.set(client, (taken.get(client) ?? 0) + 1);
    return taken.get(client)! <= units;
  };
  return { taken, mayProceed };
}

describe("a rate limit", () => {
  const from = (ip: string, headers = {}) => ({ headers: { "cf-connecting-ip": ip, ...headers } });
  const everyPath = [
    "/search?q=cake",
    "/search?nope=1",
    "/suggest?q=a",
    "/items/item:1",
    "/facets",
    "/readyz",
    "/version",
    "/openapi.json",
    "/nowhere",
    `/search?q=${"a".repeat(17_000)}`,
  ];

  it("turns clients away one by one, by their address", async () => {
    const { get } = makeIsolate({}, budget(2));
    const statusFrom = async (ip: string) => (await get("/search?q=cake", from(ip))).status;
    expect([await statusFrom("a"), await statusFrom("a"), await statusFrom("b")]).toEqual([200, 200, 200]);
    const { status, headers, body } = await get("/search?q=cake", from("a"));
    expect({ status, retryAfter: headers.get("retry-after"), type: body.type }).toEqual({
      status: 429,
      retryAfter: "60",
      type: "urn:poeem-edge:problem:rate-limited",
    });
    expect(await statusFrom("b")).toBe(200);
  });

  it.each(everyPath)("counts %s, whatever becomes of it", async (path) => {
    const { taken, mayProceed } = budget(1);
    const { get } = makeIsolate({}, { mayProceed });
    await get(path, from("192.0.2.1"));
    expect([...taken]).toEqual([["address:192.0.2.1", 1]]);
    expect((await get(path, from("192.0.2.1"))).status).toBe(429);
  });

  it("counts no /healthz, which does nothing, and neither turns it away", async () => {
    const { taken, mayProceed } = budget(0);
    const { get } = makeIsolate({}, { mayProceed });
    expect((await get("/healthz", from("a"))).status).toBe(200);
    expect([...taken]).toEqual([]);
    expect((await get("/items/healthz", from("a"))).status).toBe(429);
  });

  it("says how long, and that a search can never pass, where the limiter knows", async () => {
    let left = 1;
    const mayProceed = async () => left-- > 0 || { retryAfter: 17, most: 3 };
    const { get } = makeIsolate({ LIMITS: "work=4000000" }, { mayProceed });
    const dear = await get("/search?like=item:1&k=300&diversity=0.5", from("a"));
    expect(dear.headers.get("retry-after")).toBe("17");
    expect(dear.body.detail).toMatch(/^This request counts for \d+ of the 3 that a client has: it can never pass$/);
    expect((await get("/search?q=cake", from("a"))).body.detail).toContain("more requests than");
  });

  it("counts a 304, a POST, a wrong method and HEAD", async () => {
    const { taken, mayProceed } = budget(100);
    const { get, post } = makeIsolate({}, { mayProceed });
    await get("/search?q=cake", from("a", { "if-none-match": "*" }));
    await post({ q: "cake" }, { "cf-connecting-ip": "a" });
    await post("{", { "cf-connecting-ip": "a" });
    await get("/search", { method: "PUT", ...from("a") });
    await get("/search?q=cake", { method: "HEAD", ...from("a") });
    expect([...taken]).toEqual([["address:a", 5]]);
  });

  it("counts preflights, which are answered with 429 once it is used up", async () => {
    const { taken, mayProceed } = budget(2);
    const preflight = { origin: "https://a.example", "access-control-request-method": "POST" };
    for (const CORS_ORIGINS of ["*", "https://a.example", undefined]) {
      taken.clear();
      const { get } = makeIsolate({ ...(CORS_ORIGINS !== undefined && { CORS_ORIGINS }) }, { mayProceed });
      const ask = () => get("/search", { method: "OPTIONS", ...from("a", preflight) });
      expect([(await ask()).status, (await ask()).status]).toEqual([204, 204]);
      const { status, headers } = await ask();
      expect([status, headers.get("x-content-type-options")]).toEqual([429, "nosniff"]);
      expect([...taken]).toEqual([["address:a", 3]]);
    }
  });

  it("counts a long body by its length, whatever is wrong with it", async () => {
    const { taken, mayProceed } = budget(100);
    const { post } = makeIsolate({}, { mayProceed });
    const address = { "cf-connecting-ip": "a" };
    expect((await post(`{"q":"a","x":"${"y".repeat(1_000_000)}"}`, address)).status).toBe(400);
    const long = taken.get("address:a")!;
    expect(long).toBeGreaterThanOrEqual(3);
    expect((await post(`{"q":"a","x":1}`, address)).status).toBe(400);
    expect(taken.get("address:a")).toBe(long + 1);
  });

  it("is not multiplied by the header Authorization, where there are no tokens", async () => {
    const { get } = makeIsolate({}, budget(5));
    const statuses = [];
    for (let i = 0; i < 50; i++)
      statuses.push((await get("/search?q=cake", from("192.0.2.9", { authorization: `Bearer ${i}` }))).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
  });

  it("ends guesses of tokens", async () => {
    const { get } = makeIsolate({ SEARCH_TOKENS: "right" }, budget(5));
    const guess = async (token: string) => (await get("/search?q=cake", from("192.0.2.9", bearer(token)))).status;
    for (let i = 0; i < 5; i++) expect(await guess(`wrong-${i}`)).toBe(401);
    expect(await guess("wrong")).toBe(429);
    expect(await guess("right")).toBe(429);
  });

  it("is one for a token, from whatever address and however its header is written", async () => {
    const { taken, mayProceed } = budget(4);
    const { get } = makeIsolate({ SEARCH_TOKENS: "books=one,one-too,films=one" }, { mayProceed });
    const status = async (i: number, scheme: string) =>
      (await get("/search?q=cake&index=books", from(`192.0.2.${i}`, { authorization: `${scheme} one` }))).status;
    const schemes = ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer"];
    expect(await Promise.all(schemes.map((scheme, i) => status(i, scheme)))).toEqual([200, 200, 200, 200, 429]);
    expect(taken.get("token:0")).toBe(5);
    expect((await get("/search?q=cake", from("192.0.2.1", bearer("one-too")))).status).toBe(200);
    expect([...taken.keys()].filter((key) => key.includes("one"))).toEqual([]);
  });

  it("has a limiter of its own for tokens when one is bound", async () => {
    const limiter = (limit: number) => {
      const { mayProceed } = budget(limit);
      return { limit: async ({ key }: { key: string }) => ({ success: await mayProceed(key) }) };
    };
    const { get } = workerWith({ SEARCH_TOKENS: "t", RATE_LIMIT: limiter(100), TOKEN_RATE_LIMIT: limiter(2) });
    const status = async () => (await get("/search?q=cake", from("192.0.2.1", bearer("t")))).status;
    expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
    const shared = workerWith({ SEARCH_TOKENS: "t", RATE_LIMIT: limiter(2) });
    expect((await shared.get("/search?q=cake", from("a", bearer("t")))).status).toBe(200);
    expect((await shared.get("/search?q=cake", from("b", bearer("t")))).status).toBe(200);
    expect((await shared.get("/search?q=cake", from("c", bearer("t")))).status).toBe(429);
  });

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1:443", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:1:2::", "2001:db8:1:2"],
    ["2001:0db8:0001:0002:ffff::1", "2001:db8:1:2"],
    ["[2001:db8:1:2::9]:443", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0"],
    ["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"],
    ["::1::", "::1::"],
    ["x".repeat(100), "x".repeat(64)],
  ])("counts %s as %s", (address, expected) => {
    expect(networkOf(address)).toBe(expected);
  });

  it("goes by Cloudflare's word for an address, and by no other header; under Node by the socket's", () => {
    const headers = { "x-forwarded-for": "192.0.2.7", "x-real-ip": "192.0.2.8" };
    const request = (more = {}) => new Request("https://edge.test/", { headers: { ...headers, ...more } });
    expect(clientAddress(request(), {})).toBeUndefined();
    expect(clientAddress(request({ "cf-connecting-ip": "192.0.2.1" }), {})).toBe("192.0.2.1");
    const incoming = { socket: { remoteAddress: "192.0.2.2" } };
    expect(clientAddress(request({ "cf-connecting-ip": "192.0.2.1" }), { incoming })).toBe("192.0.2.2");
  });
});
