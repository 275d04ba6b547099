/** An answer depends on the index version and the query alone, so both make its ETag, and a match needs no search. */
import type { Context, MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";

/** Seconds that an answer may be used without asking: as long as the pointer of the index is, too. */
const MAX_AGE = 30;

/**
 * Sets ETag, Cache-Control and Cache-Tag.
 * @param canonical the request with all defaults filled in; the order of its members does not count
 * @returns a 304 when the client has this very answer, else undefined
 */
export function answeredByCache(
  c: Context<AppEnv>,
  indexVersion: string,
  canonical: Readonly<Record<string, unknown>>,
): Response | undefined {
  const version = c.get("version");
  const members = Object.entries(canonical)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, name === "embedding" ? bitsOfAll(value) : bitsOf(value)]);
  const etag = `"${hash64(JSON.stringify([version, indexVersion, members]))}"`;
  c.header("ETag", etag);
  c.header("Cache-Control", cacheControl(c, canonical));
  // A purge by version, and one by name: for instance after a rollback.
  c.header("Cache-Tag", `index-${indexVersion},index-name-${c.get("index")}`);
  return matches(c.req.header("if-none-match"), etag) ? c.body(null, 304) : undefined;
}

/** A vector as its bits: exact, and ten times faster than as decimals. */
function bitsOf(value: unknown): unknown {
  if (!(value instanceof Float32Array)) return value;
  return hash64(new Uint16Array(value.buffer, value.byteOffset, value.length * 2));
}

/** The same for one vector, or several by name. */
function bitsOfAll(value: unknown): unknown {
  if (value instanceof Float32Array) return bitsOf(value);
  return Object.entries(value as object)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, vector]) => [name, bitsOf(vector)]);
}

/** What is asked with these is asked by one person: a shared cache would keep it for nobody else. */
const PERSONAL = ["history", "vector", "embedding"];

/** Hooks may go by who asks, which no cache knows: what they let through is asked for again every time. */
function cacheControl(c: Context<AppEnv>, canonical: Readonly<Record<string, unknown>>): string {
  const { hooks } = c.get("dependencies");
  if (hooks.authorize !== undefined || hooks.beforeSearch !== undefined) return "private, no-cache";
  const isPersonal = PERSONAL.some((name) => canonical[name] !== undefined);
  if (isPersonal || cacheScope(c) === "private") return `private, max-age=${MAX_AGE}`;
  // s-maxage also says that none of it may be used afterwards: Cloudflare would go on with an old version as long as
  // the Worker fails.
  return `public, max-age=${MAX_AGE}, s-maxage=${MAX_AGE}`;
}

/**
 * What says nothing else is kept nowhere: caches guess, Cloudflare two hours for a 200 and three minutes for a 404. A
 * 304 says what it says of the answer that somebody has.
 */
export function keepNothingUnsaid(c: Context<AppEnv>): void {
  if (c.res.status !== 304 && !c.res.headers.has("cache-control")) c.header("Cache-Control", "no-store");
}

/**
 * Who may keep an answer. One that somebody had to be let in for is theirs: by tokens, or by middleware around this app
 * as far as one can tell, which is by what it may look at.
 */
export function cacheScope(c: Context<AppEnv>): "public" | "private" {
  const { config, isBehindOthers } = c.get("dependencies");
  const isGuarded = isBehindOthers || config.tokens.length > 0;
  const names = c.req.header("authorization") !== undefined || c.req.header("cookie") !== undefined;
  return isGuarded || names ? "private" : "public";
}

/**
 * 64 bits of hash in hex: two multiply-xor passes with different multipliers, mixed at the end. Not cryptographic:
 * who finds two questions with one ETag misleads only a client that has asked both, and a digest of the platform
 * costs more than the search.
 */
function hash64(units: string | Uint16Array): string {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (let i = 0; i < units.length; i++) {
    const unit = typeof units === "string" ? units.charCodeAt(i) : units[i]!;
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x5bd1e995);
  }
  high = Math.imul(high ^ (low >>> 15), 0x2c1b3c6d);
  low = Math.imul(low ^ (high >>> 13), 0x297a2d39);
  return (
    ((high ^ (low >>> 16)) >>> 0).toString(16).padStart(8, "0") +
    ((low ^ (high >>> 15)) >>> 0).toString(16).padStart(8, "0")
  );
}

/**
 * `If-None-Match: *` is met by any answer, so whether there is one has to be known first: it may turn out that the
 * question is wrong or costs too much.
 */
export const matchAny: MiddlewareHandler<AppEnv> = function matchAny(c, next) {
  return isAny(c.req.header("if-none-match")) ? answerAny(c, next()) : next();
};

async function answerAny(c: Context<AppEnv>, answered: Promise<void>): Promise<void> {
  await answered;
  if (c.res.status === 200 && c.res.headers.has("etag")) c.res = new Response(null, { status: 304 });
}

/** Whether an `If-None-Match` is met by whatever there is. */
export function isAny(ifNoneMatch: string | undefined): boolean {
  return ifNoneMatch?.trim() === "*";
}

/** RFC 9110 section 13.1.2: weak comparison, because a proxy that compresses makes a tag weak. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(",").some((part) => part.trim().replace(/^W\//, "") === etag);
}
