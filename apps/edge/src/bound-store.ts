/** Which store a Worker reads that names none: the one of its bindings. The only place that chooses. */
import { cachedStore } from "./index/cached-store.ts";
import { type KvReader, kvStore } from "./index/kv-store.ts";
import { type R2Reader, r2Store } from "./index/r2-store.ts";
import type { Store } from "./index/store.ts";
import { SettingError } from "./setting-error.ts";

/** What `poeem publish` writes to: one of them. */
export interface StoreBindings {
  /** A Workers KV namespace. */
  readonly INDEX?: KvReader;
  /** An R2 bucket, behind the Cache API. */
  readonly INDEX_BUCKET?: R2Reader;
}

/**
 * The store over the binding INDEX or INDEX_BUCKET.
 * @param origin of the Worker, for addresses in its cache
 * @throws SettingError for none, for both and for a binding of another kind
 */
export function boundStore(env: object, origin: () => string): Store {
  const { INDEX, INDEX_BUCKET } = env as StoreBindings;
  if (INDEX !== undefined && INDEX_BUCKET !== undefined)
    throw new SettingError("bindings INDEX and INDEX_BUCKET", "one of them", "both: remove one from wrangler.jsonc");
  if (INDEX_BUCKET !== undefined) {
    checkBinding("INDEX_BUCKET", "an R2 bucket", INDEX_BUCKET);
    return cachedStore(r2Store(INDEX_BUCKET), origin);
  }
  checkBinding("INDEX", "a KV namespace", INDEX);
  return kvStore(INDEX!);
}

function checkBinding(name: string, expected: string, binding: KvReader | R2Reader | undefined): void {
  if (typeof binding?.get === "function") return;
  const got = binding === undefined ? "none, nor an R2 bucket INDEX_BUCKET" : "something else";
  throw new SettingError(`binding ${name}`, expected, `${got}: add it to wrangler.jsonc, or give createWorker a store`);
}
