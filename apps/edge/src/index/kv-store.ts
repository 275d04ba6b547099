import type { Store } from "./store.ts";

/** Shortest `cacheTtl` that KV takes, in seconds. */
const SHORT_TTL = 30;
/** For values that never change. KV has no upper limit; after a day, chunks that a prune deleted are gone here too. */
const LONG_TTL = 86_400;

/**
 * The store over a KV binding.
 * @param timeoutMs a read that takes longer rejects, so that a hanging KV becomes an error that can be told.
 */
export function kvStore(kv: KVNamespace, timeoutMs: number): Store {
  return {
    getText: (key) => withTimeout(kv.get(key, { type: "text", cacheTtl: SHORT_TTL }), key, timeoutMs),
    async getBytes(key) {
      const read = (cacheTtl: number) => withTimeout(kv.get(key, { type: "arrayBuffer", cacheTtl }), key, timeoutMs);
      // One failed read would fail a whole answer, so each is tried twice; at once, because a request waits.
      const get = (cacheTtl: number) => read(cacheTtl).catch(() => read(cacheTtl));
      // A miss is cached as long as a value would be. Asking again with the short time to live keeps a chunk that
      // reaches this location late from being missing for a day.
      const value = (await get(LONG_TTL)) ?? (await get(SHORT_TTL));
      return value === null ? null : new Uint8Array(value);
    },
  };
}

async function withTimeout<T>(promise: Promise<T>, key: string, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`[edge] KV key "${key}" did not come within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
