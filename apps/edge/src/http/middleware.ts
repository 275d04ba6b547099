/** What every request goes through, in the order in which `app.ts` lists it. */
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import type { Context, MiddlewareHandler, Next } from "hono";
import { cors } from "hono/cors";
import { secureHeaders } from "hono/secure-headers";
import { timingSafeEqual } from "hono/utils/buffer";
import { type Config, configuredTokens } from "../config.ts";
import type { Token } from "../tokens.ts";
import type { AppEnv } from "./app-env.ts";
import { askHook } from "./ask-hook.ts";
import { FALLBACK_HEADER } from "./embedded.ts";
import { hookContext } from "./hook-context.ts";
import type { Hooks } from "./hooks.ts";
import { MAX_URL_BYTES } from "./parameters.ts";
import { Problem } from "./problem.ts";
import { limitByAddress, limitByToken } from "./rate-limit.ts";

type Middleware = MiddlewareHandler<AppEnv>;

/** What differs by configuration: made once for each. */
interface Headers {
  readonly own: Middleware;
  /** Of other origins that may read answers; undefined: there are none. */
  readonly shared: MiddlewareHandler | undefined;
}

const headersOf = new WeakMap<Config, Headers>();

function headersFor(c: Context<AppEnv>): Headers {
  const { config } = c.get("dependencies");
  const headers = headersOf.get(config) ?? makeHeaders(config);
  headersOf.set(config, headers);
  return headers;
}

/** Headers for what a browser does with an answer. */
export const browserHeaders: Middleware = (c, next) => headersFor(c).own(c, next);

/**
 * Other origins may read answers when they are configured. A preflight ends here, and counts like any request.
 * @throws Problem `rate-limited`
 */
export const shareAcrossOrigins: Middleware = function shareAcrossOrigins(c, next) {
  const { shared } = headersFor(c);
  if (shared === undefined) return next();
  if (c.req.method !== "OPTIONS") return shared(c, next);
  // An OPTIONS that is no preflight asks what a path takes, and is answered below.
  if (c.req.header("access-control-request-method") === undefined) return next();
  return limitByAddress(c, async () => {
    const preflight = await shared(c, next);
    if (preflight) c.res = preflight;
  });
};

function makeHeaders({ corsOrigins }: Config): Headers {
  const own = secureHeaders({
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    crossOriginResourcePolicy: corsOrigins.length > 0 ? "cross-origin" : "same-origin",
  });
  if (corsOrigins.length === 0) return { own, shared: undefined };
  const shared = cors({
    origin: corsOrigins.includes("*") ? "*" : [...corsOrigins],
    allowMethods: ["GET", "HEAD", "POST"],
    allowHeaders: ["Authorization", "Content-Type", "If-None-Match", "X-Request-Id"],
    exposeHeaders: ["ETag", "Index-Refresh-Failure", "Server-Timing", FALLBACK_HEADER, "X-Request-Id"],
    maxAge: 86_400,
  });
  return { own, shared };
}

/** @throws Problem `uri-too-long` */
export const limitUrl: Middleware = function limitUrl(c, next) {
  // A URL is ASCII once parsed, so its length is bytes.
  const { length } = c.req.url;
  if (length > MAX_URL_BYTES)
    throw new Problem(
      "uri-too-long",
      `Expected a URL of at most ${MAX_URL_BYTES} bytes, got ${length}; POST /search takes longer ones as JSON`,
    );
  return next();
};

/** Keeps a body as bytes, byte for byte, when there are hooks that may want it: what is left of it is JSON. */
export const keepBody: Middleware = function keepBody(c, next) {
  const { authorize, beforeSearch, afterSearch, onError } = c.get("dependencies").hooks;
  return (authorize ?? beforeSearch ?? afterSearch ?? onError) === undefined ? next() : readBody(c).then(next);
};

async function readBody(c: Context<AppEnv>): Promise<void> {
  c.set("body", await c.req.arrayBuffer());
  // Hono keeps the form that was read first, and would decode it for everybody who wants text.
  Object.assign(c.req.bodyCache, { text: c.req.text() });
}

/**
 * The hook of whoever runs the app.
 * @throws Problem `unauthorized` for anything but true and a response
 */
export const authorizeByHook: Middleware = function authorizeByHook(c, next) {
  const { hooks } = c.get("dependencies");
  return hooks.authorize === undefined ? next() : mayPass(c, hooks, next);
};

async function mayPass(c: Context<AppEnv>, hooks: Hooks, next: Next): Promise<Response | undefined> {
  const answer = await askHook("authorize", () => hooks.authorize!(hookContext(c)));
  // Not as it is: the headers of a redirect cannot be added to.
  if (answer instanceof Response) return c.newResponse(answer.body, answer);
  if (answer !== true) throw new Problem("unauthorized", "This request is not allowed here");
  await next();
  return undefined;
}

/**
 * Bearer tokens, when there are any. Compares in constant time, and with every token, so that time tells nothing.
 * @throws Problem `unauthorized`, or `rate-limited` once the budget of the token is used up
 */
export const authorize: Middleware = function authorize(c, next) {
  const tokens = configuredTokens(c.get("dependencies").config);
  // Without tokens, not even a promise: this is on the way of every search.
  return tokens.length === 0 ? next() : checkToken(c, tokens).then(next);
};

async function checkToken(c: Context<AppEnv>, tokens: readonly Token[]): Promise<void> {
  const given = /^Bearer ([\x21-\x7e]+)$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
  const equal = await Promise.all(tokens.map(({ value }) => timingSafeEqual(given, value)));
  const matched = given === "" ? -1 : equal.indexOf(true);
  if (matched < 0) {
    c.header("WWW-Authenticate", 'Bearer realm="poeem-edge"');
    throw new Problem("unauthorized", "Expected one of the configured tokens in the header Authorization: Bearer …");
  }
  c.set("opens", tokens[matched]!.indexes);
  await limitByToken(c, matched);
}

/** Everything that a search has to pass. */
export const doors = [authorize, authorizeByHook] as const;

/**
 * A probe of a named index passes what a search of it would: who may not ask it learns nothing of it. Of the default
 * index anybody may know whether it is served.
 */
export const guardNamedProbe: readonly Middleware[] = doors.map((door) => (c, next) => {
  const name = c.req.query("index");
  return name === undefined || name === DEFAULT_INDEX_NAME ? next() : door(c, next);
});
