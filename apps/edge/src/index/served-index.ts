import {
  type Index,
  type KernelFactory,
  type Manifest,
  mapLimited,
  openArtifact,
  openManifest,
  sha256,
} from "@poeem/pq-core";
import { chunkKey, type IndexPointer } from "@poeem/pq-core/kv";
import { openWords, type Words } from "@poeem/pq-core/words";
import { openQueryTower, type QueryTower, TERM_RULES } from "@poeem/towers";
import type { LoadedIndex } from "./holder.ts";
import type { Grant } from "./index-set.ts";
import {
  bytesOfKinds,
  type MemoryLimits,
  type MemoryPlan,
  memoryDemand,
  PAGE_KINDS,
  planMemory,
} from "./memory-plan.ts";
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
}

/** Memory of chunks that were read ahead: pages of the cache may be views of it, and must not be freed. */
const keptBuffers = new WeakSet<ArrayBufferLike>();
/** Reads under way at once; a Worker has six connections per request. */
const MAX_READS = 6;

/**
 * Opens the version that `pointer` names.
 * @param grant says how much memory it may use
 * @param previous the version that serves: when both have the same base, only what is new is read
 * @throws Error naming the key when a value is missing, FormatError when one is not what the manifest says.
 */
export async function openServedIndex(
  store: Store,
  pointer: IndexPointer,
  grant: Grant,
  { kernel, paging, ...limits }: OpenOptions,
  previous?: ServedIndex,
): Promise<ServedIndex> {
  const manifest = await bytesOf(store, pointer.manifestKey);
  const opened = await openManifest(manifest);
  const memory = planMemory(opened, grant(memoryDemand(opened, limits)), limits);
  // Lists that were paged for want of memory, and need not be now, or the reverse, are read anew.
  const areListsAlike = previous && previous.memory.residentBytes > 0 === memory.residentBytes > 0;
  const shared = areListsAlike && hasSameBase(previous.index.manifest, opened) ? previous : undefined;
  const kept = shared?.kept ?? new Map<string, Uint8Array>();
  const isPaged = !memory.keepsPages || memory.residentBytes < bytesOfKinds(opened, ["lists"]);
  const source = {
    get: async (key: string) => kept.get(key) ?? (await bytesOf(store, chunkKey(key))),
    // The garbage collector takes its time: it counts what JavaScript allocates, not what comes from KV, and 100 MB
    // of dead pages are soon there. This leaves the old buffer without its memory; nothing else does so at once.
    release({ buffer }: Uint8Array) {
      if (buffer instanceof ArrayBuffer && !keptBuffers.has(buffer)) buffer.transfer(0);
    },
  };
  const index = await openArtifact(source, manifest, { kernel, ...memory, previous: shared?.index });
  if (index.version !== pointer.version) {
    throw new Error(
      `[edge] manifest "${pointer.manifestKey}" expected version ${pointer.version}, got ${index.version}`,
    );
  }
  const [tower, words] = await Promise.all([
    shared === undefined ? readTower(index) : shared.tower,
    memory.keepsWords ? openWords(index) : undefined,
  ]);
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
  const prefetch = async () => {
    const waiting = index.manifest.chunks.filter(
      ({ kind, key }) =>
        !kept.has(key) && (kind === "filters" ? memory.keepsFilters : memory.keepsPages && PAGE_KINDS.includes(kind)),
    );
    await mapLimited(waiting, MAX_READS, async ({ key, size, sha256: expected }) => {
      const bytes = await bytesOf(store, chunkKey(key));
      const complain = (expected: string, got: string | number) => {
        throw new Error(`[edge] ${nameOf(store)} key "${chunkKey(key)}" expected ${expected}, got ${got}`);
      };
      if (bytes.length !== size) complain(`${size} bytes`, bytes.length);
      // Whoever reads a page checks it as well, but then the version serves already.
      const got = await sha256(bytes);
      if (got !== expected) complain(`sha256 ${expected}`, got);
      kept.set(key, bytes);
      keptBuffers.add(bytes.buffer);
    });
    // What only an earlier version used.
    const used = new Set(index.manifest.chunks.map(({ key }) => key));
    for (const key of kept.keys()) if (!used.has(key)) kept.delete(key);
  };
  const use: ServedIndex["use"] = (work) => (isPaged ? paging.run(work) : work());
  return { version: index.version, publishedAt: pointer.publishedAt, index, tower, words, memory, kept, use, prefetch };
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

async function bytesOf(store: Store, key: string): Promise<Uint8Array> {
  const bytes = await store.getBytes(key);
  if (bytes === null) throw new Error(`[edge] ${nameOf(store)} has no key "${key}"`);
  return bytes;
}
