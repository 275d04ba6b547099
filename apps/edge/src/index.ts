/**
 * A Worker of one's own on `createWorker`, and all that fits into it.
 * @module
 */

export * from "./app.ts";
export type { StoreBindings } from "./bound-store.ts";
export type { Variables } from "./config.ts";
export { createWorker, type Worker, type WorkerContext, type WorkerOptions } from "./create-worker.ts";
export type { Env, OptionalBindings } from "./env.ts";
