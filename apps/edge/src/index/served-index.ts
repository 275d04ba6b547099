import {
  type ChunkEntry,
  type ChunkKind,
  type ChunkSource,
  type Index,
  type KernelFactory,
  type Manifest,
  openArtifact,
  type ReadMeter,
} from "@poeem/pq-core";
import { chunkKey } from "@poeem/pq-core/kv";
import { openWords, type Words } from "@poeem/pq-core/words";
import { openQueryTower, type QueryTower, TERM_RULES } from "@poeem/towers";
import { Arrivals, free } from "./arrivals.ts";
import { ReadError } from "./failures.ts";
import type { Load, LoadedIndex } from "./holder.ts";
import type { Grant } from "./index-set.ts";
import {
  bytesOfKinds,
  type MemoryLimits,
  type MemoryPlan,
  memoryDemand,
  PAGE_KINDS,
  planMemory,
} from "./memory-plan.ts";
import { gather, readChunks, readManifest } from "./read-chunks.ts";
import { nameOf, type Store } from "./store.ts";
import type { Turns } from "./turns.ts";

/** One version of the index, ready for queries. */
export interface ServedIndex extends LoadedIndex {
  readonly index: Index;
  /** Turns text into a query vector; undefined when the index was published without one. */
  readonly tower: QueryTower | undefined;
  /** What its items say; undefined when the index has none, or more than an isolate can keep. */
  readonly words: Words | undefined;
  /** What of it is in memory. */
  readonly memory: MemoryPlan;
  /** Chunks that were read ahead, by key; shared with the next version when that has the same base. */
  readonly kept: Map<string, Uint8Array>;
  /** Runs what reads the index, in its turn when that may hold pages which are not in the plan. */
  readonly use: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface OpenOptions extends MemoryLimits {
  readonly kernel: KernelFactory;
  /** Turns of all requests that read pages. */
  readonly paging: Turns;
  /** Where chunks wait for their use, from one attempt to the next; left out: they do not. */
  readonly arrivals?: Arrivals | undefined;
}

/** Memory of chunks that were read ahead: pages of the cache may be views of it, and must not be freed. */
const keptBuffers = new WeakSet<ArrayBufferLike>();
/** What is read whole when a version is opened, lists and words apart, which memory need not have room for. */
const READ_AT_ONCE: readonly ChunkKind[] = ["codebook", "query-tower", "delta"];

/**
 * Opens the version that a pointer names. What is to be in memory arrives first, and is put to its use when all of it
 * is there: an attempt that ends earlier leaves what arrived to the next one.
 * @param grant says how much memory it may use
 * @param previous the version that serves: when both have the same base, only what is new is read
 * @throws ReadError naming the key when a value is missing or damaged, FormatError when it is not what it should be
 */
export async function openServedIndex(
  store: Store,
  load: Load,
  grant: Grant,
  { kernel, paging, arrivals = new Arrivals(), ...limits }: OpenOptions,
  previous?: ServedIndex,
): Promise<ServedIndex> {
  const { manifest: opened, bytes: manifest } = await readManifest(store, load);
  const memory = planMemory(opened, grant(memoryDemand(opened, limits)), limits);
  // Lists that were paged for want of memory, and need not be now, or the reverse, are read anew.
  const areListsAlike = previous && previous.memory.residentBytes > 0 === memory.residentBytes > 0;
  const shared = areListsAlike && hasSameBase(previous.index.manifest, opened) ? previous : undefined;
  const kept = shared?.kept ?? new Map<string, Uint8Array>();
  const isPaged = !memory.keepsPages || memory.residentBytes < bytesOfKinds(opened, ["lists"]);
  let opening: Load | undefined = load;
  const source: ChunkSource = {
    async get(key, { meter = opening?.meter, again } = {}) {
      if (again) kept.delete(key);
      const found = again ? undefined : (kept.get(key) ?? arrivals.take(key));
      const bytes = found ?? (await store.getBytes(chunkKey(key), { meter, again }));
      if (bytes !== null) return bytes;
      if (opening === undefined) load.missed?.();
      throw new ReadError("missing", `${nameOf(store)} has no key "${chunkKey(key)}"`);
    },
    release(bytes) {
      if (!keptBuffers.has(bytes.buffer)) free(bytes);
    },
  };
  const isAtOnce = ({ kind, delta }: ChunkEntry) =>
    (shared === undefined || delta === true) &&
    (READ_AT_ONCE.includes(kind) ||
      (kind === "lists" && memory.residentBytes > 0) ||
      (kind === "words" && memory.keepsWords));
  await gather(store, opened, isAtOnce, arrivals, load.meter);
  const index = await openArtifact(source, manifest, { kernel, ...memory, previous: shared?.index });
  const [tower, words] = await Promise.all([
    shared === undefined ? readTower(index) : shared.tower,
    memory.keepsWords ? openWords(index) : undefined,
  ]);
  opening = undefined;
  // None but what was not needed after all.
  for (const { key } of index.manifest.chunks) arrivals.drop(key);
  if (tower && tower.dim !== index.manifest.dim) {
    throw new Error(
      `[edge] query tower of version ${index.version} expected dim ${index.manifest.dim}, got ${tower.dim}`,
    );
  }
  const rules = words?.facts.rules ?? TERM_RULES;
  if (rules !== TERM_RULES) {
    throw new Error(
      `[edge] words of version ${index.version} expected rules ${TERM_RULES}, got ${rules}: use a newer @poeem/edge`,
    );
  }
  const prefetch = async (meter?: ReadMeter) => {
    const waiting = index.manifest.chunks.filter(
      ({ kind, key }) =>
        !kept.has(key) && (kind === "filters" ? memory.keepsFilters : memory.keepsPages && PAGE_KINDS.includes(kind)),
    );
    await readChunks(store, waiting, meter, (key, bytes) => {
      kept.set(key, bytes);
      keptBuffers.add(bytes.buffer);
    });
    // What only an earlier version used.
    const used = new Set(index.manifest.chunks.map(({ key }) => key));
    for (const key of kept.keys()) if (!used.has(key)) kept.delete(key);
  };
  const use: ServedIndex["use"] = (work) => (isPaged ? paging.run(work) : work());
  const { publishedAt } = load;
  return { version: index.version, publishedAt, index, tower, words, memory, kept, use, prefetch };
}

/** Whether two versions differ at most in their deltas. */
function hasSameBase(a: Manifest, b: Manifest): boolean {
  const keys = ({ chunks }: Manifest) => chunks.filter(({ delta }) => delta !== true).map(({ key }) => key);
  return keys(a).join() === keys(b).join();
}

async function readTower(index: Index): Promise<QueryTower | undefined> {
  const bytes = await index.queryTower();
  return bytes && openQueryTower(bytes);
}
