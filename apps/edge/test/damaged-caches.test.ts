/** KV whose caches hold what they should not, in workerd: what is wrong heals, or is told. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { KvReader } from "../src/index/kv-store.ts";
import { memoryDemand } from "../src/index/memory-plan.ts";
import { makeShop, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const shop = await makeShop(61);
const other = await makeShop(62);
const kinds = [...new Set(shop.artifact.manifest.chunks.map(({ kind }) => kind))];
const query = "/search?q=red%20jacket&filter=set:even";

let expected: unknown;
beforeAll(async () => {
  await publish(env.INDEX, shop);
  expected = (await makeIsolate().get(query)).body;
});

/** The namespace behind caches of a day in which some keys are damaged, or missing. */
function behindCaches(isBad: (key: string) => boolean, how: "damaged" | "missing" = "damaged"): KvReader {
  return {
    async get(key: string, { type, cacheTtl = 60 }: { type: string; cacheTtl?: number }) {
      if (type === "text") return env.INDEX.get(key, "text") as never;
      const value = await env.INDEX.get(key, "arrayBuffer");
      if (value === null || cacheTtl <= 60 || !isBad(key)) return value as never;
      if (how === "missing") return null as never;
      const bytes = new Uint8Array(value);
      bytes[bytes.length >> 1]! ^= 4;
      return value as never;
    },
  };
}

describe.each(["damaged", "missing"] as const)("a cache in which a page is %s", (how) => {
  it.each([...kinds, "manifest"])("%s is looked past at a cold start, for good", async (kind) => {
    const { get, reported } = makeIsolate({}, {}, undefined, { kv: behindCaches((key) => key.includes(kind), how) });
    for (let i = 0; i < 2; i++) expect((await get(query)).body).toEqual(expected);
    expect((await get(query)).headers.get("index-refresh-failure")).toBeNull();
    const faults = reported.filter(({ event }) => event !== "cold-start");
    expect(faults.length).toBeGreaterThan(0);
    for (const { event } of faults) expect(event).toBe(how === "damaged" ? "read-again" : "read-failed");
  });

  it("is looked past when a new version is taken over", async () => {
    const { get, refresh } = makeIsolate({}, {}, undefined, { kv: behindCaches(() => true, how) });
    expect((await get(query)).body.indexVersion).toBe(shop.artifact.version);
    await publish(env.INDEX, other);
    await refresh();
    const after = await get(query);
    expect(after.body.indexVersion).toBe(other.artifact.version);
    expect(after.headers.get("index-refresh-failure")).toBeNull();
    await publish(env.INDEX, shop);
  });
});

it("a page that is damaged in KV itself is told, in header, log and /version, and no answer is wrong", async () => {
  await publish(env.INDEX, shop, (key, bytes) => (key.includes("items-0000") ? bytes.with(99, bytes[99]! ^ 1) : bytes));
  const { get, refresh, reported } = makeIsolate();
  expect((await get("/readyz")).status).toBe(200);
  const { status, headers } = await get("/search?q=cake&k=300");
  expect(status).toBe(503);
  expect(headers.get("index-refresh-failure")).toMatch(/^damaged since /);
  expect((await get("/version")).body.refreshFailure).toMatch(/^damaged since /);
  // As long as a part of it cannot be read, it is not ready; a good version makes it so.
  expect(await get("/readyz")).toMatchObject({
    status: 503,
    body: { detail: /serves, but parts of it cannot be read/ },
  });
  expect(reported).toMatchObject([
    { event: "cold-start" },
    { event: "read-again" },
    { event: "refresh-failed", kind: "damaged", causes: [/chunk\/items-0000/] },
    // Both tries of the search.
    { event: "read-again" },
    { event: "read-again" },
  ]);
  await publish(env.INDEX, other);
  await refresh();
  expect((await get("/readyz")).status).toBe(200);
});

it("a page that goes missing while it is wanted leads to the pointer at once, and to the next version", async () => {
  await publish(env.INDEX, shop);
  // Too little memory to read pages ahead.
  const least = [shop, other].map(({ artifact }) => memoryDemand(artifact.manifest).least);
  const { get, clock } = makeIsolate({}, {}, Math.max(...least));
  expect((await get("/readyz")).status).toBe(200);
  for (const { name } of (await env.INDEX.list({ prefix: "chunk/" })).keys) await env.INDEX.delete(name);
  await publish(env.INDEX, other);
  clock.now += 2_000;
  expect((await get(query)).status).toBe(503);
  expect(await get(query)).toMatchObject({ status: 200, body: { indexVersion: other.artifact.version } });
});

it("a version that was pruned after hours without a look gives way to the newest before the first answer", async () => {
  const { get, clock } = makeIsolate();
  expect((await get(query)).status).toBe(200);
  for (const { name } of (await env.INDEX.list()).keys) await env.INDEX.delete(name);
  await publish(env.INDEX, other);
  clock.now += 3 * 3_600_000;
  expect(await get(query)).toMatchObject({ status: 200, body: { indexVersion: other.artifact.version } });
});
