/** The page's files from memory, as the assets of a Worker are served: `/reference` is `reference.html`. */
import { createHash } from "node:crypto";
import { extname } from "node:path";
import type { MiddlewareHandler } from "hono";
import { isAny, matches } from "../http/caching.ts";
import { pageHeaders } from "../site/files.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};

interface Page {
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Answers `GET` and `HEAD` of a file, and leaves all else to what comes after it.
 * @param files of `pageFiles`: path in the site → bytes
 */
export function pageRoutes(files: ReadonlyMap<string, Uint8Array>): MiddlewareHandler {
  const common = Object.fromEntries(pageHeaders(files));
  const pages = new Map<string, Page>();
  for (const [path, bytes] of files) {
    if (path === "_headers") continue;
    const address = path === "index.html" ? "/" : `/${path.replace(/\.html$/, "")}`;
    const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    const headers = {
      ...common,
      "Content-Type": type,
      ETag: etag,
      "Cache-Control": "public, max-age=0, must-revalidate",
    };
    pages.set(address, { bytes, etag, headers });
  }
  return async function servePage(c, next) {
    const page = ["GET", "HEAD"].includes(c.req.method) ? pages.get(c.req.path) : undefined;
    if (page === undefined) return next();
    const tag = c.req.header("if-none-match");
    if (isAny(tag) || matches(tag, page.etag)) return c.body(null, 304, page.headers);
    return c.body(page.bytes as Uint8Array<ArrayBuffer>, 200, page.headers);
  };
}
