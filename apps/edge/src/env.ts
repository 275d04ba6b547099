import type { Variables } from "./config.ts";

/** Everything that the Worker is given. */
export interface Env extends Variables {
  /** Workers KV namespace that `poeem publish` writes to. */
  readonly INDEX: KVNamespace;
  /** Optional rate limit a client. */
  readonly RATE_LIMIT?: RateLimit;
  /** Optional Analytics Engine data set: one event a search. */
  readonly ANALYTICS?: AnalyticsEngineDataset;
}
