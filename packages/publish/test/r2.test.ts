/** The store over R2's S3 API and a whole publish through it, against a server that keeps to what is documented. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pointerKey } from "@poeem/pq-core/kv";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../src/clock.ts";
import { pruneStore } from "../src/prune.ts";
import { publishInto } from "../src/publish-into.ts";
import { rollbackTo } from "../src/rollback.ts";
import type { Store, StoredValue } from "../src/store.ts";
import { readR2Access } from "../src/stores/r2.ts";
import { type S3StoreOptions, s3Store } from "../src/stores/s3.ts";
import { readList } from "../src/stores/s3-list.ts";
import { readPublished } from "../src/versions.ts";
import { checkedArtifact, keysOf } from "./artifacts.ts";
import { ACCESS_KEY_ID, BUCKET, type S3Request, S3Server, SECRET } from "./s3-server.ts";

type Failure = ReturnType<S3Server["fail"]>;

let server: S3Server;
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
  server = await S3Server.start();
  server.now = () => now;
});
afterEach(() => server.stop());

const open = (options: Partial<S3StoreOptions> = {}): Store =>
  s3Store({
    endpoint: server.endpoint,
    bucket: BUCKET,
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey: SECRET,
    clock,
    random: () => 0,
    onWait: (reason, ms) => waits.push({ reason, ms }),
    ...options,
  });
const value = (key: string, size = 10): StoredValue => ({ key, bytes: new Uint8Array(size).fill(key.length) });
/** Fails the first `times` requests that `matches`. */
const failing = (times: number, failure: Failure, matches: (request: S3Request) => boolean = () => true): void => {
  let left = times;
  server.fail = (request) => (matches(request) && left-- > 0 ? failure : undefined);
};

