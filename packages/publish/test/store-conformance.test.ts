/** Every store there is, and those that other tests put in their place, through the one suite. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeEach, describe, it } from "vitest";
import { withLocalStore } from "../src/stores/local.ts";
import { restStore } from "../src/stores/rest.ts";
import { ACCOUNT, KvServer, NAMESPACE, TOKEN } from "./kv-server.ts";
import { MemoryStore } from "./memory-store.ts";
import { storeConformance } from "./store-conformance.ts";
import { World } from "./world.ts";

const TIMEOUT = 300_000;
const test = (name: string, run: () => Promise<void>): void => it(name, run, TIMEOUT);
const READS_OF_ABSENT_KEYS = {
  reason: "it fails such a read on purpose: KV would remember the absence, so publishing must not make one",
  cases: ["gives null for a key that was never written"],
};

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
