/** What every request goes through, in the order in which `app.ts` lists it. */
import type { Context, MiddlewareHandler, Next } from "hono";
import { cors } from "hono/cors";
import { secureHeaders } from "hono/secure-headers";
import { timingSafeEqual } from "hono/utils/buffer";
import type { Config } from "../config.ts";
import type { AppEnv } from "./app-env.ts";
import { hookContext } from "./hook-context.ts";
import type { Hooks } from "./hooks.ts";
import { MAX_URL_BYTES } from "./parameters.ts";
import { Problem } from "./problem.ts";

type Middleware = MiddlewareHandler<AppEnv>;

const headersOf = new WeakMap<Config, Middleware>();

/** Headers for what a browser does with an answer. Other origins may read it only when they are configured. */
export const browserHeaders: Middleware = function browserHeaders(c, next) {
  const { config } = c.get("dependencies");
  const headers = headersOf.get(config) ?? makeHeaders(config);
  headersOf.set(config, headers);
  return headers(c, next);
};

function makeHeaders({ corsOrigins }: Config): Middleware {
  const secure = secureHeaders({
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    crossOriginResourcePolicy: corsOrigins.length > 0 ? "cross-origin" : "same-origin",
  });
  if (corsOrigins.length === 0) return secure;
  const shared = cors({
    origin: corsOrigins.includes("*") ? "*" : [...corsOrigins],
    allowMethods: ["GET", "HEAD", "POST"],
    allowHeaders: ["Authorization", "Content-Type", "If-None-Match", "X-Request-Id"],
    exposeHeaders: ["ETag", "Index-Refresh-Failure", "Server-Timing", "X-Request-Id"],
    maxAge: 86_400,
  });
  return async function sharedHeaders(c, next) {
    return secure(c, async () => {
      // An OPTIONS that is no preflight asks what a path takes, and is answered below.
      if (c.req.method === "OPTIONS" && c.req.header("access-control-request-method") === undefined) return next();
      const preflight = await shared(c, next);
      if (preflight) c.res = preflight;
    });
  };
}

/** @throws Problem `uri-too-long` */
export const limitUrl: Middleware = function limitUrl(c, next) {
  // A URL is ASCII once parsed, so its length is bytes.
  const { length } = c.req.url;
  if (length > MAX_URL_BYTES)
    throw new Problem("uri-too-long", `Expected a URL of at most ${MAX_URL_BYTES} bytes, got ${length}`);
  return next();
};

/**
 * The hook of whoever runs the app.
 * @throws Problem `unauthorized` for anything but true and a response
 */
export const authorizeByHook: Middleware = function authorizeByHook(c, next) {
  const { hooks } = c.get("dependencies");
  return hooks.authorize === undefined ? next() : askHook(c, hooks, next);
};

async function askHook(c: Context<AppEnv>, hooks: Hooks, next: Next): Promise<Response | undefined> {
  const answer = await hooks.authorize!(hookContext(c));
  // Not as it is: the headers of a redirect cannot be added to.
  if (answer instanceof Response) return c.newResponse(answer.body, answer);
  if (answer !== true) throw new Problem("unauthorized", "This request is not allowed here");
  await next();
  return undefined;
}

/** Bearer tokens, when there are any. Compares in constant time, and with every token, so that time tells nothing. */
export const authorize: Middleware = function authorize(c, next) {
  const { tokens } = c.get("dependencies").config;
  // Without tokens, not even a promise: this is on the way of every search.
  return tokens.length === 0 ? next() : checkToken(c, tokens).then(next);
};

async function checkToken(c: Context<AppEnv>, tokens: readonly string[]): Promise<void> {
  const given = /^Bearer ([\x21-\x7e]+)$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
  const equal = await Promise.all(tokens.map((token) => timingSafeEqual(given, token)));
  if (given !== "" && equal.includes(true)) return;
  c.header("WWW-Authenticate", 'Bearer realm="poeem-edge"');
  throw new Problem("unauthorized", "Expected one of the configured tokens in the header Authorization: Bearer …");
}

/** The platform's rate limiter, when one is bound, a client: its token, else its address. */
export const limitRate: Middleware = function limitRate(c, next) {
  const { mayProceed } = c.get("dependencies");
  return mayProceed === undefined ? next() : checkRate(c, mayProceed).then(next);
};

async function checkRate(c: Context<AppEnv>, mayProceed: (client: string) => Promise<boolean>): Promise<void> {
  const client = c.req.header("authorization") ?? c.req.header("cf-connecting-ip") ?? "unknown";
  if (await mayProceed(client)) return;
  c.header("Retry-After", "10");
  throw new Problem("rate-limited", "This client sends more requests than the configured limit allows");
}
