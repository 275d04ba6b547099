/** What an index weighs in KV, read from its manifest, and what Cloudflare charges for serving it. */
import type { Manifest } from "@poeem/pq-core";
import { DEFAULT_MAX_INDEX_BYTES, memoryDemand, planMemory } from "../../apps/edge/src/index/memory-plan.ts";

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
  /** KV keys that an isolate reads once: all, or all but what searches read when they need it. */
  readonly coldStartKeys: number;
  /** Whether a search reads cells, and pages of items, from KV: by the Worker's own plan, with an index of its own. */
  readonly readsCells: boolean;
  readonly readsPages: boolean;
}

/** Measures one version of an index. */
export function indexSize(manifest: Manifest, manifestBytes: Uint8Array): IndexSize {
  const { chunks, numItems, nlist } = manifest;
  const of = (...kinds: string[]): { count: number; bytes: number } => {
    const found = chunks.filter(({ kind }) => kinds.includes(kind));
    return { count: found.length, bytes: found.reduce((sum, { size }) => sum + size, 0) };
  };
  const [lists, items] = [of("lists"), of("items")];
  const plan = planMemory(manifest, Math.min(memoryDemand(manifest).most, DEFAULT_MAX_INDEX_BYTES));
  const readsCells = plan.residentBytes < lists.bytes;
  const readsPages = !plan.keepsPages;
  const kinds = ["codebook", "query-tower", "delta", ...(readsCells ? [] : ["lists"])];
  if (plan.keepsFilters) kinds.push("filters");
  if (plan.keepsWords) kinds.push("words");
  return {
    items: numItems,
    nlist: Math.max(1, nlist),
    keys: chunks.length + 1,
    bytes: chunks.reduce((sum, { size }) => sum + size, manifestBytes.length),
    manifestBytes: manifestBytes.length,
    listBytes: lists.bytes,
    listChunkBytes: lists.bytes / lists.count,
    itemChunkBytes: items.bytes / items.count,
    coldStartKeys: 1 + (readsPages ? of(...kinds).count : chunks.length),
    readsCells,
    readsPages,
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
  /** In place of the last four; deletes are free. */
  r2: {
    reads: { included: 10e6, perMillion: 0.36 },
    writes: { included: 1e6, perMillion: 4.5 },
    storage: { included: 10, perGB: 0.015 },
  },
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
  /** The same over R2, when the Cache API never has anything. */
  readonly totalOfR2: number;
}

/** Milliseconds of CPU for a search without paging, HTTP included (docs/experiments/edge.md). */
const SEARCH_CPU_MS = 1;
/** A read chunk is hashed: 16 MiB take 10 ms. */
const HASHED_BYTES_PER_MS = 1.6 * 1024 * 1024;

/** What a month costs above what the subscription includes, by part. */
export function monthlyCost(size: IndexSize, usage: Usage): MonthlyCost {
  const { keys, bytes, nlist, listBytes, listChunkBytes, itemChunkBytes, coldStartKeys } = size;
  // the pointer too
  const readsPerColdStart = 1 + coldStartKeys;
  // on average a cell that begins anywhere in a chunk reaches into so many
  const chunksPerCell = 1 + listBytes / nlist / listChunkBytes;
  const listReads = size.readsCells ? Math.min(usage.nprobe, nlist) * chunksPerCell : 0;
  const pageReads = size.readsPages ? usage.k : 0;
  const readsPerSearch = listReads + pageReads;
  const reads =
    usage.coldStarts * readsPerColdStart +
    usage.searches * readsPerSearch +
    // the publisher lists and reads back what it wrote; isolates look at the pointer
    usage.publishes * keys +
    usage.isolates * 2 * 60 * 24 * 30;
  const hashed = listReads * listChunkBytes + pageReads * itemChunkBytes;
  const cpuMs = usage.searches * (SEARCH_CPU_MS + hashed / HASHED_BYTES_PER_MS);
  const charge = (amount: number, { included, perMillion }: { included: number; perMillion: number }): number =>
    (Math.max(0, amount - included) / 1e6) * perMillion;
  const storedGB = (usage.versions * bytes) / 1e9;
  const store = ({ included, perGB }: { included: number; perGB: number }): number =>
    Math.max(0, storedGB - included) * perGB;
  const cost = {
    storage: store(PRICES.storage),
    // as many keys are pruned as are written
    writes: charge(usage.publishes * keys, PRICES.writes) + charge(usage.publishes * keys, PRICES.deletes),
    reads: charge(reads, PRICES.reads),
    requests: charge(usage.searches, PRICES.requests),
    cpu: charge(cpuMs, PRICES.cpuMs),
  };
  const total = PRICES.subscription + Object.values(cost).reduce((sum, part) => sum + part, 0);
  // A list of S3 has no metadata: all keys of all versions are asked for theirs.
  const listed = usage.publishes * usage.versions * keys;
  const totalOfR2 =
    PRICES.subscription +
    store(PRICES.r2.storage) +
    charge(usage.publishes * keys, PRICES.r2.writes) +
    charge(reads + listed, PRICES.r2.reads) +
    cost.requests +
    cost.cpu;
  return { readsPerColdStart, readsPerSearch, ...cost, total, totalOfR2 };
}
