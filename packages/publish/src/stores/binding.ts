import { messageOf, UserError } from "@poeem/offline/errors";
import { SYSTEM_CLOCK } from "../clock.ts";
import { withRetries } from "../retry.ts";
import { checkValues, type Metadata, type Store, type StoredKey } from "../store.ts";

/** The part of a Worker's KV binding that the store needs. */
export interface KvBinding {
  get(key: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
  put(
    key: string,
    value: Uint8Array,
    options: { metadata?: Metadata | undefined; expirationTtl?: number | undefined },
  ): Promise<void>;
  delete(key: string): Promise<void>;
  list(options: { prefix: string; cursor?: string | undefined }): Promise<{
    readonly keys: readonly { readonly name: string; readonly metadata?: unknown }[];
    readonly list_complete: boolean;
    readonly cursor?: string;
  }>;
}

/**
 * The store over a KV binding, as `getPlatformProxy` gives it for the namespace that `wrangler dev` reads. Two
 * processes may have the same database open, and one then finds it locked ("KV PUT failed: 500"): it tries again for
 * some ten seconds.
 */
export function bindingStore(kv: KvBinding, name: string): Store {
  const patiently = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await withRetries(work, RETRIES);
    } catch (error) {
      throw error instanceof UserError ? error : new UserError(`${name}: ${messageOf(error)}`);
    }
  };
  return {
    name,
    propagationMs: 0,
    maxReads: 1,
    async list(prefix) {
      const found: StoredKey[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await patiently(() => kv.list({ prefix, cursor }));
        for (const { name: key, metadata } of page.keys) found.push({ key, metadata: asMetadata(metadata) });
        if (page.list_complete) return found;
        cursor = page.cursor;
      }
    },
    async get(key) {
      const value = await patiently(() => kv.get(key, "arrayBuffer"));
      return value === null ? null : new Uint8Array(value);
    },
    async put(values) {
      checkValues(values);
      for (const { key, bytes, metadata, expiresIn } of values) {
        const options = {
          ...(metadata === undefined ? {} : { metadata }),
          ...(expiresIn === undefined ? {} : { expirationTtl: expiresIn }),
        };
        await patiently(() => kv.put(key, bytes, options));
      }
    },
    async delete(keys) {
      for (const key of keys) await patiently(() => kv.delete(key));
    },
  };
}

const RETRIES = {
  clock: SYSTEM_CLOCK,
  random: Math.random,
  maxAttempts: 6,
  classify: (error: unknown) => {
    const reason = messageOf(error);
    // the runtime has no class for it: what it throws is a plain Error
    return { retriable: /^KV \w+ failed: 5\d\d/.test(reason), reason };
  },
};

/** Metadata as a store gives it: anything but an object is none. */
export function asMetadata(value: unknown): Metadata | undefined {
  return typeof value === "object" && value !== null ? (value as Metadata) : undefined;
}
