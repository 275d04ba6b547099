import { type ChunkKind, chunkTotals, type Manifest } from "@poeem/pq-core";
import { DEFAULT_MAX_INDEX_BYTES, memoryDemand, planMemory } from "../../apps/edge/src/index/memory-plan.ts";

/** What an index weighs in its store, read from its manifest, and what a Worker keeps of it. */
export interface IndexSize {
  readonly items: number;
  /** Cells, or runs of cells where these share pages. */
  readonly runs: number;
  /** How many of them a search visits if it names no nprobe. */
  readonly defaultNprobe: number;
  /** Keys of one version; the manifest and pages that tables list are among them. */
  readonly keys: number;
  readonly bytes: number;
  readonly manifestBytes: number;
  /** Codes, as cells hold them; where runs share pages, with the ids. */
  readonly listBytes: number;
  /** Keys that an isolate reads once: all, or all but what searches read when they need it. */
  readonly coldStartKeys: number;
  /** Chunks that searches read, by the Worker's own plan for an index alone in an isolate; undefined: none. */
  readonly lists: Chunks | undefined;
  readonly fields: Chunks | undefined;
  readonly filters: Chunks | undefined;
  /** Whether ids come with the codes: a search for nothing else then reads no chunk of fields. */
  readonly hasIdsInLists: boolean;
}

export interface Chunks {
  readonly count: number;
  /** Of one, on average. */
  readonly bytes: number;
}

/** Measures one version of an index. */
export function indexSize(manifest: Manifest, manifestBytes: number): IndexSize {
  const totals = chunkTotals(manifest);
  const of = (kind: ChunkKind) => totals.get(kind) ?? { count: 0, bytes: 0 };
  const chunks = (kind: ChunkKind): Chunks | undefined => {
    const { count, bytes } = of(kind);
    return count === 0 ? undefined : { count, bytes: bytes / count };
  };
  const all = [...totals.values()].reduce(
    (sum, { count, bytes }) => ({ count: sum.count + count, bytes: sum.bytes + bytes }),
    { count: 0, bytes: 0 },
  );
  const plan = planMemory(manifest, Math.min(memoryDemand(manifest).most, DEFAULT_MAX_INDEX_BYTES));
  const hasTables = manifest.cellsPerPage !== undefined;
  const readsLists = plan.residentBytes < of("lists").bytes;
  const read: ChunkKind[] = ["codebook", "query-tower", "delta"];
  if (!readsLists) read.push("lists");
  if (plan.keepsFilters) read.push("filters");
  if (plan.keepsWords) read.push("words");
  // Those of look-ups are read for `like` alone.
  const tables = manifest.chunks.filter(({ kind, of }) => kind === "pages" && of !== "lookup").length;
  return {
    items: manifest.numItems,
    runs: Math.ceil(Math.max(1, manifest.nlist) / (manifest.cellsPerPage ?? 1)),
    defaultNprobe: manifest.defaultNprobe,
    keys: 1 + all.count,
    bytes: manifestBytes + all.bytes,
    manifestBytes,
    listBytes: of("lists").bytes,
    coldStartKeys: 1 + (plan.keepsPages ? all.count : tables + read.reduce((sum, kind) => sum + of(kind).count, 0)),
    lists: readsLists ? chunks("lists") : undefined,
    fields: plan.keepsPages ? undefined : chunks("items"),
    filters: plan.keepsFilters ? chunks("filter-pages") : undefined,
    hasIdsInLists: hasTables,
  };
}
