/** Sentences of README.md that no other test holds to. */
import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { makeFixture, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const fixture = await makeFixture(41);
beforeAll(() => publish(env.INDEX, fixture));

const PATHS = [
  "/search?q=cake",
  "/suggest?q=",
  "/items/item:1",
  "/facets",
  "/version",
  "/readyz",
  "/healthz",
  "/openapi.json",
];

it("HEAD works wherever GET does, and OPTIONS on every path", async () => {
  const { get, request } = makeIsolate();
  for (const path of PATHS) {
    const [whole, head] = [await get(path), await request(path, { method: "HEAD" })];
    expect([whole.status, head.status], path).toEqual([200, 200]);
    expect(await head.text()).toBe("");
    expect(head.headers.get("etag")).toBe(whole.headers.get("etag"));
    const options = await request(path, { method: "OPTIONS" });
    expect(options.status).toBe(204);
    expect(options.headers.get("allow")).toMatch(/GET.*OPTIONS/);
  }
});

it("a caller's own request id is kept if it has at most 255 letters, digits, - and _ and =", async () => {
  const { get } = makeIsolate();
  const idFor = async (id: string) =>
    (await get("/healthz", { headers: { "x-request-id": id } })).headers.get("x-request-id");
  for (const id of ["a", "A-z_0=", "x".repeat(255)]) expect(await idFor(id)).toBe(id);
  for (const id of ["a b", "a;b", "a/b", "x".repeat(256)]) expect(await idFor(id)).not.toBe(id);
});

it("a 429 and a 503 have Retry-After, and no error has the ETag of an answer or may be kept", async () => {
  const refusals = [
    await makeIsolate({}, { mayProceed: async () => false }).get("/search?q=cake"),
    await makeIsolate({ LIMITS: "shed=1" }).get("/search?q=cake"),
    await makeIsolate({}, {}, 1_000).get("/search?q=cake"),
  ];
  expect(refusals.map(({ status }) => status)).toEqual([429, 503, 503]);
  for (const { headers } of refusals) {
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    expect(headers.get("etag")).toBeNull();
    expect(headers.get("cache-control")).toBe("no-store");
  }
});

it("a list is answered in order, each search from one version of its index", async () => {
  const other = await makeFixture(42);
  await publish(env.INDEX, other, undefined, "other");
  const { post } = makeIsolate();
  const searches = [{ q: "cake" }, { q: "cake", index: "other" }, { like: "item:1" }, { q: "cake", index: "other" }];
  const { body } = await post(searches);
  const versions = [fixture, other, fixture, other].map(({ artifact }) => artifact.version);
  expect(body.map(({ indexVersion }: { indexVersion: string }) => indexVersion)).toEqual(versions);
  expect((await post([...searches, { q: "cake", nprobe: 100_000 }])).status).toBe(400);
});

it("a vector of zeros finds nothing", async () => {
  const { body } = await makeIsolate().post({ vector: Array(16).fill(0) });
  expect(body.results).toEqual([]);
});
