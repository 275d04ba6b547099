/** The indexes that are attacked, each in a Worker of its own. */
import { GOOD_TOKENS, RATE, type Target } from "./attacks.ts";
import { type Catalogue, type CatalogueOptions, makeCatalogue } from "./catalogue.ts";
import { type RunningWorker, startWorker, type WorkerOptions } from "./worker.ts";

/** What an index is made of, and how its Worker is started. */
export interface Plan extends CatalogueOptions {
  readonly items: number;
  readonly worker?: WorkerOptions;
}

/** A warm Worker and the index that it serves. */
export interface Served {
  readonly items: number;
  readonly worker: RunningWorker;
  readonly catalogue: Catalogue;
}

/**
 * @param items of an index that memory keeps
 * @param paged items of one that is paged: three million are
 */
export function planOf(target: Target, items: number, paged: number): Plan {
  const plans: Readonly<Record<Target, Plan>> = {
    codes: { items, filters: true },
    paged: { items: paged },
    words: { items, texts: true },
    identical: { items, identical: true },
    // With 40 kB an item, a thousand make an index.
    fields: { items: 3_000, fieldLength: 40_000 },
    tokens: { items: 1_000, worker: { rateLimit: RATE, variables: { SEARCH_TOKENS: GOOD_TOKENS.join() } } },
  };
  return plans[target];
}

/** Makes an index, and a Worker that serves it: past its cold start, reading ahead, and its first searches. */
export async function serve(target: Target, plan: Plan, options: WorkerOptions): Promise<Served> {
  const { items, worker: own, ...catalogueOptions } = plan;
  const catalogue = await makeCatalogue(items, catalogueOptions);
  const worker = await startWorker({ inspect: true, badDay: true, ...own, ...options });
  await worker.trouble("/set?keep=1");
  await worker.publish(catalogue.artifact);
  const { query, text } = catalogue;
  // Of the one with tokens, the limiter would count these.
  for (let i = 0; target !== "tokens" && i < 30; i++) {
    const vector = Array.from(query(i));
    await worker.send("/search", JSON.stringify({ ...(text === undefined ? { vector } : { q: text(i) }), k: 100 }));
    if (plan.filters && i < 3) await worker.send("/search", JSON.stringify({ vector, filter: "set:v1 AND year>1950" }));
    if (i === 0) await new Promise((resolve) => setTimeout(resolve, 1_500));
  }
  return { items, worker, catalogue };
}
