/** The store over REST and a whole publish through it, against a server that keeps to the documented endpoints. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pointerKey } from "@poeem/pq-core/kv";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../src/clock.ts";
import { pruneStore } from "../src/prune.ts";
import { publishInto } from "../src/publish-into.ts";
import { rollbackTo } from "../src/rollback.ts";
import type { Store, StoredValue } from "../src/store.ts";
import { readCredentials } from "../src/stores/remote.ts";
import { type RestStoreOptions, restStore } from "../src/stores/rest.ts";
import { readPublished } from "../src/versions.ts";
import { checkedArtifact, keysOf } from "./artifacts.ts";
import { ACCOUNT, type Failure, type KvRequest, KvServer, NAMESPACE, TOKEN } from "./kv-server.ts";

let server: KvServer;
let waits: { reason: string; ms: number }[];
/** Time that passes by sleeping alone, for the server too. */
let clock: Clock;

beforeEach(async () => {
  let now = Date.UTC(2026, 10, 22);
  clock = {
    now: () => now,
    sleep: async (ms) => {
      now += ms;
    },
  };
  waits = [];
  server = await KvServer.start();
  server.now = () => now;
});
afterEach(() => server.stop());

const open = (options: Partial<RestStoreOptions> = {}): Store =>
  restStore({
    accountId: ACCOUNT,
    namespaceId: NAMESPACE,
    apiToken: TOKEN,
    baseURL: server.baseURL,
    clock,
    random: () => 0,
    onWait: (reason, ms) => waits.push({ reason, ms }),
    ...options,
  });
const value = (key: string, size = 10): StoredValue => ({ key, bytes: new Uint8Array(size).fill(key.length) });
/** Fails the first `times` requests that `matches`. */
const failing = (times: number, failure: Failure, matches: (request: KvRequest) => boolean = () => true): void => {
  let left = times;
  server.fail = (request) => (matches(request) && left-- > 0 ? failure : undefined);
};

