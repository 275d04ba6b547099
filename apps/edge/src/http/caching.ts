/** An answer depends on the index version and the query alone, so both make its ETag, and a match needs no search. */
import type { Context } from "hono";
import type { AppEnv } from "./app-env.ts";

/** Seconds that an answer may be used without asking: as long as the pointer of the index is, too. */
const maxAge = 30;

/**
 * Sets ETag, Cache-Control and Cache-Tag.
 * @param canonical the request with all defaults filled in; the order of its members does not count
 * @returns a 304 when the client has this very answer, else undefined
 */
export async function answeredByCache(
  c: Context<AppEnv>,
  indexVersion: string,
  canonical: Readonly<Record<string, unknown>>,
): Promise<Response | undefined> {
  const { version, config } = c.get("options");
  const members = Object.entries(canonical).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([version, indexVersion, members], (_, value) =>
    value instanceof Float32Array ? Array.from(value) : value,
  );
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const etag = `"${[...digest.subarray(0, 12)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
  c.header("ETag", etag);
  c.header("Cache-Control", `${config.tokens.length > 0 ? "private" : "public"}, max-age=${maxAge}`);
  c.header("Cache-Tag", `index-${indexVersion}`);
  return matches(c.req.header("if-none-match"), etag) ? c.body(null, 304) : undefined;
}

/** RFC 9110 section 13.1.2: weak comparison, because a proxy that compresses makes a tag weak. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(",").some((part) => part.trim() === "*" || part.trim().replace(/^W\//, "") === etag);
}
