import type { Variables } from "./config.ts";
import type { KvReader } from "./index/kv-store.ts";

/** Bindings that are used when they are there. */
export interface OptionalBindings {
  /** Rate limit per client. */
  readonly RATE_LIMIT?: { limit(options: { key: string }): Promise<{ success: boolean }> };
  /** Analytics Engine data set: one event per search. */
  readonly ANALYTICS?: { writeDataPoint(point: { indexes: string[]; blobs: string[]; doubles: number[] }): void };
}

/** Everything that a Worker is given which names nothing itself. */
export interface Env extends Variables, OptionalBindings {
  /** Workers KV namespace that `poeem publish` writes to. */
  readonly INDEX: KvReader;
}
