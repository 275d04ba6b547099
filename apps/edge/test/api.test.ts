/** What a caller, a proxy and an operator rely on beside the answers themselves. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeVector } from "../src/client.ts";
import { readConfig } from "../src/config.ts";
import { dim, type Fixture, makeFixture, nlist, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await makeFixture(31);
  await publish(env.INDEX, fixture);
});

describe("caching", () => {
  const { get } = makeIsolate();
  const etagOf = async (path: string) => (await get(path)).headers.get("etag");

  it("gives one ETag to one question however it is put, and another to any other", async () => {
    const etag = await etagOf("/search?q=cake");
    expect(etag).toMatch(/^"[0-9a-f]{16}"$/);
    for (const same of [
      "/search?k=10&q=cake",
      "/search?q=%20cake&nprobe=3",
      "/search?exclude=&q=cake",
      "/search?q=cake&index=current",
    ])
      expect(await etagOf(same)).toBe(etag);
    for (const other of [
      "/search?q=Cake",
      "/search?q=cake&k=11",
      "/search?q=cake&nprobe=2",
      "/search?q=cake&fields=set",
      "/search?q=cake&exclude=x",
      "/search?like=item:1",
    ]) {
      expect(await etagOf(other)).not.toBe(etag);
    }
  });

  it("answers 304 without a body to whoever has the answer, strong, weak or in a list", async () => {
    const etag = await etagOf("/search?q=cake");
    for (const header of [etag!, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const { status, headers, body } = await get("/search?q=cake", { headers: { "if-none-match": header } });
      expect({ status, body, etag: headers.get("etag") }).toEqual({ status: 304, body: null, etag });
    }
    expect((await get("/search?q=cake", { headers: { "if-none-match": '"x"' } })).status).toBe(200);
  });

  it("answers `*` with a 304 only where there is an answer", async () => {
    const any = { headers: { "if-none-match": "*" } };
    for (const path of ["/search?q=cake", "/facets", "/items/item:1"]) {
      const { status, headers, body } = await get(path, any);
      expect([status, body, headers.get("content-type")]).toEqual([304, null, null]);
      expect(headers.get("etag")).not.toBeNull();
    }
    const { get: limited } = makeIsolate({ LIMITS: "work=100000" });
    for (const [asked, path, expected] of [
      [get, "/search?q=cake&filter=nothing:here", 400],
      [get, "/search?like=nothing", 400],
      [get, "/items/nothing", 404],
      [limited, "/search?q=cake&k=1000", 400],
      [get, "/healthz", 200],
    ] as const)
      expect([path, (await asked(path, any)).status]).toEqual([path, expected]);
  });

  it("lets answers be kept for half a minute and purged by index version, but no error and no batch", async () => {
    const { headers } = await get("/search?q=cake");
    expect(headers.get("cache-control")).toBe("public, max-age=30, s-maxage=30");
    expect(headers.get("cache-tag")).toBe(`index-${fixture.artifact.version},index-name-current`);
    expect((await get("/search?q=")).headers.get("cache-control")).toBe("no-store");
    expect((await get("/search?q=cake&nprobe=99")).headers.get("cache-control")).toBe("no-store");
    expect((await get("/items/none")).headers.get("cache-control")).toBe("no-store");
    expect((await get("/version")).headers.get("cache-control")).toBe("no-store");
    expect((await makeIsolate().post({ q: "cake" })).headers.get("cache-control")).toBe("no-store");
  });

  it("lets no shared cache keep what one person asks", async () => {
    const isolate = makeIsolate();
    const vector = encodeVector(Float32Array.from({ length: dim }, (_, i) => i + 1));
    for (const path of ["/search?history=item:1,item:2", `/search?vector=${vector}`]) {
      const { status, headers } = await isolate.get(path);
      expect([status, headers.get("cache-control")]).toEqual([200, "private, max-age=30"]);
    }
    for (const name of ["authorization", "cookie"]) {
      const { headers } = await isolate.get("/search?q=cake", { headers: { [name]: "Basic x" } });
      expect(headers.get("cache-control")).toBe("private, max-age=30");
    }
  });

  it("leaves no cache to guess: whatever it is asked, it says who may keep the answer", async () => {
    const isolate = makeIsolate();
    const paths = ["/healthz", "/readyz", "/version", "/openapi.json", "/facets", "/nothing", "/search", "/items/none"];
    for (const method of ["GET", "HEAD", "PUT", "OPTIONS"])
      for (const path of paths) {
        const { headers } = await isolate.request(path, { method });
        expect(headers.get("cache-control"), `${method} ${path}`).not.toBeNull();
      }
    expect((await isolate.get("/healthz")).headers.get("cache-control")).toBe("no-store");
    const bad = await isolate.get(`/search?q=${"x".repeat(17_000)}`);
    expect([bad.status, bad.headers.get("cache-control")]).toEqual([414, "no-store"]);
  });

  it("gives no error the ETag or the tags of the answer that there was to be, so that none becomes a 304", async () => {
    const isolate = makeIsolate();
    const seen = { like: "/search?like=item:1", filter: "/search?q=cake", items: "/items/item:1" };
    for (const path of Object.values(seen)) expect((await isolate.get(path)).headers.get("etag")).not.toBeNull();
    // Each of these fails after its headers were set, or before.
    const failing = [
      "/search?like=none",
      "/search?q=cake&filter=none:x",
      "/search?q=cake&filter=year:1",
      "/items/none",
    ];
    for (const path of failing) {
      const first = await isolate.get(path);
      expect(first.status, path).toBeGreaterThanOrEqual(400);
      for (const name of ["etag", "cache-tag"]) expect(first.headers.get(name), path).toBeNull();
      expect(first.headers.get("cache-control")).toBe("no-store");
      const again = await isolate.get(path, { headers: { "if-none-match": first.headers.get("etag") ?? '"x"' } });
      expect(again.status, path).toBe(first.status);
    }
    expect((await isolate.request("/search?like=none", { method: "HEAD" })).headers.get("etag")).toBeNull();
  });

  it("makes new ETags with a new index", async () => {
    const isolate = makeIsolate();
    const before = (await isolate.get("/search?q=cake")).headers.get("etag")!;
    await publish(env.INDEX, await makeFixture(32));
    await isolate.refresh();
    const after = await isolate.get("/search?q=cake", { headers: { "if-none-match": before } });
    expect(after.status).toBe(200);
    await publish(env.INDEX, fixture);
  });
});

describe("methods", () => {
  const { request } = makeIsolate();

  it("HEAD has the headers of GET and no body", async () => {
    const [head, get] = [await request("/search?q=cake", { method: "HEAD" }), await request("/search?q=cake")];
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
    for (const name of ["etag", "content-type", "cache-control"])
      expect(head.headers.get(name)).toBe(get.headers.get(name));
  });

  it.each([
    ["/search", "GET, HEAD, POST, OPTIONS"],
    ["/items/x", "GET, HEAD, OPTIONS"],
    ["/version", "GET, HEAD, OPTIONS"],
  ])("OPTIONS %s lists %s", async (path, allow) => {
    const response = await request(path, { method: "OPTIONS" });
    expect(response.status).toBe(204);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await response.text()).toBe("");
  });
});

describe("other origins", () => {
  const preflight = {
    method: "OPTIONS",
    headers: { origin: "https://shop.test", "access-control-request-method": "POST" },
  };

  it("may not read answers unless they are configured", async () => {
    const { request } = makeIsolate();
    const { headers } = await request("/search?q=cake", { headers: { origin: "https://shop.test" } });
    expect(headers.has("access-control-allow-origin")).toBe(false);
    expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    expect((await request("/search", preflight)).headers.has("access-control-allow-origin")).toBe(false);
  });

  it("may when they are, each on its own, errors included", async () => {
    const { request } = makeIsolate({ CORS_ORIGINS: "https://shop.test, https://b.test" });
    for (const path of ["/search?q=cake", "/search?q="]) {
      const { headers } = await request(path, { headers: { origin: "https://shop.test" } });
      expect(headers.get("access-control-allow-origin")).toBe("https://shop.test");
      expect(headers.get("vary")).toContain("Origin");
      expect(headers.get("cross-origin-resource-policy")).toBe("cross-origin");
    }
    const other = await request("/search?q=cake", { headers: { origin: "https://evil.test" } });
    expect(other.headers.has("access-control-allow-origin")).toBe(false);
    expect(other.headers.get("vary")).toContain("Origin");
    const answer = await request("/search", preflight);
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-methods")).toContain("POST");
    expect(answer.headers.get("access-control-allow-headers")).toContain("Authorization");
  });
});

describe("what an operator sees", () => {
  it("is one line per request when asked for, without the text of the query", async () => {
    const { get, logged } = makeIsolate({ LOG: "all" });
    await get("/search?q=my%20illness", { headers: { "x-request-id": "abc-1" } });
    expect(logged).toEqual([
      {
        level: "info",
        event: "request",
        requestId: "abc-1",
        method: "GET",
        path: "/search",
        status: 200,
        index: "current",
        indexVersion: fixture.artifact.version,
        ioMs: expect.any(Number),
        ...{ reads: expect.any(Number), bytes: expect.any(Number), work: expect.any(Number), waitedMs: 0 },
      },
    ]);
    expect(JSON.stringify(logged)).not.toContain("illness");
  });

  it("is nothing of good requests by default, and the fault under the request id when there is one", async () => {
    const { get, logged } = makeIsolate(
      {},
      {
        record: () => {
          throw new Error("out of paper");
        },
      },
    );
    await get("/healthz");
    await get("/search?q=");
    expect(logged).toEqual([]);
    const { status, headers, body } = await get("/search?q=cake");
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("paper");
    expect(logged[0]).toMatchObject({
      level: "error",
      event: "fault",
      requestId: headers.get("x-request-id"),
      message: "Error: out of paper",
    });
  });

  it("has the figures of each search, and how long it waited for what", async () => {
    const { get, post, recorded } = makeIsolate();
    expect((await get("/search?q=cake")).headers.get("server-timing")).toMatch(
      /^index;dur=\d+, search;dur=\d+, kv;desc="\d+ reads, \d+ bytes"$/,
    );
    await post([{ like: "item:1", k: 2 }, { q: "a" }]);
    expect(recorded.map(({ kind, k, nprobe, results }) => [kind, k, nprobe, results])).toEqual([
      ["q", 10, 3, 10],
      ["like", 2, 3, 2],
      ["q", 10, 3, 10],
    ]);
  });

  it("has the overlap of sampled searches with exhaustive ones", async () => {
    const { get, logged, recorded } = makeIsolate({ CANARY_SHARE: "0.6" });
    await get(`/search?q=cake&nprobe=${nlist}`);
    await get("/search?q=cake&nprobe=1&k=50");
    const canaries = logged.filter((entry) => entry.event === "canary");
    expect(canaries[0]).toMatchObject({
      level: "info",
      k: 10,
      nprobe: nlist,
      overlapAtK: 1,
      indexVersion: fixture.artifact.version,
    });
    expect(canaries[1]?.overlapAtK).toBeGreaterThan(0);
    expect(canaries[1]?.overlapAtK).toBeLessThan(1);
    const config = readConfig({ CANARY_SHARE: "1" });
    const dear = makeIsolate({}, { config: { ...config, limits: { ...config.limits, work: recorded.at(-1)!.work } } });
    for (let i = 0; i < 5; i++) expect((await dear.get("/search?q=cake&nprobe=1&k=50")).status).toBe(200);
    dear.clock.now += 60_000;
    await dear.get("/healthz");
    // Without advice that nobody asked for, and not for each search.
    const message = "Error: A search over all cells takes more than one request may";
    const line = { level: "info", event: "canary", message: expect.stringContaining(message.slice(7)) };
    expect(dear.logged.filter(({ event }) => event === "canary")).toEqual([
      expect.objectContaining({ ...line, count: 1 }),
      expect.objectContaining({ ...line, count: 4 }),
    ]);
    const silent = makeIsolate({ CANARY_SHARE: "0.4" });
    await silent.get("/search?q=cake");
    expect(silent.logged).toEqual([]);
  });

  it.each([
    [{ LOG: "verbose" }, '[edge] variable LOG expected "all" or "errors", got "verbose"'],
    [{ CANARY_SHARE: "often" }, '[edge] variable CANARY_SHARE expected a number from 0 to 1, got "often"'],
    [
      { CORS_ORIGINS: "https://a.test/" },
      '[edge] variable CORS_ORIGINS expected origins such as https://example.com, got "https://a.test/"',
    ],
    [
      { CORS_ORIGINS: "a.test" },
      '[edge] variable CORS_ORIGINS expected origins such as https://example.com, got "a.test"',
    ],
  ])("is told of the setting %j", (variables, message) => {
    expect(() => readConfig(variables)).toThrow(message);
  });
});

describe("/openapi.json", () => {
  it("is OpenAPI 3.1 and has every path, parameter and status that the app answers with", async () => {
    const { body, headers, status } = await makeIsolate().get("/openapi.json");
    expect(status).toBe(200);
    expect(headers.get("cache-control")).toBe("public, max-age=300");
    expect(body.openapi).toBe("3.1.0");
    expect(Object.keys(body.paths).sort()).toEqual([
      "/facets",
      "/healthz",
      "/items/{id}",
      "/readyz",
      "/search",
      "/suggest",
      "/version",
    ]);
    const { get, post } = body.paths["/search"];
    expect(get.parameters.map(({ name }: { name: string }) => name)).toEqual([
      "q",
      "like",
      "history",
      "vector",
      "embedding",
      "mode",
      "k",
      "nprobe",
      "filter",
      "diversity",
      "exclude",
      "fields",
      "index",
    ]);
    expect(get.parameters[5]).toMatchObject({ name: "mode", schema: { enum: ["hybrid", "dense", "words"] } });
    expect(get.parameters[6]).toMatchObject({
      name: "k",
      in: "query",
      required: false,
      schema: { type: "integer", minimum: 1, maximum: 1000, default: 10 },
    });
    for (const { responses } of [get, post]) expect(responses["200"].headers).toHaveProperty("X-Poeem-Fallback");
    expect(Object.keys(get.responses)).toEqual(["200", "304", "400", "401", "404", "429", "503"]);
    expect(Object.keys(body.paths["/suggest"].get.responses)).toEqual(Object.keys(get.responses));
    expect(Object.keys(post.responses)).toEqual(["200", "400", "401", "404", "413", "415", "429", "503"]);
    expect(Object.keys(body.components.schemas).sort()).toEqual([
      "Facets",
      "Item",
      "Problem",
      "Ready",
      "SearchRequest",
      "SearchResponse",
      "SearchResult",
      "Status",
      "Suggestions",
      "Version",
    ]);
  });

  it("refers to nothing that it does not have", async () => {
    const { body } = await makeIsolate().get("/openapi.json");
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!);
    expect(references.length).toBeGreaterThan(5);
    for (const path of references)
      expect(
        path.split("/").reduce((node, name) => node?.[name], body),
        path,
      ).toBeDefined();
  });
});
