/**
 * What Cloudflare charges, in US dollars for a month, as its pages said in November 2026. `docs/deploy.md` has the same
 * figures; nothing else does. Amounts that are included are those of the Workers Paid plan.
 */
export interface Price {
  readonly included: number;
  readonly perMillion: number;
}
export interface StoragePrice {
  /** GB, of 10^9 bytes. */
  readonly included: number;
  readonly perGB: number;
}

/** https://developers.cloudflare.com/workers/platform/pricing/ and …/workers/cache/#pricing */
export const WORKERS = {
  subscription: 5,
  /** An answer from Cloudflare's cache is billed as a request like any other, but takes no CPU. */
  requests: { included: 10e6, perMillion: 0.3 },
  cpuMs: { included: 30e6, perMillion: 0.02 },
} as const;

export interface StorePrices {
  readonly reads: Price;
  readonly writes: Price;
  readonly deletes: Price;
  readonly storage: StoragePrice;
}

/** https://developers.cloudflare.com/kv/platform/pricing/ and https://developers.cloudflare.com/r2/pricing/ */
export const STORES = {
  /** A read that finds nothing counts as well, and so does one that a cache of KV answers. */
  kv: {
    reads: { included: 10e6, perMillion: 0.5 },
    writes: { included: 1e6, perMillion: 5 },
    deletes: { included: 1e6, perMillion: 5 },
    storage: { included: 1, perGB: 0.5 },
  },
  /** Operations of class B are reads, those of class A writes. */
  r2: {
    reads: { included: 10e6, perMillion: 0.36 },
    writes: { included: 1e6, perMillion: 4.5 },
    deletes: { included: Number.POSITIVE_INFINITY, perMillion: 0 },
    storage: { included: 10, perGB: 0.015 },
  },
} as const satisfies Record<string, StorePrices>;
export type StoreName = keyof typeof STORES;

/** https://developers.cloudflare.com/vectorize/platform/pricing/ and …/platform/limits/ */
export const VECTORIZE = {
  /** Dimensions: of the queries, and of all vectors that are stored, once a month. */
  queried: { included: 50e6, perMillion: 0.01 },
  /** $0.05 for 100 million. */
  stored: { included: 10e6, perMillion: 0.0005 },
  vectorsOfAnIndex: 10e6,
} as const;

/** What an amount costs beyond what is included. */
export function charge(amount: number, { included, perMillion }: Price): number {
  return (Math.max(0, amount - included) / 1e6) * perMillion;
}