describe("the store over REST", () => {
  it("gives back all bytes, metadata and order that it was given", async () => {
    const store = open();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) ^ (i >> 7));
    const key = "chunk/ä b%2f?#&.bin";
    await store.put([{ key, bytes, metadata: { size: 3, sha256: "ab" } }, value("chunk/b"), value("index/a")]);
    expect(await store.get(key)).toEqual(bytes);
    expect(await store.list("chunk/")).toEqual([
      { key: "chunk/b", metadata: undefined },
      { key, metadata: { size: 3, sha256: "ab" } },
    ]);
    await store.delete(["chunk/b", "chunk/never-there"]);
    expect(await store.get("chunk/b")).toBeNull();
  });

  it("lists more keys than fit a page", async () => {
    server.pageSize = 7;
    const keys = Array.from({ length: 50 }, (_, i) => `k/${String(i).padStart(2, "0")}`);
    await open().put(keys.map((key) => value(key)));
    expect((await open().list("k/")).map(({ key }) => key)).toEqual(keys);
    expect(await open().list("none/")).toEqual([]);
  });

  it("cuts writes and deletes into requests of at most 10,000 keys", async () => {
    const keys = Array.from({ length: 20_001 }, (_, i) => `k/${i}`);
    await open().put(keys.map((key) => value(key, 1)));
    expect(server.bulkWrites().map((batch) => batch.length)).toEqual([10_000, 10_000, 1]);
    expect(server.values.size).toBe(20_001);
    await open().delete(keys);
    expect(server.values.size).toBe(0);
  });

  it("cuts writes into requests of at most 100 MB, base64 counted", async () => {
    // 10 × 8 MiB are 84 MB as they are and 112 MB as base64
    await open().put(Array.from({ length: 10 }, (_, i) => value(`k/${i}`, 8 * 1024 * 1024)));
    expect(server.bulkWrites().map((batch) => batch.length)).toEqual([8, 2]);
    expect(Math.max(...server.requests.map(({ body }) => body.length))).toBeLessThan(100_000_000);
    await expect(open().put([value("k", 25 * 1024 * 1024 + 1)])).rejects.toThrow(
      /^k: expected a value of at most 26214400 bytes, got 26214401$/,
    );
  });

  it.each<[string, Failure]>([
    ["429", { status: 429 }],
    ["500", { status: 500 }],
    ["503", { status: 503 }],
    ["a connection that is reset", "reset"],
    ["a connection that is reset after the work", "reset after"],
    ["an answer that breaks off", "cut"],
  ])("tries again after %s, with waits that double", async (_, failure) => {
    server.limitsWrites = false;
    const store = open();
    for (const work of [
      () => store.put([value("k")]),
      async () => expect(await store.get("k")).toEqual(value("k").bytes),
      async () => expect(await store.list("k")).toHaveLength(1),
      async () => store.delete(["other"]),
    ]) {
      waits.length = 0;
      failing(3, failure);
      await work();
      expect(waits.map(({ ms }) => ms)).toEqual([500, 1000, 2000]);
    }
  });

  it("gives up a request that hangs, and sends it again", async () => {
    const store = open({ timeoutMs: 300 });
    await store.put([value("k")]);
    waits.length = 0;
    failing(2, "hang");
    expect(await store.get("k")).toEqual(value("k").bytes);
    expect(waits.map(({ ms }) => ms)).toEqual([500, 1000]);
    expect(waits[0]!.reason).toMatch(/^no connection: .*timed out/i);
  });

  it("waits as long as Retry-After says, in seconds or as a date", async () => {
    failing(1, { status: 429, headers: { "retry-after": "17" } });
    await open().put([value("a")]);
    expect(waits).toEqual([{ reason: "status 429, injected failure (code 10001)", ms: 17_000 }]);
    waits.length = 0;
    failing(1, { status: 503, headers: { "retry-after": new Date(clock.now() + 42_000).toUTCString() } });
    await open().put([value("b")]);
    expect(waits[0]!.ms).toBeGreaterThan(41_000);
    expect(waits[0]!.ms).toBeLessThanOrEqual(42_000);
  });

  it("gives up after nine attempts, and at once when asked to wait for hours", async () => {
    failing(100, { status: 500 });
    await expect(open().list("")).rejects.toThrow(/gave up after 9 attempts: status 500, injected failure/);
    expect(waits).toHaveLength(8);
    failing(100, { status: 429, headers: { "retry-after": "7200" } });
    await expect(open().list("")).rejects.toThrow(/status 429.*asked to wait 120 minutes, try again later/);
  });

  it("sends again only the keys that a bulk request names as failed", async () => {
    failing(2, "partial");
    await open().put(["a", "b", "c", "d", "e"].map((key) => value(key)));
    expect(server.bulkWrites()).toEqual([["a", "b", "c", "d", "e"], ["b", "d"], ["d"]]);
    expect([...server.values.keys()].sort()).toEqual(["a", "b", "c", "d", "e"]);
    failing(2, "partial");
    await open().delete(["a", "b", "c", "d"]);
    expect([...server.values.keys()]).toEqual(["e"]);
  });

  it("waits out the limit of one write a second to a key", async () => {
    const store = open();
    for (let i = 0; i < 3; i++) await store.put([value("index/current", i + 1)]);
    expect(server.values.get("index/current")!.bytes).toHaveLength(3);
    expect(waits.length).toBeGreaterThanOrEqual(2);
  });

  it.each<[string, Partial<RestStoreOptions>, Failure | undefined, RegExp]>([
    [
      "a wrong token",
      { apiToken: "wrong" },
      undefined,
      /^CLOUDFLARE_API_TOKEN is not valid: status 401, Authentication error \(code 10000\)$/,
    ],
    [
      "a token without the right",
      {},
      { status: 403 },
      /^CLOUDFLARE_API_TOKEN may not do this: it needs "Workers KV Storage: Edit" for account a+: status 403/,
    ],
    [
      "an unknown namespace",
      { namespaceId: "c".repeat(32) },
      undefined,
      /^account a+ has no KV namespace c+: status 404, namespace not found/,
    ],
    ["an unknown account", { accountId: "d".repeat(32) }, undefined, /^account d+ has no KV namespace b+/],
    ["a request that is refused", {}, { status: 400 }, /^Cloudflare refused the request: status 400, injected failure/],
  ])("tells of %s in one line, without trying again", async (_, options, failure, message) => {
    if (failure) failing(100, failure);
    const error = await open(options)
      .list("chunk/")
      .catch((caught: Error) => caught);
    expect(error).toMatchObject({ name: "UserError", message: expect.stringMatching(message) });
    expect((error as Error).message).not.toMatch(/\n|secret-token|wrong/);
    expect(waits).toEqual([]);
  });

  it("tells when nobody answers", async () => {
    const store = open();
    await server.stop();
    await expect(store.list("")).rejects.toThrow(/gave up after 9 attempts: no connection: .*ECONNREFUSED/);
    server = await KvServer.start();
  });
});

