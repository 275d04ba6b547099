import type { ReadMeter, ReadOptions } from "@poeem/pq-core";
import { ReadError } from "./failures.ts";
import { within } from "./within.ts";

/** Where indexes are read from. Two verbs, so that a store of one's own is small and a test can make it fail or lie. */
export interface Store {
  /** What errors call it, as in "KV has no key …"; left out: "the store". */
  readonly name?: string;
  /** The value of a key that changes, as text; null when there is none. May be as old as KV's shortest cache. */
  getText(key: string, options?: ReadOptions): Promise<string | null>;
  /**
   * The value of a key that never changes, as bytes; null when there is none. A store that makes several operations of
   * it tells `options.meter` of each; for others one is counted. With `options.again` a copy that came before was bad.
   */
  getBytes(key: string, options?: ReadOptions): Promise<Uint8Array | null>;
}

/** What errors call a store. */
export function nameOf({ name }: Store): string {
  return name ?? "the store";
}

/** No store of ours takes longer: each of its two tries has a limit of its own. */
const READ_LIMIT_MS = 25_000;

/** The store as indexes read it: no read lasts for ever, and all are counted, whatever store it is. */
export function guarded(store: Store): Store {
  const read = async <V extends string | Uint8Array>(
    key: string,
    { meter, again }: ReadOptions,
    get: (options: ReadOptions) => Promise<V | null>,
  ): Promise<V | null> => {
    let isCounted = meter === undefined;
    const counting: ReadMeter | undefined = meter && {
      spend() {
        isCounted = true;
        meter.spend();
      },
      got: (bytes) => meter.got(bytes),
    };
    const value = await within(get({ meter: counting, again }), nameOf(store), key, READ_LIMIT_MS);
    if (!isCounted) {
      meter!.spend();
      meter!.got(value?.length ?? 0);
    }
    return value;
  };
  return {
    name: nameOf(store),
    getText: (key, options = {}) => read(key, options, (counted) => store.getText(key, counted)),
    getBytes: (key, options = {}) => read(key, options, (counted) => store.getBytes(key, counted)),
  };
}

/** @throws ReadError naming the key when there is none */
export async function bytesOf(store: Store, key: string, options?: ReadOptions): Promise<Uint8Array> {
  const bytes = await store.getBytes(key, options);
  if (bytes === null) throw new ReadError("missing", `${nameOf(store)} has no key "${key}"`);
  return bytes;
}
