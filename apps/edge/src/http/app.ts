/** The Hono app. Everything it needs from outside comes in as `AppOptions`, so that it runs without KV. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { methodNotAllowed } from "hono/method-not-allowed";
import { type RequestIdVariables, requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import type { IndexHolder } from "../index/holder.ts";
import type { ServedIndex } from "../index/served-index.ts";
import { invalidRequest, maxUrlBytes, zodErrors } from "./parameters.ts";
import { Problem, problemResponse } from "./problem.ts";
import { healthRoute, readyRoute, searchRoute, versionRoute } from "./routes.ts";
import { search } from "./search.ts";

export interface AppOptions {
  /** Gives the index of a request; see `IndexHolder`. */
  readonly holder: Pick<IndexHolder<ServedIndex>, "acquire" | "current" | "refreshFailure">;
  /** Version of the code, for `/version`. */
  readonly version: string;
  /** Where an error goes that is nobody's fault but ours. */
  readonly reportError: (error: unknown, requestId: string) => void;
}

type AppEnv = { Variables: RequestIdVariables };

export function createApp({ holder, version, reportError }: AppOptions) {
  const app = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(zodErrors(result.error));
    },
  });
  const acquire = (c: Context<AppEnv>) => holder.acquire((promise) => c.executionCtx.waitUntil(promise));

  app.use(requestId());
  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } }));
  app.use(async function limitUrl(c, next) {
    // Workers normalise a URL to ASCII, so length is bytes.
    if (c.req.url.length > maxUrlBytes)
      throw new Problem("uri-too-long", `The address expected at most ${maxUrlBytes} bytes, got ${c.req.url.length}`);
    await next();
  });
  app.use(async function tellRefreshFailure(c, next) {
    await next();
    const failure = holder.refreshFailure;
    // Header values are Latin-1 without line ends; a key in a message may hold anything.
    if (failure !== undefined) c.header("Index-Refresh-Failure", failure.slice(0, 300).replace(/[^\x20-\x7e]/g, "?"));
  });
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        const allow = methods.join(", ");
        const problem = new Problem(
          "method-not-allowed",
          `${c.req.path} takes ${allow}, got ${c.req.method.slice(0, 20)}`,
        );
        return problemResponse(c, problem, { Allow: allow });
      },
    }),
  );

  app.notFound((c) =>
    problemResponse(c, new Problem("not-found", "The paths are /, /search, /version, /healthz and /readyz")),
  );
  app.onError((error, c) => {
    if (error instanceof Problem) return problemResponse(c, error);
    if (error instanceof HTTPException && error.status < 500)
      return problemResponse(c, new Problem("invalid-request", error.message));
    reportError(error, c.get("requestId"));
    return problemResponse(c, new Problem("internal-error", "The error is logged under the request id"));
  });

  return app
    .openapi(searchRoute, async (c) => c.json(await search(await acquire(c), c.req.valid("query")), 200))
    .openapi(healthRoute, (c) => c.json({ status: "ok" as const }, 200))
    .openapi(readyRoute, async (c) =>
      c.json({ status: "ready" as const, indexVersion: (await acquire(c)).version }, 200),
    )
    .openapi(versionRoute, (c) => {
      const served = holder.current;
      const failure = holder.refreshFailure ?? null;
      return c.json(
        { name: "poeem-edge" as const, version, index: served ? describeIndex(served) : null, refreshFailure: failure },
        200,
      );
    });
}

function describeIndex({ index, publishedAt }: ServedIndex) {
  const { version, formatVersion, numItems, dim, metric, nlist, numSubQuantizers, nbits, defaultNprobe } =
    index.manifest;
  const bytesPerItem = (numSubQuantizers * nbits) / 8;
  return {
    version,
    publishedAt,
    formatVersion,
    numItems,
    dim,
    metric,
    nlist,
    numSubQuantizers,
    nbits,
    bytesPerItem,
    defaultNprobe,
    kernel: index.kernel,
  };
}
