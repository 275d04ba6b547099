/** What an index weighs in KV, read from its manifest, and what Cloudflare charges for serving it. */
import type { Manifest } from "@poeem/pq-core";

export interface IndexSize {
  readonly items: number;
  readonly nlist: number;
  /** KV keys of one version, manifest included. */
  readonly keys: number;
  readonly bytes: number;
  readonly manifestBytes: number;
  /** Codes, as the cells hold them. */
  readonly listBytes: number;
  /** Mean sizes of the chunks that a search reads. */
  readonly listChunkBytes: number;
  readonly itemChunkBytes: number;
  /** KV keys that every isolate reads: manifest, codebook, query tower and words. */
  readonly fixedKeys: number;
}

/** Measures one version of an index. */
export function indexSize(manifest: Manifest, manifestBytes: Uint8Array): IndexSize {
  const { chunks, numItems, nlist } = manifest;
  const of = (...kinds: string[]): { count: number; bytes: number } => {
    const found = chunks.filter(({ kind }) => kinds.includes(kind));
    return { count: found.length, bytes: found.reduce((sum, { size }) => sum + size, 0) };
  };
  const [lists, items] = [of("lists"), of("items")];
  return {
    items: numItems,
    nlist: Math.max(1, nlist),
    keys: chunks.length + 1,
    bytes: chunks.reduce((sum, { size }) => sum + size, manifestBytes.length),
    manifestBytes: manifestBytes.length,
    listBytes: lists.bytes,
    listChunkBytes: lists.bytes / lists.count,
    itemChunkBytes: items.bytes / items.count,
    fixedKeys: 1 + of("codebook", "query-tower", "words").count,
  };
}

/** US dollars, Workers Paid, as read on Cloudflare's pages in November 2026. */
export const PRICES = {
  subscription: 5,
  requests: { included: 10e6, perMillion: 0.3 },
  cpuMs: { included: 30e6, perMillion: 0.02 },
  reads: { included: 10e6, perMillion: 0.5 },
  writes: { included: 1e6, perMillion: 5 },
  deletes: { included: 1e6, perMillion: 5 },
  /** GB and month. */
  storage: { included: 1, perGB: 0.5 },
} as const;

export interface Usage {
  readonly searches: number;
  /** Versions published in a month, none of whose lists and items is in the version before. */
  readonly publishes: number;
  /** Versions that KV holds at a time. */
  readonly versions: number;
  /** Times in a month that an isolate starts and reads the index. */
  readonly coldStarts: number;
  /** Isolates that look at the pointer every half minute, on average over the month. */
  readonly isolates: number;
  readonly nprobe: number;
  readonly k: number;
  /** Bytes that an isolate can keep of an index; a larger one is read when it is needed. */
  readonly memoryBytes: number;
}

export interface MonthlyCost {
  readonly readsPerColdStart: number;
  /** When the isolate has none of the pages yet: those that it has are not read again. */
  readonly readsPerSearch: number;
  readonly storage: number;
  readonly writes: number;
  readonly reads: number;
  readonly requests: number;
  readonly cpu: number;
  /** With the subscription. */
  readonly total: number;
}

/** Milliseconds of CPU for a search without paging, HTTP included (docs/experiments/edge.md). */
const SEARCH_CPU_MS = 1;
/** A read chunk is hashed: 16 MiB take 10 ms. */
const HASHED_BYTES_PER_MS = 1.6 * 1024 * 1024;

/** What a month costs above what the subscription includes, by part. */
export function monthlyCost(size: IndexSize, usage: Usage): MonthlyCost {
  const { keys, bytes, nlist, listBytes, listChunkBytes, itemChunkBytes, fixedKeys } = size;
  const isKept = bytes <= usage.memoryBytes;
  // the pointer too
  const readsPerColdStart = 1 + (isKept ? keys : fixedKeys);
  // on average a cell that begins anywhere in a chunk reaches into so many
  const chunksPerCell = 1 + listBytes / nlist / listChunkBytes;
  const cells = Math.min(usage.nprobe, nlist);
  const readsPerSearch = isKept ? 0 : cells * chunksPerCell + usage.k;
  const reads =
    usage.coldStarts * readsPerColdStart +
    usage.searches * readsPerSearch +
    // the publisher lists and reads back what it wrote; isolates look at the pointer
    usage.publishes * keys +
    usage.isolates * 2 * 60 * 24 * 30;
  const hashed = isKept ? 0 : cells * chunksPerCell * listChunkBytes + usage.k * itemChunkBytes;
  const cpuMs = usage.searches * (SEARCH_CPU_MS + hashed / HASHED_BYTES_PER_MS);
  const charge = (amount: number, { included, perMillion }: { included: number; perMillion: number }): number =>
    (Math.max(0, amount - included) / 1e6) * perMillion;
  const storedGB = (usage.versions * bytes) / 1e9;
  const cost = {
    storage: Math.max(0, storedGB - PRICES.storage.included) * PRICES.storage.perGB,
    // as many keys are pruned as are written
    writes: charge(usage.publishes * keys, PRICES.writes) + charge(usage.publishes * keys, PRICES.deletes),
    reads: charge(reads, PRICES.reads),
    requests: charge(usage.searches, PRICES.requests),
    cpu: charge(cpuMs, PRICES.cpuMs),
  };
  const total = PRICES.subscription + Object.values(cost).reduce((sum, part) => sum + part, 0);
  return { readsPerColdStart, readsPerSearch, ...cost, total };
}
