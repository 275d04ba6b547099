import type { Context } from "hono";
import type { AppEnv } from "./app-env.ts";
import type { HookContext } from "./hooks.ts";

/**
 * What a hook is told about this request. Each hook gets a request of its own, so that reading its body takes it from
 * nobody; it is made once somebody looks at it.
 */
export function hookContext(c: Context<AppEnv>): HookContext {
  let own: Request | undefined;
  return {
    get request() {
      const body = c.get("body");
      own ??= body === undefined ? c.req.raw : withBody(c.req.raw, body);
      return own;
    },
    env: c.env,
    requestId: c.get("requestId"),
    waitUntil: (promise) => inBackground(c, promise),
  };
}

/** The request to hand on: with the body that others read by way of Hono, when they did. */
export async function unreadRequest(c: Context): Promise<Request> {
  const { raw } = c.req;
  // By the method: to look at the body would make one, under Node.
  if (raw.method === "GET" || raw.method === "HEAD" || !raw.bodyUsed) return raw;
  return withBody(raw, await c.req.arrayBuffer());
}

function withBody(raw: Request, body: ArrayBuffer): Request {
  const { url, method, headers } = raw;
  // What Cloudflare knows about the client.
  const { cf } = raw as { readonly cf?: unknown };
  return new Request(url, { method, headers, body, ...(cf !== undefined && { cf }) } as RequestInit);
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