describe("the store over R2", () => {
  it("lists more keys than fit a page, each with the metadata that only it has", async () => {
    server.pageSize = 7;
    const keys = Array.from({ length: 50 }, (_, i) => `k/${String(i).padStart(2, "0")}`);
    await open().put(keys.map((key, i) => ({ ...value(key), metadata: { size: i, note: 'ä 😀 "\\' } })));
    const listed = await open().list("k/");
    expect(listed).toEqual(keys.map((key, i) => ({ key, metadata: { size: i, note: 'ä 😀 "\\' } })));
    expect(server.requests.filter(({ key }) => key === undefined)).toHaveLength(8);
  });

  it("lists what somebody else has put there, without metadata of ours", async () => {
    server.objects.set("k/a", { bytes: Buffer.from("a"), custom: {} });
    server.objects.set("k/b", { bytes: Buffer.from("b"), custom: { poeem: "{broken" } });
    expect(await open().list("k/")).toEqual([
      { key: "k/a", metadata: undefined },
      { key: "k/b", metadata: undefined },
    ]);
  });

  it("leaves out what is deleted while it lists", async () => {
    await open().put([value("k/a"), value("k/b")]);
    server.fail = ({ method, key }) => {
      if (method === "HEAD" && key === "k/a") server.objects.delete("k/a");
      return undefined;
    };
    expect((await open().list("k/")).map(({ key }) => key)).toEqual(["k/b"]);
  });

  it("deletes what a killed process has left, a day after its time is over", async () => {
    await open().put([{ ...value("claim/a"), expiresIn: 60 }, value("claim/b")]);
    await clock.sleep(3_600_000);
    expect((await open().list("claim/")).map(({ key }) => key)).toEqual(["claim/b"]);
    expect(server.objects.has("claim/a")).toBe(true);
    await clock.sleep(86_400_000);
    expect((await open().list("claim/")).map(({ key }) => key)).toEqual(["claim/b"]);
    expect(server.objects.has("claim/a")).toBe(false);
  });

  it("sends the hash of every value, which the server compares", async () => {
    await open().put([value("k")]);
    expect(server.requests[0]!.headers["x-amz-content-sha256"]).toMatch(/^[0-9a-f]{64}$/);
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
    const isPut = (request: S3Request) => request.method === "PUT";
    // An answer without a body cannot break off.
    const hasBody = failure === "cut";
    failing(3, failure, hasBody ? () => false : isPut);
    await store.put([value("k")]);
    expect(waits.map(({ ms }) => ms)).toEqual(hasBody ? [] : [500, 1000, 2000]);
    for (const work of [
      async () => expect(await store.get("k")).toEqual(value("k").bytes),
      async () => expect(await store.list("k")).toHaveLength(1),
    ]) {
      waits.length = 0;
      failing(3, failure);
      await work();
      expect(waits.map(({ ms }) => ms)).toEqual([500, 1000, 2000]);
    }
  });

  it("gives up a request that hangs, and sends it again", async () => {
    await open().put([value("k")]);
    failing(2, "hang");
    expect(await open({ timeoutMs: 300 }).get("k")).toEqual(value("k").bytes);
    expect(waits).toEqual([
      { reason: "no connection: the request timed out", ms: 500 },
      { reason: "no connection: the request timed out", ms: 1000 },
    ]);
  });

  it("waits as long as Retry-After says, and gives up when that is hours or after nine attempts", async () => {
    failing(1, { status: 503, headers: { "retry-after": "17" } });
    await open().put([value("a")]);
    expect(waits).toEqual([{ reason: "status 503, injected failure (Injected)", ms: 17_000 }]);
    failing(100, { status: 429, headers: { "retry-after": "7200" } });
    await expect(open().list("")).rejects.toThrow(/status 429.*asked to wait 120 minutes, try again later/);
    failing(100, { status: 500 });
    await expect(open().list("")).rejects.toThrow(/gave up after 9 attempts: status 500, injected failure/);
  });

  it.each<[string, Partial<S3StoreOptions>, Failure, RegExp]>([
    ["a wrong key", { accessKeyId: "other" }, undefined, /^R2_ACCESS_KEY_ID is not valid: status 403, The access key/],
    [
      "a wrong secret",
      { secretAccessKey: "wrong" },
      undefined,
      /^R2_SECRET_ACCESS_KEY is not that of R2_ACCESS_KEY_ID/,
    ],
    [
      "a key without the right",
      {},
      { status: 403 },
      /^R2_ACCESS_KEY_ID may not do this: it needs "Object Read & Write" for poeem-index: status 403/,
    ],
    ["an unknown bucket", { bucket: "other" }, undefined, /^the account has no R2 bucket other: status 404/],
    ["a request that is refused", {}, { status: 400 }, /^R2 refused the request: status 400, injected failure/],
  ])("tells of %s in one line, without trying again", async (_, options, failure, message) => {
    if (failure) failing(100, failure);
    for (const work of [() => open(options).list("chunk/"), () => open(options).put([value("k")])]) {
      const error = await work().catch((caught: Error) => caught);
      expect(error).toMatchObject({ name: "UserError", message: expect.stringMatching(message) });
      expect((error as Error).message).not.toMatch(/\n|secret-access-key|wrong/);
    }
    expect(waits).toEqual([]);
  });

  it("tells when nobody answers", async () => {
    const store = open();
    await server.stop();
    await expect(store.list("")).rejects.toThrow(/gave up after 9 attempts: no connection: .*ECONNREFUSED/);
    server = await S3Server.start();
  });
});

it("a list without the token of its next page is an error, as it would end too early", () => {
  expect(readList("<R><IsTruncated>false</IsTruncated><Contents><Key>a+b%26</Key></Contents></R>")).toEqual({
    keys: ["a b&"],
    next: undefined,
  });
  expect(() => readList("<R><IsTruncated>true</IsTruncated></R>")).toThrow(/expected the continuation token/);
});

