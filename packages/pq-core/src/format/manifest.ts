import type { CellSpread, Codebook } from "../codebook/codebook.ts";
import type { ChunkEntry } from "./chunk.ts";
import type { ChunkKind } from "./constants.ts";
import type { WordFacts } from "./item-words.ts";

/** The small JSON file that names every chunk of one version. Field by field in docs/format.md. */
export interface Manifest {
  readonly format: "poeem-edge-index";
  readonly formatVersion: number;
  /** Derived from everything below but `previousVersion`: equal content, equal version. */
  readonly version: string;
  readonly previousVersion?: string;
  readonly dim: number;
  readonly metric: Codebook["metric"];
  readonly nlist: number;
  readonly numSubQuantizers: number;
  readonly nbits: 4 | 8;
  readonly byResidual: boolean;
  readonly hasRotation: boolean;
  /** That of the codebook. */
  readonly cellSpread?: CellSpread;
  readonly numItems: number;
  readonly idType: "string" | "u32" | "u64";
  readonly hasFields: boolean;
  /** Cells a search visits by default; where there are `cellsPerPage`, runs of so many of them. */
  readonly defaultNprobe: number;
  /**
   * Present where pages are listed in tables: cells c·g to c·(g + 1) − 1 share their pages, and a search visits all of
   * them or none.
   */
  readonly cellsPerPage?: number;
  /** Present when the index has words: what they count for. */
  readonly words?: WordFacts;
  /** What people searched for most at the training, the most frequent first. */
  readonly queries?: readonly string[];
  /** Present when items were added, updated or removed since the base was written; `numItems` counts what is left. */
  readonly delta?: DeltaCounts;
  readonly chunks: readonly ChunkEntry[];
  readonly training?: unknown;
  /** SHA-256 of the JSON of all other members, in the order written. */
  readonly checksum: string;
}

/** How a version differs from the base whose chunks it shares: numItems = baseItems − removed + delta.numItems. */
export interface DeltaCounts {
  readonly baseItems: number;
  /** Items of the base that were removed or replaced. */
  readonly removed: number;
  /** Items beside the base: added ones and the new state of updated ones. */
  readonly numItems: number;
}

/**
 * A manifest as one or two manifests of indexes without a delta: the base, and the items beside it. Each lists its own
 * chunks and counts its own items, so that whatever reads an index reads either.
 */
export interface ManifestViews {
  readonly base: Manifest;
  readonly delta: Manifest | undefined;
}

/** Both halves of a manifest; `delta` is undefined for one without changes. */
export function viewsOf(manifest: Manifest): ManifestViews {
  const { delta, ...rest } = manifest;
  if (delta === undefined) return { base: manifest, delta: undefined };
  const of = (numItems: number, isDelta: boolean): Manifest => {
    const chunks = manifest.chunks.filter((entry) => (entry?.delta === true) === isDelta);
    const { cellsPerPage, ...listed } = rest;
    return { ...(isDelta ? listed : rest), numItems, chunks };
  };
  return { base: of(delta.baseItems, false), delta: of(delta.numItems, true) };
}

/**
 * Equal for two versions whose items lie in the same base: all that reading them depends on, as its chunks are. The
 * query tower is not among it, which nothing of an index reads.
 */
export function baseIdentity(manifest: Manifest): string {
  const { base } = viewsOf(manifest);
  const { version, previousVersion, training, checksum, defaultNprobe, words, queries, ...rest } = base;
  return JSON.stringify({ ...rest, chunks: rest.chunks.filter(({ kind }) => kind !== "query-tower") });
}

/** What `nprobe` can be at most: cells, or where cells share pages runs of them; the empty ones included. */
export function countProbed({ nlist, cellsPerPage = 1 }: Pick<Manifest, "nlist" | "cellsPerPage">): number {
  return Math.ceil(Math.max(1, nlist) / cellsPerPage);
}

/** What the chunks of one kind are together. */
export interface KindTotal {
  readonly count: number;
  readonly bytes: number;
  /** Bytes of the largest. */
  readonly largest: number;
}

/** Chunks by kind, those that tables list included; no table is read for it. */
export function chunkTotals({ chunks }: Pick<Manifest, "chunks">): ReadonlyMap<ChunkKind, KindTotal> {
  const totals = new Map<ChunkKind, KindTotal>();
  const add = (kind: ChunkKind, count: number, bytes: number, largest: number): void => {
    const before = totals.get(kind) ?? { count: 0, bytes: 0, largest: 0 };
    totals.set(kind, {
      count: before.count + count,
      bytes: before.bytes + bytes,
      largest: Math.max(before.largest, largest),
    });
  };
  for (const { kind, size, of, pages, bytes, largest } of chunks) {
    add(kind, 1, size, size);
    if (kind === "pages") add(of!, pages!, bytes!, largest!);
  }
  return totals;
}
