import type { Variables } from "./config.ts";

/** Everything that the Worker is given. */
export interface Env extends Variables {
  /** Workers KV namespace that `poeem publish` writes to. */
  readonly INDEX: KVNamespace;
  /** Optional rate limit per client. */
  readonly RATE_LIMIT?: RateLimit;
  /** Optional Analytics Engine data set: one event per search. */
  readonly ANALYTICS?: AnalyticsEngineDataset;
}
