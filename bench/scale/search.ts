import { adcKernel } from "@poeem/offline/index-folder/kernel";
import { directorySource, readManifestBytes } from "@poeem/offline/index-folder/write";
import { type Filter, type Index, type ItemId, openArtifact, openManifest } from "@poeem/pq-core";
import { DEFAULT_MAX_INDEX_BYTES, memoryDemand, planMemory } from "../../apps/edge/src/index/memory-plan.ts";
import type { Rows } from "./catalogue.ts";

const K = 10;
/** For the exhaustive search, which reads all lists for every query. */
const LARGE_CACHE = 2 ** 30;
/** Times the usual number of cells, or runs of them. */
const PROBES = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4];
/** Filters, and the Worker, are asked with the fewest cells that find so much of the ten best. */
const ENOUGH = 0.99;
/** Queries that are also asked with filters. */
const FILTERED = 0.5;

export interface SearchRow {
  readonly name: string;
  readonly nprobe: number;
  readonly queries: number;
  /** Share of the ten best of all items, by the same codes. */
  readonly overlapAt10: number;
  /** Chunks that a search reads, its ten items included, with as much cache as the Worker has; and their bytes. */
  readonly reads: number;
  readonly bytes: number;
  readonly codesScanned: number;
  readonly cpuMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A query, and its ten best of all items. */
export interface Asked {
  readonly vector: Float32Array;
  readonly filter: Filter | undefined;
  readonly best: readonly ItemId[];
}

export interface NodeSearch {
  readonly rows: readonly SearchRow[];
  /** Chunks that are read before the first search, and their bytes. */
  readonly openReads: number;
  readonly openBytes: number;
  /** What the Worker would keep of it: all lists, where they are no more than this, and pages. */
  readonly residentBytes: number;
  readonly cacheBytes: number;
  /** The fewest cells, or runs of them, that find enough. */
  readonly enough: number;
  readonly defaultNprobe: number;
  readonly cellsPerPage: number | undefined;
  readonly exhaustiveMs: number;
  /** The queries without a filter. */
  readonly asked: readonly Asked[];
}

/**
 * Searches an index folder in this process as the Worker does, and compares with all of its codes.
 * @param hasFilters whether items have what queries are filtered by
 */
export async function searchInNode(
  folder: string,
  queries: Rows,
  dims: number,
  hasFilters: boolean,
): Promise<NodeSearch> {
  const manifestBytes = await readManifestBytes(folder);
  const kernel = await adcKernel();
  const source = directorySource(folder);
  const counts = { reads: 0, bytes: 0 };
  const counted = {
    async get(key: string) {
      const bytes = await source.get(key);
      counts.reads++;
      counts.bytes += bytes.length;
      return bytes;
    },
  };
  const manifest = await openManifest(manifestBytes);
  const plan = planMemory(manifest, Math.min(memoryDemand(manifest).most, DEFAULT_MAX_INDEX_BYTES));
  const { residentBytes, cacheBytes } = plan;
  const index = await openArtifact(counted, manifestBytes, { kernel, residentBytes, cacheBytes });
  const opened = { openReads: counts.reads, openBytes: counts.bytes };
  const all = await openArtifact(source, manifestBytes, { kernel, residentBytes: 0, cacheBytes: LARGE_CACHE });
  const { defaultNprobe, cellsPerPage, nlist } = manifest;
  const runs = Math.ceil(Math.max(1, nlist) / (cellsPerPage ?? 1));
  const vectors = Array.from(queries.ids, (_, i) => queries.vectors.slice(i * dims, (i + 1) * dims));
  const started = performance.now();
  const asked = await bestOf(all, vectors, () => undefined);
  const exhaustiveMs = (performance.now() - started) / vectors.length;
  const rows: SearchRow[] = [];
  const measure = async (name: string, nprobe: number, of: readonly Asked[]): Promise<void> => {
    const times: number[] = [];
    const scanned: number[] = [];
    let found = 0;
    index.limitPages(0);
    index.limitPages(cacheBytes);
    Object.assign(counts, { reads: 0, bytes: 0 });
    const cpu = process.cpuUsage();
    for (const { vector, filter, best } of of) {
      const before = performance.now();
      const { ordinals, codesScanned } = await index.search(vector, { k: K, nprobe, filter });
      const ids = new Set((await index.items(ordinals)).map(({ id }) => id));
      times.push(performance.now() - before);
      scanned.push(codesScanned);
      found += best.filter((id) => ids.has(id)).length / Math.max(1, best.length);
    }
    const { user, system } = process.cpuUsage(cpu);
    const n = of.length;
    times.sort((a, b) => a - b);
    rows.push({
      ...{ name, nprobe, queries: n, overlapAt10: found / n, reads: counts.reads / n, bytes: counts.bytes / n },
      ...{ codesScanned: mean(scanned), cpuMs: (user + system) / 1000 / n },
      ...{ p50Ms: times[Math.floor(0.5 * (n - 1))]!, p99Ms: times[Math.floor(0.99 * (n - 1))]! },
    });
  };
  for (const factor of PROBES) {
    const nprobe = Math.max(1, Math.round(factor * defaultNprobe));
    if (nprobe <= runs && rows.every((row) => row.nprobe !== nprobe)) await measure("all items", nprobe, asked);
  }
  const enough = rows.find(({ overlapAt10 }) => overlapAt10 >= ENOUGH)?.nprobe ?? defaultNprobe;
  if (hasFilters) {
    const some = vectors.slice(0, Math.ceil(FILTERED * vectors.length));
    const own = (i: number): Filter => ({ facet: "topic", in: [`topic ${queries.topics[i]}`] });
    await measure("its topic", enough, await bestOf(all, some, own));
    const other = (i: number): Filter => ({ facet: "topic", in: [`topic ${(queries.topics[i]! + 7) % 20}`] });
    await measure("another topic", enough, await bestOf(all, some, other));
    await measure("year ≥ 2020", enough, await bestOf(all, some, () => ({ number: "year", min: 2020 })));
  }
  return { rows, ...opened, enough, residentBytes, cacheBytes, defaultNprobe, cellsPerPage, exhaustiveMs, asked };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

async function bestOf(
  index: Index,
  vectors: readonly Float32Array[],
  filterOf: (i: number) => Filter | undefined,
): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (const [i, vector] of vectors.entries()) {
    const filter = filterOf(i);
    const { ordinals } = await index.search(vector, { k: K, nprobe: "all", filter });
    asked.push({ vector, filter, best: await index.ids(ordinals) });
  }
  return asked;
}
