/**
 * Looks for the dearest request that a Worker still answers, by CPU, by memory and by reads of KV: from random requests
 * it goes on with changes of the dearest so far. Seeded, so that two builds are asked alike until their answers differ.
 */
import { encodeVector } from "../src/http/vector.ts";
import { leaves, scattered } from "./attacks.ts";
import { type Catalogue, dim, generator } from "./catalogue.ts";
import { type Cost, costOf } from "./cost.ts";
import type { RunningWorker } from "./worker.ts";

/** What a request can be made of: one number each, as far as it goes. */
interface Genes {
  readonly start: "vector" | "zeros" | "history" | "like" | "q";
  readonly mode: "dense" | "words" | "hybrid";
  readonly nprobe: number;
  readonly k: number;
  readonly diversity: number;
  readonly leaves: number;
  readonly history: number;
  readonly exclude: number;
  readonly words: number;
  readonly batch: number;
}

const BY = ["cpuMs", "heapMB", "processMB", "kvReads"] as const;
type By = (typeof BY)[number];

export interface Dearest {
  readonly request: Genes;
  readonly cost: Cost;
}

/** @param tries requests for each of the measures, that is three times as many in all */
export async function findDearest(
  worker: RunningWorker,
  catalogue: Catalogue,
  { items, filters = false }: { readonly items: number; readonly filters?: boolean },
  tries: number,
  /** Told now and then, because it takes minutes. */
  log: (line: string) => void,
): Promise<Partial<Record<By, Dearest>> & { readonly refused: number; readonly answered: number }> {
  const random = generator(items);
  const best: Partial<Record<By, Dearest>> = {};
  let refused = 0;
  let answered = 0;
  for (let i = 0; i < tries; i++) {
    const by = BY[i % BY.length]!;
    const parent = best[by]?.request;
    // A third of them anew: the dearest so far may be the dearest of its neighbours only.
    const request =
      parent === undefined || random() < 0.33
        ? anew(random, catalogue, filters)
        : changed(parent, random, catalogue, filters);
    const body = JSON.stringify(
      Array.from({ length: request.batch }, (_, n) => searchOf(request, catalogue, items, i + n)),
    );
    const cost = await costOf(worker, [{ path: "/search", body }]);
    if (i % 50 === 49) log(`${i + 1} tries: ${BY.map((by) => `${by} ${best[by]?.cost[by] ?? 0}`).join(", ")}`);
    if (cost.status !== "200") {
      refused++;
      continue;
    }
    answered++;
    for (const measure of BY) {
      if (cost[measure] <= (best[measure]?.cost[measure] ?? 0)) continue;
      // Once more, so that a collection of garbage or a busy machine is not taken for a price.
      const again = await costOf(worker, [{ path: "/search", body }]);
      if (again.status !== "200" || again[measure] <= (best[measure]?.cost[measure] ?? 0)) continue;
      const lower = again[measure] < cost[measure] ? again : cost;
      best[measure] = { request, cost: lower };
    }
  }
  return { ...best, refused, answered };
}

const steps = (random: () => number, most: number) => Math.max(0, Math.round(most * random() ** 2));

function anew(random: () => number, { nlist, text }: Catalogue, filters: boolean): Genes {
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  return {
    start: one(
      text === undefined ? (["vector", "zeros", "history", "like"] as const) : (["q", "q", "vector"] as const),
    ),
    mode: one(["dense", "words", "hybrid"]),
    nprobe: Math.max(1, Math.round(nlist ** random())),
    k: Math.max(1, Math.round(1000 ** random())),
    diversity: one([0, 0, 0.5, 1]),
    leaves: filters ? one([0, 0, steps(random, 64), 150]) : 0,
    history: Math.max(1, Math.round(1000 ** random())),
    exclude: one([0, 0, steps(random, 1000)]),
    words: Math.max(1, steps(random, 60)),
    batch: one([1, 1, Math.max(1, Math.round(32 ** random()))]),
  };
}

/** The same with one or two things as in another. */
function changed(parent: Genes, random: () => number, catalogue: Catalogue, filters: boolean): Genes {
  const other = anew(random, catalogue, filters);
  const names = Object.keys(other) as (keyof Genes)[];
  const taken = Array.from({ length: 1 + Math.floor(random() * 2) }, () => names[Math.floor(random() * names.length)]!);
  const child: Record<string, unknown> = { ...parent };
  for (const name of taken) {
    const value = other[name];
    // Numbers a little up, as often as anew: the limit of what is answered lies there.
    const isNear = typeof value === "number" && name !== "diversity" && random() < 0.5;
    const cap = { nprobe: catalogue.nlist, k: 1000, history: 1000, exclude: 1000, words: 80, leaves: 150, batch: 32 };
    child[name] = isNear
      ? Math.min(cap[name as keyof typeof cap], Math.ceil((parent[name] as number) * (0.8 + random())))
      : value;
  }
  return child as unknown as Genes;
}

function searchOf(genes: Genes, { query, text }: Catalogue, items: number, i: number): Record<string, unknown> {
  const { start, mode, nprobe, k, diversity, leaves: comparisons, history, exclude, words, batch } = genes;
  const starts = {
    vector: () => ({ vector: encodeVector(query(i)) }),
    zeros: () => ({ vector: encodeVector(new Float32Array(dim)) }),
    history: () => ({ history: scattered(history, items, i * 17) }),
    like: () => ({ like: (i * 7919) % items }),
    q: () => ({
      q: Array.from({ length: words }, (_, w) => text!(i + w * 5).split(" ")[0])
        .join(" ")
        .slice(0, 512),
      mode,
    }),
  };
  return {
    ...starts[start](),
    nprobe,
    // The largest that a batch may have in all.
    k: Math.max(1, Math.min(k, Math.floor(2000 / batch))),
    diversity,
    ...(comparisons > 0 && { filter: leaves(comparisons) }),
    ...(exclude > 0 && { exclude: scattered(exclude, items, i) }),
  };
}
