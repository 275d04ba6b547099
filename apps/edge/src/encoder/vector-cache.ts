/** Where vectors of texts are kept: in the platform's Cache API or, where there is none, in the process. */

/** Anything that goes wrong in it is as good as nothing found. */
export interface VectorCache {
  /** @param origin of the request, which the platform looks up fastest */
  get(key: string, origin: string): Promise<Uint8Array | undefined>;
  put(key: string, bytes: Uint8Array<ArrayBuffer>, origin: string): Promise<void>;
}

/** A text keeps its vector as long as the encoder keeps its name: this is for those who change it all the same. */
const MAX_AGE_S = 7 * 24 * 3600;
const CACHE_NAME = "poeem-embeddings";
/** What a process keeps: 2,000 vectors of 1024 numbers. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** What is used of the platform's cache. */
interface PlatformCaches {
  open(name: string): Promise<{
    match(url: string): Promise<Response | undefined>;
    put(url: string, response: Response): Promise<void>;
  }>;
}

/** The cache of the platform that this runs on. */
export function platformCache(): VectorCache {
  const { caches } = globalThis as { readonly caches?: PlatformCaches };
  return caches === undefined ? memoryCache() : cacheApi(caches);
}

/** A cache of its own, so that no URL of the Worker leads to it. */
function cacheApi(caches: PlatformCaches): VectorCache {
  const urlOf = (key: string, origin: string) => `${origin}/${CACHE_NAME}/${key}`;
  return {
    async get(key, origin) {
      const found = await (await caches.open(CACHE_NAME)).match(urlOf(key, origin));
      return found && new Uint8Array(await found.arrayBuffer());
    },
    async put(key, bytes, origin) {
      const headers = { "Content-Type": "application/octet-stream", "Cache-Control": `public, max-age=${MAX_AGE_S}` };
      await (await caches.open(CACHE_NAME)).put(urlOf(key, origin), new Response(bytes, { headers }));
    },
  };
}

/** @param most bytes: the least recently used leave first */
export function memoryCache(most = MAX_KEPT_BYTES): VectorCache {
  const kept = new Map<string, Uint8Array>();
  let size = 0;
  const drop = (key: string) => {
    size -= kept.get(key)?.length ?? 0;
    kept.delete(key);
  };
  return {
    async get(key) {
      const bytes = kept.get(key);
      if (bytes === undefined) return undefined;
      kept.delete(key);
      kept.set(key, bytes);
      return bytes;
    },
    async put(key, bytes) {
      drop(key);
      kept.set(key, bytes);
      size += bytes.length;
      for (const oldest of kept.keys()) {
        if (size <= most) break;
        drop(oldest);
      }
    },
  };
}

/** The key of a text: a digest, because a text may be about a person. */
export async function keyOf(parts: readonly unknown[]): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(parts)));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
