/** What an index of a size weighs in KV, by the rules of docs/format.md, and what Cloudflare charges for serving it. */

export interface IndexShape {
  readonly items: number;
  readonly dim: number;
  readonly nlist: number;
  readonly numSubQuantizers: number;
  readonly nbits: 4 | 8;
  /** Bytes of an id as text; 0 = integers of 32 bits. */
  readonly idBytes: number;
  /** Bytes of an item's fields as JSON; 0 = no fields. */
  readonly fieldBytes: number;
  readonly queryTowerBytes: number;
  readonly listChunkBytes: number;
  readonly itemChunkBytes: number;
}

export interface IndexSize {
  /** KV keys of one version, manifest included. */
  readonly keys: number;
  readonly bytes: number;
  readonly listBytes: number;
  readonly manifestBytes: number;
}

const HEADER = 32;
const MAX_CHUNK = 8 * 1024 * 1024;
/** Room that the writer leaves in a page for alignment. */
const PAGE_OVERHEAD = 128;
const BLOCK = 32;
/** Members of a manifest that are not chunks. */
const MANIFEST_HEAD = 500;

/** Keys and bytes of one version, for the metric `innerProduct`, without facets and numbers. Within 1 % of what is written. */
export function indexSize(shape: IndexShape): IndexSize {
  const { items, dim, nlist, idBytes, fieldBytes } = shape;
  const blockBytes = shape.numSubQuantizers * (shape.nbits === 4 ? 16 : 32);
  const blocks = Math.ceil(items / BLOCK);
  const listChunks = Math.ceil(blocks / Math.floor((shape.listChunkBytes - HEADER) / blockBytes));
  const listBytes = blocks * blockBytes;

  const idSize = idBytes === 0 ? 4 : 4 + idBytes;
  const itemSize = idSize + (fieldBytes === 0 ? 0 : 4 + fieldBytes);
  const page = shape.itemChunkBytes - HEADER - PAGE_OVERHEAD;
  const itemChunks = Math.ceil(items / Math.floor(page / itemSize));
  // the writer cuts look-up pages by the most that UTF-8 could take
  const lookupChunks = Math.ceil(items / Math.floor(page / (idBytes === 0 ? 12 : 8 + 3 * idBytes)));

  const codebookBytes = 4 * (dim * dim + nlist * dim + 2 ** shape.nbits * dim + Math.max(nlist, 1) + 1);
  const kinds: [kind: string, chunks: number, total: number][] = [
    ["codebook", parts(codebookBytes), 0],
    ["lists", listChunks, blocks],
    ["items", itemChunks, items],
    ["lookup", lookupChunks, items],
    ["query-tower", parts(shape.queryTowerBytes), 0],
  ];
  const chunks = kinds.reduce((sum, [, count]) => sum + count, 0);
  const manifestBytes = kinds.reduce(
    (sum, [kind, count, total]) => sum + count * entryBytes(kind, count, total, idBytes),
    MANIFEST_HEAD,
  );
  const bytes =
    listBytes +
    items * (itemSize + 4 + idSize) +
    codebookBytes +
    shape.queryTowerBytes +
    // padding of the payload and of its sections
    chunks * (HEADER + 16) +
    manifestBytes;
  return { keys: chunks + 1, bytes, listBytes, manifestBytes };
}

/** Bytes of a chunk's entry in the manifest, halfway through the chunks of its kind. */
function entryBytes(kind: string, count: number, total: number, idBytes: number): number {
  const seq = String(count >> 1).padStart(4, "0");
  const perChunk = Math.round(total / Math.max(1, count));
  const entry = {
    kind,
    key: `${kind}-${seq}-${"0".repeat(16)}.bin`,
    size: MAX_CHUNK >> 4,
    sha256: "0".repeat(64),
    first: perChunk * (count >> 1),
    count: perChunk,
    ...(kind === "lookup" ? { firstId: "0".repeat(idBytes === 0 ? 8 : idBytes) } : {}),
  };
  return JSON.stringify(entry).length + 1;
}

function parts(bytes: number): number {
  return Math.ceil(bytes / (MAX_CHUNK - HEADER));
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
export function monthlyCost(shape: IndexShape, usage: Usage): MonthlyCost {
  const { keys, bytes, listBytes } = indexSize(shape);
  const isKept = bytes <= usage.memoryBytes;
  const fixedKeys =
    2 + Math.ceil((4 * shape.nlist * shape.dim) / MAX_CHUNK) + Math.ceil(shape.queryTowerBytes / MAX_CHUNK);
  const readsPerColdStart = isKept ? keys + 1 : 1 + fixedKeys;
  const cellBytes = listBytes / Math.max(1, shape.nlist);
  // on average a cell that begins anywhere in a chunk reaches into so many
  const chunksPerCell = 1 + cellBytes / shape.listChunkBytes;
  const cells = Math.min(usage.nprobe, Math.max(1, shape.nlist));
  const readsPerSearch = isKept ? 0 : cells * chunksPerCell + usage.k;
  const reads =
    usage.coldStarts * readsPerColdStart +
    usage.searches * readsPerSearch +
    // the publisher lists and reads back what it wrote; isolates look at the pointer
    usage.publishes * keys +
    usage.isolates * 2 * 60 * 24 * 30;
  const hashed = isKept ? 0 : cells * chunksPerCell * shape.listChunkBytes + usage.k * shape.itemChunkBytes;
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