describe("what a request needs", () => {
  const account = "a".repeat(32);
  const keys = { R2_ACCESS_KEY_ID: ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY: SECRET };

  it("comes from options, the environment and wrangler.jsonc", async () => {
    const worker = await mkdtemp(join(tmpdir(), "poeem-r2-"));
    try {
      const buckets = `[{ "binding": "INDEX_BUCKET", "bucket_name": "own", "jurisdiction": "eu" }]`;
      await writeFile(join(worker, "wrangler.jsonc"), `{ "account_id": "${account}", "r2_buckets": ${buckets} }`);
      const access = { accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET };
      const endpoint = `https://${account}.eu.r2.cloudflarestorage.com`;
      expect(readR2Access({ worker }, keys)).toEqual({ ...access, bucket: "own", endpoint });
      // Where another bucket lies, the file does not say.
      expect(readR2Access({ worker, bucket: "other" }, keys)).toMatchObject({
        bucket: "other",
        endpoint: `https://${account}.r2.cloudflarestorage.com`,
      });
      const R2_ENDPOINT = "http://localhost:9000/";
      const elsewhere = readR2Access({ worker }, { ...keys, R2_ENDPOINT });
      expect(elsewhere).toMatchObject({ endpoint: "http://localhost:9000" });
    } finally {
      await rm(worker, { recursive: true });
    }
  });

  it.each<[string, object, NodeJS.ProcessEnv, RegExp]>([
    ["bucket", { accountId: account }, keys, /^no bucket: expected --bucket, or the bucket_name of INDEX_BUCKET in/],
    ["account", { bucket: "own" }, keys, /^no account: expected --account-id, CLOUDFLARE_ACCOUNT_ID or account_id in/],
    ["well-formed bucket", { accountId: account, bucket: "../x" }, keys, /^bucket: expected 3 to 63 .* got "..\/x"$/],
    ["key", { accountId: account, bucket: "own" }, {}, /^no R2_ACCESS_KEY_ID: set it to that of an R2 API token/],
    [
      "secret",
      { accountId: account, bucket: "own" },
      { R2_ACCESS_KEY_ID: "x" },
      /^no R2_SECRET_ACCESS_KEY: set it to that of an R2 API token with "Object Read & Write" for own$/,
    ],
  ])("is refused in one line when there is no %s", (_, options, environment, message) => {
    expect(() => readR2Access({ worker: "nowhere", ...options }, environment)).toThrow(message);
  });
});

describe("publishing through it", () => {
  const publish = async (seed: number): Promise<void> => {
    await publishInto(open(), await checkedArtifact(seed, 2000), { clock, groupBytes: 4096 });
  };

  it("puts the same bytes there, and reads each of them back before the pointer moves", async () => {
    const artifact = await checkedArtifact(1, 2000);
    await publishInto(open(), artifact, { clock });
    for (const { key } of artifact.manifest.chunks)
      expect(server.objects.get(`chunk/${key}`)!.bytes).toEqual(Buffer.from(await artifact.read(key)));
    const order = server.requests.map(({ method, key }) => `${method} ${key}`);
    for (const key of keysOf(artifact))
      expect(order.indexOf(`GET ${key}`)).toBeGreaterThan(order.indexOf(`PUT ${key}`));
    const pointerAt = order.indexOf(`PUT ${pointerKey()}`);
    for (const key of keysOf(artifact)) expect(order.lastIndexOf(`GET ${key}`)).toBeLessThan(pointerAt);
    expect(server.writes().at(-1)).toBe(pointerKey());
    expect([...server.objects.keys()].filter((key) => key.startsWith("claim/"))).toEqual([]);
  });

  it("goes on where an interrupted run stopped", async () => {
    const keys = keysOf(await checkedArtifact(1, 2000));
    let writes = 0;
    server.fail = ({ method, key }) =>
      method === "PUT" && key!.startsWith("chunk/") && ++writes > 4 ? { status: 403 } : undefined;
    await expect(publish(1)).rejects.toThrow(/may not do this/);
    const first = server.writes();
    expect(first.length).toBeGreaterThan(2);
    expect(server.objects.has(pointerKey())).toBe(false);
    server.fail = () => undefined;
    server.requests.length = 0;
    await publish(1);
    const second = server.writes();
    expect([...first, ...second].filter((key) => key.startsWith("chunk/")).sort()).toEqual([...keys].sort());
  });

  it("survives a bad day: every kind of failure, often, and nothing is wrong in the end", async () => {
    const kinds: Failure[] = [
      { status: 429, headers: { "retry-after": "2" } },
      { status: 500 },
      { status: 502 },
      "reset",
      "reset after",
      "cut",
    ];
    let state = 7;
    server.fail = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % 3 === 0 ? kinds[(state >>> 12) % kinds.length] : undefined;
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
    for (const { key, size } of manifest.chunks) expect(server.objects.get(`chunk/${key}`)!.bytes).toHaveLength(size);
  });
});
