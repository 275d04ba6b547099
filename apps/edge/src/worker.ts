/** Entry of the Worker: binds the app to KV, the WASM kernel, the clock and the console. */
import kernelModule from "@poeem/pq-core/kernel-relaxed.wasm";
import packageJson from "../package.json" with { type: "json" };
import { readConfig } from "./config.ts";
import type { Env } from "./env.ts";
import { createApp } from "./http/app.ts";
import type { LogEntry, SearchFigures } from "./http/app-env.ts";
import { IndexSet } from "./index/index-set.ts";
import { kvStore } from "./index/kv-store.ts";
import { openServedIndex } from "./index/served-index.ts";
import { Turns } from "./index/turns.ts";

/** One KV read. Large cold values take seconds at worst; a request that waits longer is of no use to anybody. */
const READ_TIMEOUT_MS = 10_000;

/**
 * What the versions that serve may take together. An isolate has 128 MB for everything, and for a moment holds a
 * second version of an index: twice this leaves a quarter for code, garbage and requests.
 */
const MAX_INDEX_BYTES = 48 * 1024 * 1024;
/** Requests that read pages at once: each holds up to 4 MiB of them for a moment. */
const MAX_PAGING = 3;
/** A request that keeps others waiting this long loses its turn: it may have been cancelled. */
const LEASE_MS = 15_000;

let app: ReturnType<typeof createApp> | undefined;

// Made at the first request and not in global scope, where a Worker may do no I/O.
function appOf(env: Env): ReturnType<typeof createApp> {
  const { RATE_LIMIT: rateLimit, ANALYTICS: analytics } = env;
  if (app !== undefined) return app;
  const config = readConfig(env);
  const now = () => Date.now();
  const sleep = (ms: number) => scheduler.wait(ms);
  const paging = new Turns({ limit: MAX_PAGING, leaseMs: LEASE_MS, now, sleep });
  app = createApp({
    indexes: new IndexSet({
      store: kvStore(env.INDEX, READ_TIMEOUT_MS),
      open: (store, pointer, grant, previous) =>
        openServedIndex(store, pointer, grant, { kernelModule, paging }, previous),
      names: config.indexes,
      maxBytes: MAX_INDEX_BYTES,
      now,
      sleep,
      refreshMs: 30_000,
      leaseMs: LEASE_MS,
      retryMs: 1_000,
    }),
    version: packageJson.version,
    config,
    log: (entry) => writeLog(entry),
    now,
    random: () => Math.random(),
    mayProceed: rateLimit && (async (client) => (await rateLimit.limit({ key: client })).success),
    record: analytics && ((figures) => analytics.writeDataPoint(toDataPoint(figures))),
  });
  return app;
}

function writeLog(entry: LogEntry): void {
  console[entry.level](JSON.stringify(entry));
}

function toDataPoint({
  index,
  indexVersion,
  kind,
  k,
  nprobe,
  listsProbed,
  codesScanned,
  results,
}: SearchFigures): AnalyticsEngineDataPoint {
  return { indexes: [indexVersion], blobs: [kind, index], doubles: [k, nprobe, listsProbed, codesScanned, results] };
}

export default {
  fetch: (request, env, ctx) => appOf(env).fetch(request, env, ctx),
} satisfies ExportedHandler<Env>;
