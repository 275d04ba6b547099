/**
 * The Hono app, to mount in one's own: in a Worker, or under Node.
 *
 * @example
 * const app = new Hono<{ Bindings: Env }>();
 * app.route("/retrieval", createApp({ store: (env: Env) => kvStore(env.CATALOGUE) }));
 * export default app;
 * @module
 */
/**
 * For hooks that add to the filter of a search, which need not have one:
 * `filter: search.filter === undefined ? own : { and: [search.filter, own] }`, with `own = parseFilter("tenant:acme")`.
 */
export { type Filter, parseFilter } from "@poeem/pq-core";

export type { App } from "./client.ts";
export { type AppOptions, createApp, type Settings } from "./create-app.ts";
export type { Encoder, EncoderMaker, EncoderOption, EncoderSettings } from "./encoder/encoder.ts";
export { type OpenAiSettings, openAiEmbeddings } from "./encoder/open-ai.ts";
export { type AiBinding, type WorkersAiSettings, workersAi } from "./encoder/workers-ai.ts";
export type { HookContext, Hooks, SearchResponse } from "./http/hooks.ts";
export { Problem, type ProblemError, type ProblemType } from "./http/problem.ts";
export type { SearchRequest } from "./http/requests.ts";
export { type CacheOptions, cachedStore, type PlatformCaches } from "./index/cached-store.ts";
export { type KvReader, kvStore } from "./index/kv-store.ts";
export { type R2Reader, r2Store } from "./index/r2-store.ts";
export type { Store, StoreMeter, StoreReadOptions } from "./index/store.ts";
export type { Limits } from "./limits.ts";
export type { LogEntry } from "./log.ts";
export { SettingError } from "./setting-error.ts";
