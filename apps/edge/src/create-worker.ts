/** A whole Worker from a few options: the app, one's own routes before it, and the bound store if none is named. */
import type { ExecutionContext, Hono } from "hono";
import { boundStore } from "./bound-store.ts";
import { type AppOptions, assemble } from "./create-app.ts";
import type { Env as DefaultEnv } from "./env.ts";
import type { Store } from "./index/store.ts";
import { SettingError } from "./setting-error.ts";
import { withRoutes } from "./with-routes.ts";

/** All are optional. */
export interface WorkerOptions<Env extends object = DefaultEnv> extends Omit<AppOptions<Env>, "store"> {
  /** Where indexes are read from; left out: the KV binding INDEX, or the R2 binding INDEX_BUCKET. */
  readonly store?: (env: Env) => Store;
  /**
   * Adds routes and middleware of one's own. They come first: `app.use("*", …)` runs around everything, and what no
   * route here answers goes to the retrieval routes.
   */
  readonly routes?: (app: Hono<{ Bindings: Env }>) => void;
}

/** What a Worker exports by default. */
export interface Worker<Env> {
  fetch(request: Request, env: Env, ctx: WorkerContext): Promise<Response>;
}

/** What is used of the platform's execution context. */
export interface WorkerContext {
  waitUntil(promise: Promise<unknown>): void;
  passThroughOnException(): void;
}

/**
 * A Worker that serves what `poeem publish` has put into its store.
 *
 * @example
 * interface Env {
 *   readonly CATALOGUE: KVNamespace;
 * }
 * export default createWorker({
 *   store: (env: Env) => kvStore(env.CATALOGUE),
 *   routes: (app) => app.get("/hello", (c) => c.text("Hello!")),
 * });
 * @throws SettingError naming an option that is not what was expected
 */
export function createWorker<Env extends object = DefaultEnv>(options: WorkerOptions<Env> = {}): Worker<Env> {
  if (typeof options !== "object" || options === null)
    throw new SettingError("the Worker", "an object of options", String(options));
  const { routes, ...rest } = options;
  if (routes !== undefined && typeof routes !== "function")
    throw new SettingError('"routes"', "a function that takes a Hono app", typeof routes);
  let origin: string | undefined;
  const store = options.store ?? ((env: Env) => boundStore(env, () => origin!));
  const { app: retrieval } = assemble<Env>({ ...rest, store }, routes !== undefined);
  const app = withRoutes(retrieval, routes);
  return {
    fetch: async (request, env, ctx) => {
      // Of the first request: a Worker has one address as a rule, and with two its cache has some values twice.
      origin ??= new URL(request.url).origin;
      return app.fetch(request, env, ctx as ExecutionContext);
    },
  };
}
