/** Small facts that lie beside a value and come back with its key in a list. At most 1,024 bytes as JSON. */
export type Metadata = Readonly<Record<string, string | number>>;

export interface StoredKey {
  readonly key: string;
  readonly metadata: Metadata | undefined;
}

export interface StoredValue {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly metadata?: Metadata | undefined;
  /** Seconds, at least 60, after which the store forgets the value by itself. */
  readonly expiresIn?: number | undefined;
}

/**
 * A Workers KV namespace as publishing sees it, on this machine or Cloudflare's. Nothing in it is atomic but a single
 * value, and what was written may be seen elsewhere only `propagationMs` later.
 *
 * A look-up of an absent key is remembered by KV for a while, so nobody calls `get` for a key before a list or a manifest
 * has named it.
 */
export interface KeyValueStore {
  /** How messages call it: "the KV of wrangler dev", "namespace 0f2a…". */
  readonly name: string;
  /** Milliseconds after which a write is seen everywhere: 0 on this machine, a minute at Cloudflare. */
  readonly propagationMs: number;
  /** Reads worth having under way at once. */
  readonly maxReads: number;
  /** All keys that begin with `prefix`, in the order of their bytes. */
  list(prefix: string): Promise<StoredKey[]>;
  /** A value's bytes; null when there is none. */
  get(key: string): Promise<Uint8Array | null>;
  /** Writes values, in any number and order: the store cuts them into requests. When it rejects, some may be written. */
  put(values: readonly StoredValue[]): Promise<void>;
  /** Forgets keys, in any number; absent ones are no error. */
  delete(keys: readonly string[]): Promise<void>;
}

/** Time, so that a test need not wait. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)),
};

/** Runs `work` over all items, at most `limit` at once. The first failure stops the rest from being started. */
export async function forEachLimited<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      try {
        await work(items[next++]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}