describe("what a request needs", () => {
  const account = { accountId: ACCOUNT };
  const namespace = { namespaceId: NAMESPACE };
  const token = { CLOUDFLARE_API_TOKEN: TOKEN };
  const worker = resolve(import.meta.dirname, "../../../apps/edge");

  it("comes from options, the environment and wrangler.jsonc, in this order", () => {
    const expected = { accountId: ACCOUNT, namespaceId: NAMESPACE, apiToken: TOKEN };
    expect(readCredentials({ worker, ...account, ...namespace }, token)).toEqual(expected);
    const environment = { ...token, CLOUDFLARE_ACCOUNT_ID: ACCOUNT };
    expect(readCredentials({ worker, ...namespace }, environment)).toEqual(expected);
    expect(readCredentials({ worker: "nowhere", ...namespace }, environment)).toEqual(expected);
    const other = { ...environment, CLOUDFLARE_ACCOUNT_ID: "d".repeat(32) };
    expect(readCredentials({ worker, ...account, ...namespace }, other)).toEqual(expected);
  });

  it("comes from wrangler.jsonc alone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "poeem-wrangler-"));
    try {
      const text = `{ // comments are allowed
        "name": "x", "account_id": "${ACCOUNT}",
        "kv_namespaces": [
          { "binding": "OTHER", "id": "${"e".repeat(32)}" },
          { "binding": "INDEX", "id": "${NAMESPACE}" },
        ],
      }`;
      await writeFile(join(folder, "wrangler.jsonc"), text);
      expect(readCredentials({ worker: folder }, token)).toMatchObject({ accountId: ACCOUNT, namespaceId: NAMESPACE });
      await writeFile(join(folder, "wrangler.jsonc"), "{");
      expect(() => readCredentials({ worker: folder }, token)).toThrow(/wrangler\.jsonc cannot be read/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each<[string, object, NodeJS.ProcessEnv, RegExp]>([
    ["token", { ...account, ...namespace }, {}, /^no token: set CLOUDFLARE_API_TOKEN/],
    ["account", namespace, token, /^no account: expected --account-id, CLOUDFLARE_ACCOUNT_ID or account_id in/],
    [
      "namespace",
      account,
      token,
      /^no namespace: expected --namespace-id, or the id of INDEX in .*wrangler\.jsonc; `npx wrangler kv .* INDEX`/,
    ],
    [
      "well-formed id",
      { ...account, namespaceId: "../x" },
      token,
      /^namespace id: expected 32 hexadecimal digits, got "..\/x"$/,
    ],
  ])("is refused in one line when there is no %s", (_, options, environment, message) => {
    expect(() => readCredentials({ worker, ...options }, environment)).toThrow(message);
  });
});

describe("publishing through it", () => {
  const publish = async (seed: number, groupBytes = 4096): Promise<void> => {
    await publishInto(open(), await checkedArtifact(seed, 2000), { clock, groupBytes });
  };

  it("puts the same bytes there, and reads each of them back before the pointer moves", async () => {
    const artifact = await checkedArtifact(1, 2000);
    await publishInto(open(), artifact, { clock });
    for (const { key } of artifact.manifest.chunks)
      expect(server.values.get(`chunk/${key}`)!.bytes).toEqual(Buffer.from(await artifact.read(key)));
    const order = server.requests.map(({ method, path }) => `${method} ${path}`);
    const written = order.lastIndexOf("PUT bulk", order.indexOf(`GET values/${keysOf(artifact)[0]}`));
    for (const key of keysOf(artifact)) expect(order.indexOf(`GET values/${key}`)).toBeGreaterThan(written);
    expect(server.bulkWrites().at(-1)).toEqual([pointerKey()]);
    // nothing is asked for before it exists
    expect(order.filter((line) => line === `GET values/${pointerKey()}`)).toEqual([]);
  });

  it("goes on where an interrupted run stopped", async () => {
    const keys = keysOf(await checkedArtifact(1, 2000));
    let writes = 0;
    server.fail = ({ method, path }) =>
      method === "PUT" && path === "bulk" && ++writes > 4 ? { status: 403 } : undefined;
    await expect(publish(1)).rejects.toThrow(/may not do this/);
    const first = server.bulkWrites().flat();
    expect(first.length).toBeGreaterThan(2);
    expect(server.values.has(pointerKey())).toBe(false);
    server.fail = () => undefined;
    server.requests.length = 0;
    await publish(1);
    const second = server.bulkWrites().flat();
    expect([...first, ...second].filter((key) => key.startsWith("chunk/")).sort()).toEqual([...keys].sort());
    expect(second.filter((key) => first.includes(key))).toEqual([]);
  });

  it("writes again what was cut short or belongs to other bytes", async () => {
    await publish(1);
    const [key] = keysOf(await checkedArtifact(1, 2000));
    const entry = server.values.get(key!)!;
    const bytes = Buffer.from(entry.bytes);
    server.values.set(key!, { ...entry, bytes: bytes.subarray(0, 50) });
    await clock.sleep(5000);
    await publish(1);
    expect(server.values.get(key!)!.bytes).toEqual(bytes);
    server.values.set(key!, { ...entry, metadata: { size: 1, sha256: "other" } });
    await clock.sleep(5000);
    server.requests.length = 0;
    await publish(1);
    expect(server.bulkWrites().flat()).toContain(key);
  });

  it("survives a bad day: every kind of failure, often, and nothing is wrong in the end", async () => {
    const kinds: Failure[] = [
      { status: 429, headers: { "retry-after": "2" } },
      { status: 500 },
      { status: 502 },
      "reset",
      "reset after",
      "cut",
      "partial",
    ];
    let state = 7;
    server.fail = ({ path }) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const failure = kinds[state % kinds.length]!;
      return (state >>> 8) % 3 === 0 && (failure !== "partial" || path.startsWith("bulk")) ? failure : undefined;
    };
    for (const seed of [1, 2, 3]) {
      await publish(seed);
      await clock.sleep(2 * 3_600_000);
    }
    expect(waits.length).toBeGreaterThan(20);
    await rollbackTo(open(), "current", undefined, { clock });
    const { manifest } = await checkedArtifact(2, 2000);
    expect((await readPublished(open(), "current")).pointer).toMatchObject({ version: manifest.version });
    await clock.sleep(2 * 3_600_000);
    await pruneStore(open(), 2, clock);
    server.fail = () => undefined;
    const kept = new Set<string>();
    for (const seed of [2, 3]) for (const key of keysOf(await checkedArtifact(seed, 2000))) kept.add(key);
    expect(server.keys().filter((key) => key.startsWith("chunk/"))).toEqual([...kept].sort());
    for (const { key, size } of manifest.chunks) expect(server.values.get(`chunk/${key}`)!.bytes).toHaveLength(size);
  });
});
