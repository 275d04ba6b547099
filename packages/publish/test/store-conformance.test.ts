/** Every store there is, and those that other tests put in their place, through the one suite. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeEach, describe, it } from "vitest";
import { withLocalBucket, withLocalStore } from "../src/stores/local.ts";
import { restStore } from "../src/stores/rest.ts";
import { s3Store } from "../src/stores/s3.ts";
import { ACCOUNT, KvServer, NAMESPACE, TOKEN } from "./kv-server.ts";
import { MemoryStore } from "./memory-store.ts";
import { ACCESS_KEY_ID, BUCKET, S3Server, SECRET } from "./s3-server.ts";
import { storeConformance } from "./store-conformance.ts";
import { World } from "./world.ts";

const TIMEOUT = 300_000;
const test = (name: string, run: () => Promise<void>): void => it(name, run, TIMEOUT);
const READS_OF_ABSENT_KEYS = {
  reason: "it fails such a read on purpose: KV would remember the absence, so publishing must not make one",
  cases: ["gives null for a key that was never written"],
};

const WITH_BUCKET = JSON.stringify({
  name: "x",
  compatibility_date: "2026-10-01",
  r2_buckets: [{ binding: "INDEX_BUCKET", bucket_name: BUCKET }],
});

describe("the local store", () => {
  const worker = resolve(import.meta.dirname, "../../../apps/edge");
  const folders: string[] = [];
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));
  storeConformance({
    test,
    async withStore(work) {
      const persist = await mkdtemp(join(tmpdir(), "poeem-store-"));
      folders.push(persist);
      await withLocalStore({ worker, persist }, work);
    },
    // its time is the machine's: no `advance`, so nothing is seen to expire
  });
});

describe("the local bucket", () => {
  const folders: string[] = [];
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));
  storeConformance({
    test,
    async withStore(work) {
      const worker = await mkdtemp(join(tmpdir(), "poeem-bucket-"));
      folders.push(worker);
      await writeFile(join(worker, "wrangler.jsonc"), WITH_BUCKET);
      await withLocalBucket({ worker }, work);
    },
    // its time is the machine's, as above
  });
});

describe("the bucket at Cloudflare", () => {
  let server: S3Server;
  let now: number;
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  beforeEach(async () => {
    now = Date.UTC(2026, 10, 22);
    server = await S3Server.start();
    server.now = () => now;
  });
  afterEach(() => server.stop());
  storeConformance({
    test,
    withStore: (work) =>
      work(
        s3Store({
          endpoint: server.endpoint,
          bucket: BUCKET,
          accessKeyId: ACCESS_KEY_ID,
          secretAccessKey: SECRET,
          clock,
          random: () => 0,
        }),
      ),
    advance: clock.sleep,
  });
});

describe("the remote store", () => {
  let server: KvServer;
  let now: number;
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  beforeEach(async () => {
    now = Date.UTC(2026, 10, 22);
    server = await KvServer.start();
    server.now = () => now;
  });
  afterEach(() => server.stop());
  storeConformance({
    test,
    withStore: (work) =>
      work(
        restStore({
          accountId: ACCOUNT,
          namespaceId: NAMESPACE,
          apiToken: TOKEN,
          baseURL: server.baseURL,
          clock,
          random: () => 0,
        }),
      ),
    advance: clock.sleep,
  });
});

describe("the store in memory", () => {
  let store: MemoryStore;
  storeConformance({
    test,
    withStore: (work) => {
      store = new MemoryStore();
      return work(store);
    },
    advance: (ms) => store.clock.sleep(ms),
    skip: [READS_OF_ABSENT_KEYS],
  });
});

describe("the store of a world in which several publish at once", () => {
  storeConformance({
    test,
    withStore: (work) => new World(1, 0).run([work], 0),
    // its time passes with every operation, so no `advance`
    skip: [READS_OF_ABSENT_KEYS],
  });
});
