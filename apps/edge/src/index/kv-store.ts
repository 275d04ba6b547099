import { missing, type Store } from "./store.ts";
import { twice } from "./twice.ts";
import { READ_TIMEOUT_MS, within } from "./within.ts";

/** Shortest `cacheTtl` that KV takes, in seconds. */
const SHORT_TTL = 30;
/** For values that never change. KV has no upper limit; after a day, chunks that a prune deleted are gone here too. */
const LONG_TTL = 86_400;

/** What is used of a KV namespace: any binding of one has it. */
export interface KvReader {
  get(key: string, options: { type: "text"; cacheTtl?: number }): Promise<string | null>;
  get(key: string, options: { type: "arrayBuffer"; cacheTtl?: number }): Promise<ArrayBuffer | null>;
}

/**
 * The store over a binding of Workers KV, as `poeem publish` writes it.
 * @param kv the binding, whatever it is called: `kvStore(env.CATALOGUE)`
 * @param timeoutMs a read that takes longer rejects, so that a hanging KV becomes an error that can be told
 */
export function kvStore(kv: KvReader, timeoutMs = READ_TIMEOUT_MS): Store {
  const store: Store = {
    name: "KV",
    getText: (key, options = {}) =>
      twice(options, () => within(kv.get(key, { type: "text", cacheTtl: SHORT_TTL }), "KV", key, timeoutMs)),
    async getBytes(key, options = {}) {
      const get = (cacheTtl: number) =>
        twice(options, () => within(kv.get(key, { type: "arrayBuffer", cacheTtl }), "KV", key, timeoutMs));
      // A bad copy stays in a cache as long as a good one would: with the short time to live it is looked past. So is
      // a miss, which would keep a chunk that reaches this location late from being found for a day.
      const cached = options.again ? null : await get(LONG_TTL);
      if (cached !== null) return new Uint8Array(cached);
      const value = await get(SHORT_TTL);
      if (value === null) return null;
      if (!options.again) options.failed?.(missing(store, key));
      return new Uint8Array(value);
    },
  };
  return store;
}
