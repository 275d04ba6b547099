import type { StoreBindings } from "./bound-store.ts";
import type { Variables } from "./config.ts";

/** What is used of the platform's rate limiter, and what another one may know besides. */
export interface RateLimiter {
  /** `retryAfter`: seconds until there is more; `most`: units of a budget. The platform tells neither. */
  limit(options: { key: string }): Promise<{ success: boolean; retryAfter?: number; most?: number }>;
}

/** Bindings that are used when they are there. */
export interface OptionalBindings {
  /** Budget of each address, and of each token unless TOKEN_RATE_LIMIT is there. Keys: `address:…`, `token:…`. */
  readonly RATE_LIMIT?: RateLimiter;
  /** Budget of each token, after it has been checked; left out: as RATE_LIMIT. */
  readonly TOKEN_RATE_LIMIT?: RateLimiter;
  /** Analytics Engine data set: one event per search. */
  readonly ANALYTICS?: { writeDataPoint(point: { indexes: string[]; blobs: string[]; doubles: number[] }): void };
}

/** Everything that a Worker is given which names nothing itself. */
export interface Env extends Variables, OptionalBindings, StoreBindings {}
