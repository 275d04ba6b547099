/** From options to a running app: store, kernel, memory, clock and console, made once for each isolate or process. */
import { type KernelFactory, loadKernel } from "@poeem/pq-core";
import { platformKernel } from "#kernel";
import packageJson from "../package.json" with { type: "json" };
import { type Config, checkConfig, checkTogether, nameOfTokens, readConfig, type Variables } from "./config.ts";
import { EncoderDesk } from "./encoder/desk.ts";
import { checkEncoderOption, type EncoderOption, readEncoders } from "./encoder/encoder.ts";
import { platformCache } from "./encoder/vector-cache.ts";
import type { OptionalBindings, RateLimiter } from "./env.ts";
import { type Figures, toDataPoint } from "./figures.ts";
import { createRoutes, type RetrievalApp } from "./http/app.ts";
import type { Dependencies } from "./http/app-env.ts";
import type { Hooks } from "./http/hooks.ts";
import { Arrivals } from "./index/arrivals.ts";
import { IndexSet } from "./index/index-set.ts";
import { arrivalBytes, DEFAULT_MAX_INDEX_BYTES } from "./index/memory-plan.ts";
import { openServedIndex, PAGING, type ServedIndex } from "./index/served-index.ts";
import type { Store } from "./index/store.ts";
import { Turns } from "./index/turns.ts";
import type { Limits } from "./limits.ts";
import { causesOf, type LogEntry, writeLog } from "./log.ts";
import { Repeats } from "./repeats.ts";
import { SettingError } from "./setting-error.ts";

/** A load that gets nothing for so long loses its turn: its request may have been cancelled. */
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
  /**
   * What turns texts into embeddings, for indexes whose model reads them: `workersAi(…)`, `openAiEmbeddings(…)` or an
   * object of one's own, or several. Left out: callers give `embedding` themselves.
   */
  readonly encoder?: EncoderOption<Env>;
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
   * replaces another, up to three quarters as much again is used for a moment.
   */
  readonly maxIndexBytes?: number;
  /** Milliseconds after which the pointer of an index is read again; default 30,000. */
  readonly refreshMs?: number;
  /** Takes each line of log; left out: the console, as JSON. */
  readonly log?: (entry: LogEntry) => void;
  /**
   * The address of a client, for the rate limit; left out: Cloudflare's word for it, in Node the socket's. Behind a
   * proxy of one's own that is the proxy's, and what it puts into a header counts.
   */
  readonly addressOf?: (request: Request, env: Env) => string | undefined;
}

/** See {@link AppOptions.config}. */
export type Settings = Partial<Omit<Config, "indexes" | "limits">> & {
  /** One by one: those that are left out are those of the variable LIMITS, else their defaults. */
  readonly limits?: Partial<Limits>;
};

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
  let failed: { readonly error: unknown } | undefined;
  // Made at the first request and not in global scope, where a Worker may do no I/O and knows no bindings.
  const dependencies = (env: Env) => {
    // Settings stay what they are until the next deploy, which starts anew.
    if (failed !== undefined) throw failed.error;
    try {
      made ??= { ...connect(options, env), isBehindOthers };
      return made;
    } catch (error) {
      failed = { error };
      throw error;
    }
  };
  const app = createRoutes(packageJson.version, (env) => dependencies(env as Env), options.log);
  return { app, dependencies };
}

/** What each option has to be, for those who have no type checker: a misspelt one might have been a door. */
const OPTIONS: Readonly<Record<keyof AppOptions, "function" | "object" | "other">> = {
  store: "function",
  indexes: "other",
  encoder: "other",
  hooks: "object",
  config: "other",
  kernel: "other",
  maxIndexBytes: "other",
  refreshMs: "other",
  log: "function",
  addressOf: "function",
};
const HOOKS: Readonly<Record<keyof Hooks, true>> = {
  authorize: true,
  beforeSearch: true,
  afterSearch: true,
  onError: true,
};
/** What cannot hold an index is no budget: 48, meant as MiB, say. */
const LEAST_INDEX_BYTES = 1024 * 1024;

function checkOptions<Env extends object>(options: AppOptions<Env>): void {
  for (const [name, value] of Object.entries(options)) {
    const type = OPTIONS[name as keyof AppOptions];
    if (type === undefined)
      throw new SettingError("the app", `no other options than ${Object.keys(OPTIONS).join(", ")}`, `"${name}"`);
    if (type !== "other" && value !== undefined && (value === null || typeof value !== type))
      throw new SettingError(`"${name}"`, `a value of type ${type}`, value === null ? "null" : typeof value);
  }
  const { config, indexes, kernel, hooks = {}, maxIndexBytes = LEAST_INDEX_BYTES, refreshMs = 1 } = options;
  if (typeof options.store !== "function") throw new SettingError('"store"', "a function that makes a store", "none");
  // A hook under another name is never asked.
  for (const [name, hook] of Object.entries(hooks))
    if (!(name in HOOKS) && typeof hook === "function")
      throw new SettingError('"hooks"', `no other functions than ${Object.keys(HOOKS).join(", ")}`, `"${name}"`);
    else if (name in HOOKS && hook !== undefined && typeof hook !== "function")
      throw new SettingError(`hook "${name}"`, "a function", hook === null ? "null" : `a value of type ${typeof hook}`);
  if (config !== undefined && typeof config !== "function") checkConfig(config);
  checkConfig({ indexes });
  checkEncoderOption(options.encoder);
  if (kernel !== undefined && typeof kernel !== "function" && !(kernel instanceof WebAssembly.Module))
    throw new SettingError('"kernel"', "a WebAssembly module or a kernel of pq-core", typeof kernel);
  for (const [name, value, least] of [
    ["maxIndexBytes", maxIndexBytes, LEAST_INDEX_BYTES],
    ["refreshMs", refreshMs, 1],
  ] as const)
    if (!(Number.isFinite(value) && value >= least))
      throw new SettingError(`"${name}"`, `a number from ${least}`, String(value));
}

