import { messageOf, UserError } from "@poeem/offline/errors";
import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { withRetries } from "../retry.ts";
import { checkValues, type Store } from "../store.ts";
import { listed, type ObjectState, stateOf, toCustomMetadata } from "./object-metadata.ts";

type Custom = Readonly<Record<string, string>>;

/** The part of a Worker's R2 binding that the store needs. */
export interface BucketBinding {
  get(key: string): Promise<{ arrayBuffer(): Promise<ArrayBuffer>; readonly customMetadata?: Custom } | null>;
  put(key: string, value: Uint8Array, options: { customMetadata: Record<string, string> }): Promise<unknown>;
  delete(keys: string[]): Promise<void>;
  list(options: { prefix: string; cursor?: string | undefined; include: ["customMetadata"] }): Promise<{
    readonly objects: readonly { readonly key: string; readonly customMetadata?: Custom }[];
    readonly truncated: boolean;
    readonly cursor?: string;
  }>;
}

/** Keys in one request to delete. */
const MAX_DELETED = 1000;

/** The store over an R2 binding, as `getPlatformProxy` gives it for the bucket that `wrangler dev` reads. */
export function bucketStore(bucket: BucketBinding, name: string, clock: Clock = SYSTEM_CLOCK): Store {
  const patiently = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await withRetries(work, { ...RETRIES, clock });
    } catch (error) {
      throw error instanceof UserError ? error : new UserError(`${name}: ${messageOf(error)}`);
    }
  };
  const remove = async (keys: readonly string[]) => {
    for (let at = 0; at < keys.length; at += MAX_DELETED)
      await patiently(() => bucket.delete(keys.slice(at, at + MAX_DELETED)));
  };
  return {
    name,
    propagationMs: 0,
    maxReads: 1,
    async list(prefix) {
      const found: { key: string; state: ObjectState }[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await patiently(() => bucket.list({ prefix, cursor, include: ["customMetadata"] }));
        for (const { key, customMetadata } of page.objects)
          found.push({ key, state: stateOf(customMetadata, clock.now()) });
        if (!page.truncated) return listed(found, remove);
        cursor = page.cursor;
      }
    },
    async get(key) {
      return patiently(async () => {
        const object = await bucket.get(key);
        if (object === null || stateOf(object.customMetadata, clock.now()).isOver) return null;
        return new Uint8Array(await object.arrayBuffer());
      });
    },
    async put(values) {
      checkValues(values);
      for (const value of values) {
        const customMetadata = toCustomMetadata(value, clock.now());
        await patiently(() => bucket.put(value.key, value.bytes, { customMetadata }));
      }
    },
    delete: remove,
  };
}

const RETRIES = {
  random: Math.random,
  maxAttempts: 6,
  classify: (error: unknown) => {
    const reason = messageOf(error);
    // as of KV: two processes may have the same database open, and one then finds it locked
    return { retriable: /\b(?:10001|10043)\b|internal error/i.test(reason), reason };
  },
};
