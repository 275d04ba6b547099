/** Entry of the Worker: binds the app to KV, the WASM kernel and the clock. */
import kernelModule from "@poeem/pq-core/kernel.wasm";
import packageJson from "../package.json" with { type: "json" };
import { createApp } from "./http/app.ts";
import { IndexHolder } from "./index/holder.ts";
import { openServedIndex } from "./index/served-index.ts";
import { kvStore } from "./index/store.ts";

export interface Env {
  /** Workers KV namespace that `poeem publish` writes to. */
  readonly INDEX: KVNamespace;
}

/** One KV read. Large cold values take seconds at worst; a request that waits longer is of no use to anybody. */
const readTimeoutMs = 10_000;

let app: ReturnType<typeof createApp> | undefined;

// Made at the first request and not in global scope, where a Worker has no bindings and may do no I/O.
function appOf(env: Env): ReturnType<typeof createApp> {
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
    reportError: (error, requestId) =>
      console.error(
        JSON.stringify({
          level: "error",
          requestId,
          message: String(error),
          stack: error instanceof Error ? error.stack : undefined,
        }),
      ),
  });
  return app;
}

export default {
  fetch: (request, env, ctx) => appOf(env).fetch(request, env, ctx),
} satisfies ExportedHandler<Env>;
