/** From options to a running app: store, kernel, memory, clock and console, made once for each isolate or process. */
import { type KernelFactory, loadKernel } from "@poeem/pq-core";
import { platformKernel } from "#kernel";
import packageJson from "../package.json" with { type: "json" };
import { type Config, checkConfig, readConfig, SettingError, type Variables } from "./config.ts";
import type { OptionalBindings } from "./env.ts";
import { createRoutes, type RetrievalApp } from "./http/app.ts";
import type { Dependencies, SearchFigures } from "./http/app-env.ts";
import type { Hooks } from "./http/hooks.ts";
import { IndexSet } from "./index/index-set.ts";
import { DEFAULT_MAX_INDEX_BYTES } from "./index/memory-plan.ts";
import { openServedIndex, type ServedIndex } from "./index/served-index.ts";
import type { Store } from "./index/store.ts";
import { Turns } from "./index/turns.ts";
import { type LogEntry, writeLog } from "./log.ts";

/** Requests that read pages at once: each holds up to 4 MiB of them for a moment. */
const MAX_PAGING = 3;
/** A request that keeps others waiting this long loses its turn: it may have been cancelled. */
const LEASE_MS = 15_000;
/** A pointer older than this is read again. */
const REFRESH_MS = 30_000;

/** What an app is made of. Only the store has to be said; the rest has defaults. */
export interface AppOptions<Env extends object = object> {
  /** Makes the store that indexes are read from: once, at the first request. */
  readonly store: (env: Env) => Store;
  /**
   * Names that `?index=` accepts besides `current`; left out: those of the variable INDEXES, else every published one.
   */
  readonly indexes?: readonly string[];
  /** Authentication, rewriting, logging. */
  readonly hooks?: Hooks<Env>;
  /**
   * What variables and secrets would say, checked like them: what is given here counts instead. A function is called
   * once, at the first request.
   */
  readonly config?: Settings | ((env: Env) => Settings);
  /** pq-core's kernel; left out: that of the platform, relaxed SIMD in a Worker. */
  readonly kernel?: WebAssembly.Module | KernelFactory;
  /**
   * Bytes that the versions being served may take together; default 48 MiB, for an isolate of 128 MB. While one version
   * replaces another, more than half as much again is used for a moment.
   */
  readonly maxIndexBytes?: number;
  /** Milliseconds after which the pointer of an index is read again; default 30,000. */
  readonly refreshMs?: number;
  /** Takes each line of log; left out: the console, as JSON. */
  readonly log?: (entry: LogEntry) => void;
}

/** See {@link AppOptions.config}. */
export type Settings = Partial<Omit<Config, "indexes">>;

/**
 * The Hono app with all routes, to mount in one's own: `app.route("/retrieval", createApp({ … }))`. There, a path that
 * it does not have is answered by the app around it.
 * @throws SettingError naming an option that is not what was expected
 */
export function createApp<Env extends object = object>(options: AppOptions<Env>): RetrievalApp {
  return assemble(options).app;
}

/**
 * The app, and the indexes behind it, for a server that opens them before the first request.
 * @param isBehindOthers see {@link Dependencies}
 */
export function assemble<Env extends object>(options: AppOptions<Env>, isBehindOthers = false) {
  checkOptions(options);
  let made: (Dependencies & { readonly indexes: IndexSet<ServedIndex> }) | undefined;
  // Made at the first request and not in global scope, where a Worker may do no I/O and knows no bindings.
  const dependencies = (env: Env) => {
    made ??= { ...connect(options, env), isBehindOthers };
    return made;
  };
  return { app: createRoutes(packageJson.version, (env) => dependencies(env as Env)), dependencies };
}

function checkOptions<Env extends object>({ config, indexes, maxIndexBytes, refreshMs }: AppOptions<Env>): void {
  if (config !== undefined && typeof config !== "function") checkConfig(config);
  checkConfig({ indexes });
  for (const [name, value] of Object.entries({ maxIndexBytes, refreshMs }))
    if (value !== undefined && !(Number.isFinite(value) && value > 0))
      throw new SettingError(`"${name}"`, "a number above 0", String(value));
}

function connect<Env extends object>(options: AppOptions<Env>, env: Env) {
  const { indexes, hooks = {}, kernel, maxIndexBytes = DEFAULT_MAX_INDEX_BYTES, refreshMs = REFRESH_MS } = options;
  const { RATE_LIMIT: rateLimit, ANALYTICS: analytics } = env as Variables & OptionalBindings;
  const settings = typeof options.config === "function" ? options.config(env) : (options.config ?? {});
  // Each is checked on its own: an undefined member, or none, must not take the place of what a variable says.
  const config = { ...readConfig(env as Variables), ...checkConfig(settings), ...checkConfig({ indexes }) };
  const now = () => Date.now();
  const sleep = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));
  const paging = new Turns({ limit: MAX_PAGING, leaseMs: LEASE_MS, now, sleep });
  const kernelOf = () =>
    kernel === undefined ? platformKernel() : kernel instanceof WebAssembly.Module ? loadKernel(kernel) : kernel;
  return {
    indexes: new IndexSet<ServedIndex>({
      store: options.store(env),
      open: async (store, pointer, grant, previous) =>
        openServedIndex(store, pointer, grant, { kernel: await kernelOf(), paging, maxIndexBytes }, previous),
      names: config.indexes,
      maxBytes: maxIndexBytes,
      now,
      sleep,
      refreshMs,
      leaseMs: LEASE_MS,
      retryMs: 1_000,
    }),
    config,
    hooks,
    log: options.log ?? writeLog,
    now,
    random: () => Math.random(),
    mayProceed: rateLimit && (async (client: string) => (await rateLimit.limit({ key: client })).success),
    record: analytics && ((figures: SearchFigures) => analytics.writeDataPoint(toDataPoint(figures))),
  };
}

function toDataPoint(figures: SearchFigures) {
  const { index, indexVersion, kind, k, nprobe, listsProbed, codesScanned, results } = figures;
  return { indexes: [indexVersion], blobs: [kind, index], doubles: [k, nprobe, listsProbed, codesScanned, results] };
}
