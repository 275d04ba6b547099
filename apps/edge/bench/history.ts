/**
 * What 20 query vectors cost beside one, without HTTP: the search of pq-core with the Worker's kernel, in this
 * process.
 */
import { readFileSync } from "node:fs";
import { loadKernel, openArtifact } from "@poeem/pq-core";
import type { Catalogue } from "./catalogue.ts";

// Node's own types do not declare it as a value.
/** Items of a history. */
export const historyItems = 20;
const rounds = 60;
/** Searches that are timed together: the clock of CPU time is coarse. */
const repeats = 10;
const kernel = new URL(import.meta.resolve("@poeem/pq-core/kernel-relaxed.wasm"));

export interface HistoryCost {
  readonly oneVectorMs: number;
  /** 20 vectors, an item scored by the nearest; and how many times one vector's time that is. */
  readonly maximumMs: number;
  readonly maximumRatio: number;
  /** 20 vectors, an item scored by their mixture. */
  readonly mixtureMs: number;
  readonly mixtureRatio: number;
}

/** Ids of a history: items far apart, which share no cells, so that nothing is saved. */
export function historyIds(i: number, numItems: number): number[] {
  return Array.from({ length: historyItems }, (_, j) => (i * 7919 + j * 104_729) % numItems);
}

/**
 * CPU time, which other work on the machine disturbs less than the time on the wall. The three take turns, so that a
 * slow moment meets all alike; medians of {@link rounds}, the first third left out.
 */
export async function measureHistories({ artifact }: Catalogue, nprobe: number): Promise<HistoryCost> {
  const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
  const index = await openArtifact({ get: async (key) => chunks.get(key)! }, artifact.manifestBytes, {
    kernel: loadKernel(new WebAssembly.Module(readFileSync(kernel))),
    residentBytes: Number.POSITIVE_INFINITY,
  });
  const { dim, numItems } = index.manifest;
  const times: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < rounds; i++) {
    const vectors = await index.vectors(await index.ordinals(historyIds(i, numItems)));
    const heads = historyIds(i, numItems).map((_, j) => unit(vectors.subarray(j * dim, (j + 1) * dim)));
    const runs = [
      // Each of the vectors by itself: the same one again would find all of its cells in the processor's cache.
      (n: number) => index.search(heads[n % historyItems]!, { nprobe }),
      () => index.search(heads, { nprobe }),
      () => index.search(heads, { nprobe, merge: { by: "sumExp", temperature: 20, exact: false } }),
    ] as const;
    for (const [r, run] of runs.entries()) {
      const searches = r === 0 ? historyItems * repeats : repeats;
      const startedAt = process.cpuUsage();
      for (let n = 0; n < searches; n++) await run(n);
      const { user, system } = process.cpuUsage(startedAt);
      if (i >= rounds / 3) times[r]!.push((user + system) / 1000 / searches);
    }
  }
  const [one, maximum, mixture] = times.map((of) => of.sort((a, b) => a - b)[Math.floor(of.length / 2)]!) as [
    number,
    number,
    number,
  ];
  const round = (value: number) => Math.round(value * 1000) / 1000;
  return {
    oneVectorMs: round(one),
    maximumMs: round(maximum),
    maximumRatio: round(maximum / one),
    mixtureMs: round(mixture),
    mixtureRatio: round(mixture / one),
  };
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}
