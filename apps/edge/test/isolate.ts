/** An isolate of its own over the test's KV, with a clock that the test moves and everything it says recorded. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { loadKernel } from "@poeem/pq-core";
import kernelModule from "@poeem/pq-core/kernel.wasm";
import { readConfig } from "../src/config.ts";
import type { Figures } from "../src/figures.ts";
import { createRoutes } from "../src/http/app.ts";
import type { Dependencies } from "../src/http/app-env.ts";
import { Arrivals } from "../src/index/arrivals.ts";
import { IndexSet } from "../src/index/index-set.ts";
import { type KvReader, kvStore } from "../src/index/kv-store.ts";
import type { MemoryLimits } from "../src/index/memory-plan.ts";
import { openServedIndex, PAGING } from "../src/index/served-index.ts";
import type { Store } from "../src/index/store.ts";
import { Turns } from "../src/index/turns.ts";
import type { IndexEvent, LogEntry } from "../src/log.ts";
import { Repeats } from "../src/repeats.ts";

/** What an isolate stands on; left out: the test's KV, a clock of its own, the usual limits of memory. */
interface Beneath extends MemoryLimits {
  readonly kv?: KvReader;
  /** Instead of a store over `kv`. */
  readonly store?: Store;
  readonly clock?: { now: number };
  /** A read that takes longer fails. */
  readonly timeoutMs?: number;
}

export function makeIsolate(
  variables: Parameters<typeof readConfig>[0] = {},
  overrides: Partial<Dependencies> = {},
  maxBytes = 40 * 1024 * 1024,
  { kv = env.INDEX, clock = { now: 0 }, timeoutMs = 1_000, store, ...limits }: Beneath = {},
) {
  const kernel = loadKernel(kernelModule);
  const config = readConfig(variables);
  const logged: LogEntry[] = [];
  const recorded: Figures[] = [];
  const reported: IndexEvent[] = [];
  const sleep = async (ms: number) => {
    clock.now += ms;
    await scheduler.wait(ms);
  };
  const paging = new Turns({ ...PAGING, now: () => clock.now, sleep });
  const arrivals = new Arrivals(maxBytes / 4);
  const dependencies: Dependencies = {
    indexes: new IndexSet({
      store: store ?? kvStore(kv, timeoutMs),
      open: (store, pointer, grant, previous) =>
        openServedIndex(store, pointer, grant, { kernel, paging, arrivals, ...limits }, previous),
      names: config.indexes,
      maxBytes,
      now: () => clock.now,
      sleep,
      refreshMs: 30_000,
      leaseMs: 15_000,
      retryMs: 1_000,
      report: (event) => reported.push(event),
    }),
    config,
    hooks: {},
    isBehindOthers: false,
    log: (entry) => logged.push(entry),
    repeats: new Repeats(),
    now: () => clock.now,
    random: () => 0.5,
    record: (figures) => recorded.push(figures),
    ...overrides,
  };
  const app = createRoutes("test", () => dependencies);
  const request = async (path: string, init?: RequestInit): Promise<Response> => {
    const ctx = createExecutionContext();
    const response = await app.fetch(new Request(`https://edge.test${path}`, init), env, ctx);
    await waitOnExecutionContext(ctx);
    return response;
  };
  const get = async (path: string, init?: RequestInit) => {
    const response = await request(path, init);
    const text = await response.text();
    // biome-ignore lint/suspicious/noExplicitAny: bodies are checked member by member
    return { status: response.status, headers: response.headers, body: (text === "" ? null : JSON.parse(text)) as any };
  };
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    get("/search", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  /** Lets the pointer get old, and one request notice it. */
  const refresh = async () => {
    clock.now += 30_000;
    await get("/readyz");
  };
  return { app, request, get, post, refresh, clock, logged, recorded, reported };
}
