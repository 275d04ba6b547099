/** Every store of a Worker through the one suite, and the same index served from each, inside workerd. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { cachedStore } from "../src/index/cached-store.ts";
import { kvStore } from "../src/index/kv-store.ts";
import { r2Store } from "../src/index/r2-store.ts";
import type { Store } from "../src/index/store.ts";
import { createWorker } from "../src/index.ts";
import { type Fixture, makeFixture, makeShop, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";
import { ask } from "./own-worker.ts";
import { storeSuite } from "./store-suite.ts";

/** What `publish` of the fixture writes to, over R2. */
const bucket = {
  put: async (key: string, value: Uint8Array | string) => void (await env.BUCKET.put(key, value)),
  delete: (key: string) => env.BUCKET.delete(key),
};

interface Kind {
  readonly open: () => Store;
  readonly target: Parameters<typeof publish>[0];
  readonly bindings: object;
}

let caches = 0;
const KINDS: Readonly<Record<string, Kind>> = {
  KV: { open: () => kvStore(env.INDEX), target: env.INDEX, bindings: { INDEX: env.INDEX } },
  R2: { open: () => r2Store(env.BUCKET), target: bucket, bindings: { INDEX_BUCKET: env.BUCKET } },
  // Each has an origin of its own, and so an empty cache.
  "R2 behind the Cache API": {
    open: () => cachedStore(r2Store(env.BUCKET), `https://cache-${caches++}.test`),
    target: bucket,
    bindings: { INDEX_BUCKET: env.BUCKET },
  },
};
const kinds = Object.entries(KINDS);

const shop = await makeShop(71);
const other = await makeFixture(72);
const QUESTIONS = [
  "/search?q=red%20jacket",
  "/search?q=red%20jacket&k=300&nprobe=all&filter=set:even",
  "/search?like=item:7&k=20",
  "/suggest?q=re",
  "/items/item:9",
  "/facets",
];

const publishAll = (index: Fixture) => Promise.all(kinds.map(([, { target }]) => publish(target, index)));
beforeAll(async () => {
  await publishAll(shop);
});

describe.each(kinds)("the store over %s", (_, { open }) => {
  storeSuite(shop, async () => open());

  it("is read once for many cold requests at once", async () => {
    const store = open();
    const asked: string[] = [];
    const counting: Store = {
      ...store,
      getText(key, options) {
        asked.push(key);
        return store.getText(key, options);
      },
      getBytes(key, options) {
        asked.push(key);
        return store.getBytes(key, options);
      },
    };
    const { get } = makeIsolate({}, {}, undefined, { store: counting });
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(QUESTIONS[0]!)));
    for (const { status, body } of answers) expect([status, body]).toEqual([200, answers[0]!.body]);
    // Pages of results are read by whoever wants them, until they are read ahead.
    const opening = asked.filter((key) => /^index|manifest|codebook|tower|lists|filters/.test(key));
    expect(opening.length).toBeGreaterThan(4);
    expect(new Set(opening).size).toBe(opening.length);
  });
});

describe.each(kinds.slice(1))("a Worker over %s", (_, { bindings, open, target }) => {
  it("answers as one over KV does, byte for byte", async () => {
    const [kv, worker] = [createWorker({ log: () => undefined }), createWorker({ log: () => undefined })];
    for (const path of QUESTIONS) {
      const expected = await ask(kv, path, {}, KINDS["KV"]!.bindings);
      expect(expected.status).toBe(200);
      const { status, text, headers } = await ask(worker, path, {}, bindings);
      expect([status, text, headers.get("etag")]).toEqual([200, expected.text, expected.headers.get("etag")]);
    }
  });

  it("takes a new version over, and the way back", async () => {
    const { get, refresh } = makeIsolate({}, {}, undefined, { store: open() });
    expect((await get(QUESTIONS[0]!)).body.indexVersion).toBe(shop.artifact.version);
    await publish(target, other, undefined, undefined, "2026-11-23T10:00:00.000Z");
    await refresh();
    expect((await get("/search?q=cake")).body.indexVersion).toBe(other.artifact.version);
    await publish(target, shop, undefined, undefined, "2026-11-24T10:00:00.000Z");
    await refresh();
    expect((await get(QUESTIONS[0]!)).body.indexVersion).toBe(shop.artifact.version);
    await publish(target, shop);
  });
});

describe.each(kinds)("over %s", (_, { open, target }) => {
  const damage = (bytes: Uint8Array) => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 4);

  it.each([
    ["missing", () => null],
    ["damaged", damage],
  ] as const)("a chunk that is %s is a 503 at a cold start, and the log names it", async (kind, how) => {
    const isBad = (key: string) => key.includes("lists");
    await publish(target, shop, (key, bytes) => (isBad(key) ? how(bytes) : bytes));
    const { get, reported, clock } = makeIsolate({}, {}, undefined, { store: open() });
    expect((await get(QUESTIONS[0]!)).status).toBe(503);
    const failures = reported.filter(({ event }) => event === "refresh-failed");
    expect(failures).toMatchObject([{ kind, causes: [/chunk\/lists/] }]);
    await publish(target, shop);
    clock.now += 1_000;
    expect((await get(QUESTIONS[0]!)).status).toBe(200);
  });
});
