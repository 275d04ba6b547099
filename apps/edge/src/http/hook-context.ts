import type { Context } from "hono";
import type { AppEnv } from "./app-env.ts";
import type { HookContext } from "./hooks.ts";

/** What the hooks are told about this request. */
export function hookContext(c: Context<AppEnv>): HookContext {
  return {
    request: c.req.raw,
    env: c.env,
    requestId: c.get("requestId"),
    waitUntil: (promise) => inBackground(c, promise),
  };
}

/** Goes on with some work after the answer is out. Outside of a Worker nothing has to be kept alive for that. */
export function inBackground(c: Context, promise: Promise<unknown>): void {
  const context = executionContextOf(c);
  if (context === undefined) promise.catch(() => undefined);
  else context.waitUntil(promise);
}

/** Hono throws where there is none. */
export function executionContextOf(c: Context): Context["executionCtx"] | undefined {
  try {
    return c.executionCtx;
  } catch {
    return undefined;
  }
}
