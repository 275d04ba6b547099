/** /readyz says whether a search would be answered now, in whatever way the store fails; in workerd. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { KvReader } from "../src/index/kv-store.ts";
import { memoryDemand } from "../src/index/memory-plan.ts";
import { Misses } from "../src/index/misses.ts";
import { makeShop, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const shop = await makeShop(71);
const query = "/search?q=red%20jacket&k=40";
const leastCacheBytes = 1;

beforeAll(() => publish(env.INDEX, shop));

const WAYS = {
  throws: () => Promise.reject(new Error("KV GET failed: 500")),
  hangs: () => new Promise<never>(() => undefined),
  misses: async () => null,
  lies: async (value: ArrayBuffer) => {
    const bytes = new Uint8Array(value.slice(0));
    bytes[bytes.length >> 1]! ^= 4;
    return bytes.buffer;
  },
};
const KINDS = { throws: "unreadable", hangs: "late", misses: "missing", lies: "damaged" };
const ways = Object.keys(WAYS) as (keyof typeof WAYS)[];

/** An isolate that reads pages when they are wanted, over KV that fails as it is told. */
function makeFailing(maxBytes?: number) {
  const fault: { way?: keyof typeof WAYS | undefined; keys: RegExp } = { keys: /./ };
  const kv = {
    async get(key: string, options: { type: "arrayBuffer" }) {
      const value = await env.INDEX.get(key, options);
      return fault.way && fault.keys.test(key) ? WAYS[fault.way](value!) : value;
    },
  } as KvReader;
  return { fault, ...makeIsolate({}, {}, maxBytes, { kv, timeoutMs: 50, leastCacheBytes }) };
}

describe.each(ways)("while KV %s", (way) => {
  it.each(["items", "lookup"])(
    "for the %s of an index read by pages, it is not ready until they come",
    async (kind) => {
      const { fault, get, clock, reported } = makeFailing(
        memoryDemand(shop.artifact.manifest, { leastCacheBytes }).least,
      );
      const path = kind === "lookup" ? "/items/item:7" : query;
      expect((await get(path)).status).toBe(200);
      expect((await get("/readyz")).status).toBe(200);
      Object.assign(fault, { way, keys: new RegExp(`^chunk/${kind}`) });
      expect((await get(path)).status).toBe(503);
      expect((await get("/readyz")).status).toBe(503);
      clock.now += 2_000;
      // A look asks for it again, and the failure is told.
      expect((await get("/readyz")).status).toBe(503);
      const told = new RegExp(`^${KINDS[way]} since `);
      expect((await get(path)).headers.get("index-refresh-failure")).toMatch(told);
      expect((await get("/version")).body.refreshFailure).toMatch(told);
      expect(reported).toContainEqual(expect.objectContaining({ event: "refresh-failed", kind: KINDS[way] }));
      // However long nobody searches.
      clock.now += 300_000;
      expect((await get("/readyz")).status).toBe(503);

      fault.way = undefined;
      clock.now += 30_000;
      await get("/readyz");
      expect((await get("/readyz")).status).toBe(200);
      expect((await get("/version")).body.refreshFailure).toBeNull();
      expect((await get(path)).status).toBe(200);
    },
  );
});

it("a search that is answered makes it ready at once", async () => {
  const { fault, get } = makeFailing(memoryDemand(shop.artifact.manifest, { leastCacheBytes }).least);
  expect((await get(query)).status).toBe(200);
  Object.assign(fault, { way: "throws", keys: /^chunk\/items/ });
  expect((await get(query)).status).toBe(503);
  fault.way = undefined;
  expect((await get(query)).status).toBe(200);
  expect((await get("/readyz")).status).toBe(200);
});

it("is ready with everything in memory, whatever KV does", async () => {
  const { fault, get, refresh } = makeFailing();
  await get(query);
  fault.way = "throws";
  await refresh();
  expect((await get("/readyz")).status).toBe(200);
  expect((await get(query)).status).toBe(200);
});

describe("misses", () => {
  it("are also pages that never come, because who wanted them was cancelled", async () => {
    let now = 0;
    const misses = new Misses(() => now, 1_000);
    void misses.watch("a", undefined, () => new Promise<never>(() => undefined));
    expect(misses.areNone).toBe(true);
    now = 2_000;
    expect(misses.areNone).toBe(false);
    await misses.heal(async (keys) => expect([...keys]).toEqual(["a"]));
    expect(misses.areNone).toBe(true);
  });

  it("are not those that a request was not let read", async () => {
    const misses = new Misses(() => 0, 1_000);
    const meter = {
      spend() {
        throw new Error("too much");
      },
      got: () => undefined,
    };
    const read = async (watched?: { spend(): void }) => {
      watched!.spend();
      return null;
    };
    await expect(misses.watch("a", meter, read)).rejects.toThrow("too much");
    expect(misses.areNone).toBe(true);
  });
});
