import type { Store } from "./store.ts";
import { twice } from "./twice.ts";
import { READ_TIMEOUT_MS, within } from "./within.ts";

interface R2Value {
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** What is used of an R2 bucket: any binding of one has it. */
export interface R2Reader {
  get(key: string): Promise<R2Value | null>;
}

/**
 * The store over an R2 bucket with the keys and values of a published index, as they are in KV. R2 has no cache of its
 * own: a pointer is read as it is, and every chunk that memory does not keep is a read from the bucket.
 * @param bucket the binding: `r2Store(env.BUCKET)`
 * @param timeoutMs a read that takes longer rejects
 */
export function r2Store(bucket: R2Reader, timeoutMs = READ_TIMEOUT_MS): Store {
  const read = <T>(key: string, take: (value: R2Value) => Promise<T>): Promise<T | null> => {
    const value = bucket.get(key).then((found) => (found === null ? null : take(found)));
    return within(value, "R2", key, timeoutMs);
  };
  return {
    name: "R2",
    getText: (key, options = {}) => twice(options, () => read(key, (value) => value.text())),
    async getBytes(key, options = {}) {
      const value = await twice(options, () => read(key, (value) => value.arrayBuffer()));
      return value === null ? null : new Uint8Array(value);
    },
  };
}
