/**
 * A Worker of one's own on `createWorker`, and all that fits into it.
 * @module
 */

/** For hooks that add to the filter of a search: `{ and: [search.filter, parseFilter("tenant:acme")] }`. */
export { type Filter, parseFilter } from "@poeem/pq-core";
export * from "./app.ts";
export type { Variables } from "./config.ts";
export { createWorker, type Worker, type WorkerContext, type WorkerOptions } from "./create-worker.ts";
export type { Env, OptionalBindings } from "./env.ts";
