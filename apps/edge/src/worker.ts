/** Entry of the Worker: binds the app to KV, the WASM kernel, the clock and the console. */
import kernelModule from "@poeem/pq-core/kernel-relaxed.wasm";
import packageJson from "../package.json" with { type: "json" };
import { readConfig } from "./config.ts";
import type { Env } from "./env.ts";
import { createApp } from "./http/app.ts";
import type { LogEntry, SearchFigures } from "./http/app-env.ts";
import { IndexHolder } from "./index/holder.ts";
import { kvStore } from "./index/kv-store.ts";
import { openServedIndex } from "./index/served-index.ts";

/** One KV read. Large cold values take seconds at worst; a request that waits longer is of no use to anybody. */
const readTimeoutMs = 10_000;

let app: ReturnType<typeof createApp> | undefined;

// Made at the first request and not in global scope, where a Worker may do no I/O.
function appOf(env: Env): ReturnType<typeof createApp> {
  const { RATE_LIMIT: rateLimit, ANALYTICS: analytics } = env;
  app ??= createApp({
    holder: new IndexHolder({
      store: kvStore(env.INDEX, readTimeoutMs),
      open: (store, pointer) => openServedIndex(store, pointer, kernelModule),
      now: () => Date.now(),
      sleep: (ms) => scheduler.wait(ms),
      refreshMs: 30_000,
      leaseMs: 15_000,
      retryMs: 1_000,
    }),
    version: packageJson.version,
    config: readConfig(env),
    log: (entry) => writeLog(entry),
    now: () => Date.now(),
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
  indexVersion,
  kind,
  k,
  nprobe,
  listsProbed,
  codesScanned,
  results,
}: SearchFigures): AnalyticsEngineDataPoint {
  return { indexes: [indexVersion], blobs: [kind], doubles: [k, nprobe, listsProbed, codesScanned, results] };
}

export default {
  fetch: (request, env, ctx) => appOf(env).fetch(request, env, ctx),
} satisfies ExportedHandler<Env>;