function connect<Env extends object>(options: AppOptions<Env>, env: Env) {
  const { indexes, hooks = {}, kernel, maxIndexBytes = DEFAULT_MAX_INDEX_BYTES, refreshMs = REFRESH_MS } = options;
  const { RATE_LIMIT: rateLimit, ANALYTICS: analytics } = env as Variables & OptionalBindings;
  const { TOKEN_RATE_LIMIT: tokenRateLimit = rateLimit } = env as OptionalBindings;
  checkMembers("binding RATE_LIMIT", "a rate limiter", rateLimit, ["limit"]);
  checkMembers("binding TOKEN_RATE_LIMIT", "a rate limiter", tokenRateLimit, ["limit"]);
  checkMembers("binding ANALYTICS", "an Analytics Engine data set", analytics, ["writeDataPoint"]);
  const settings = typeof options.config === "function" ? options.config(env) : (options.config ?? {});
  // Each is checked on its own: an undefined member, or none, must not take the place of what a variable says.
  const variables = readConfig(env as Variables);
  const given = checkConfig(settings);
  const limits = { ...variables.limits, ...given.limits };
  const config = { ...variables, ...given, ...checkConfig({ indexes }), limits };
  checkTogether(config, nameOfTokens(given.tokens !== undefined));
  const store = options.store(env);
  checkMembers('"store"', "to make a store", store ?? null, ["getText", "getBytes"]);
  const log = options.log ?? writeLog;
  const repeats = new Repeats();
  const now = () => Date.now();
  const cache = platformCache();
  const encoders = readEncoders(options.encoder, env).map((encoder) => new EncoderDesk(encoder, { cache, now }));
  const sleep = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));
  const paging = new Turns({ ...PAGING, now, sleep });
  const arrivals = new Arrivals(arrivalBytes(maxIndexBytes));
  const kernelOf = () =>
    kernel === undefined ? platformKernel() : kernel instanceof WebAssembly.Module ? loadKernel(kernel) : kernel;
  return {
    indexes: new IndexSet<ServedIndex>({
      store,
      open: async (store, pointer, grant, previous) =>
        openServedIndex(
          store,
          pointer,
          grant,
          { kernel: await kernelOf(), paging, encoders, arrivals, maxIndexBytes },
          previous,
        ),
      names: config.indexes,
      maxBytes: maxIndexBytes,
      now,
      sleep,
      refreshMs,
      leaseMs: LEASE_MS,
      retryMs: 1_000,
      report: (event) => repeats.sayIndex(event, now(), log),
    }),
    config,
    hooks,
    log,
    repeats,
    now,
    random: () => Math.random(),
    mayProceed: mayProceedBy(rateLimit, tokenRateLimit, (error) => {
      repeats.say("limiter", { level: "error", event: "limiter-failed", causes: causesOf(error) }, now(), log);
    }),
    addressOf: options.addressOf as Dependencies["addressOf"],
    record: analytics && ((figures: Figures) => analytics.writeDataPoint(toDataPoint(figures))),
  };
}

/** @throws SettingError unless `value` has these functions, or is left out */
function checkMembers(name: string, expected: string, value: object | null | undefined, members: readonly string[]) {
  if (value === undefined) return;
  const missing = members.find((member) => typeof (value as Record<string, unknown> | null)?.[member] !== "function");
  if (missing !== undefined) throw new SettingError(name, expected, `a value without the function ${missing}`);
}

/**
 * One budget for each key: of an address or of a token. Either limiter alone leaves the other kind without limit.
 * A limiter that fails lets everybody pass, as it would be an outage of its own, and `failed` is told.
 */
function mayProceedBy(
  ofAddresses: RateLimiter | undefined,
  ofTokens: RateLimiter | undefined,
  failed: (error: unknown) => void,
) {
  if (ofAddresses === undefined && ofTokens === undefined) return undefined;
  return async (client: string) => {
    const limiter = client.startsWith("token:") ? ofTokens : ofAddresses;
    try {
      if (limiter === undefined) return true;
      const { success, retryAfter, most } = await limiter.limit({ key: client });
      return success || { retryAfter, most };
    } catch (error) {
      failed(error);
      return true;
    }
  };
}
