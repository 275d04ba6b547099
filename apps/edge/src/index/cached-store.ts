/** The platform's Cache API in front of a store that has no cache of its own. */
import { SettingError } from "../setting-error.ts";
import type { Store } from "./store.ts";
import { within } from "./within.ts";

/** A cache of its own, so that no URL of the Worker leads to it. */
const CACHE_NAME = "poeem-index";
/** Seconds. Values never change, so that this is only how long those stay that a prune has deleted. */
const MAX_AGE_S = 30 * 24 * 3600;
/** A cache that takes longer is of no use: the store answers in that time. */
const CACHE_TIMEOUT_MS = 2_000;

/** What is used of the platform's caches. */
export interface PlatformCaches {
  open(name: string): Promise<{
    match(url: string): Promise<Response | undefined>;
    put(url: string, response: Response): Promise<void>;
  }>;
}

export interface CacheOptions {
  /** Default: those of the platform. */
  readonly caches?: PlatformCaches | undefined;
  /** A look into the cache that takes longer is given up, and the store is asked. */
  readonly timeoutMs?: number;
}

/**
 * A store whose values that never change are kept in the Cache API of the data center: one that is there is no
 * operation of the store. Pointers are always read from the store. A cache that fails costs nothing but time: the store
 * is asked, and the failure is told.
 * @param origin of the Worker, which the platform looks up fastest: `cachedStore(r2Store(env.BUCKET),
 *   "https://search.example.com")`
 * @throws SettingError where the platform has no Cache API, as Node
 */
export function cachedStore(
  store: Store,
  origin: string | (() => string),
  {
    caches = (globalThis as { readonly caches?: PlatformCaches }).caches,
    timeoutMs = CACHE_TIMEOUT_MS,
  }: CacheOptions = {},
): Store {
  if (caches === undefined)
    throw new SettingError("a cached store", "a platform with a Cache API", "none: use the store by itself");
  const urlOf = (key: string) =>
    `${typeof origin === "string" ? origin : origin()}/${CACHE_NAME}/${encodeURIComponent(key)}`;
  const find = async (key: string) => {
    const found = await (await caches.open(CACHE_NAME)).match(urlOf(key));
    return found && new Uint8Array(await found.arrayBuffer());
  };
  const keep = async (key: string, bytes: Uint8Array) => {
    const headers = { "Content-Type": "application/octet-stream", "Cache-Control": `public, max-age=${MAX_AGE_S}` };
    await (await caches.open(CACHE_NAME)).put(urlOf(key), new Response(bytes as Uint8Array<ArrayBuffer>, { headers }));
  };
  return {
    ...(store.name !== undefined && { name: store.name }),
    getText: (key, options) => store.getText(key, options),
    async getBytes(key, options = {}) {
      const { meter, again, failed } = options;
      const tried = <T>(work: Promise<T>) =>
        within(work, "the cache", key, timeoutMs).catch((error: unknown) => void failed?.(error));
      // A copy that came damaged stays as long as a good one would: it is looked past, and replaced.
      const found = again ? undefined : await tried(find(key));
      if (found !== undefined) {
        meter?.hit?.();
        meter?.got(found.length);
        return found;
      }
      const bytes = await store.getBytes(key, options);
      // Waited for: whoever gets the bytes may free them, and what nobody waits for may be cancelled with the request.
      if (bytes !== null) await tried(keep(key, bytes));
      return bytes;
    },
  };
}
