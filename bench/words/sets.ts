/** The sets of `npm run bench:words` as folders with a configuration, whole and with a share of what people did. */
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fnv1a32, normalForm } from "@poeem/towers";
import { loadConfig } from "@poeem/training/config";
import { listOf } from "@poeem/training/data/csr";
import { buildDataset } from "@poeem/training/data/dataset";
import { loadData } from "@poeem/training/data/load";
import { makeShop, type Shop } from "../../examples/shop/src/made-up.ts";

/** What is trained and evaluated. */
export interface BenchSet {
  /** File of the configuration. */
  readonly config: string;
  /** Folder of the data, where that is not the configuration's. */
  readonly data?: string;
}

const ROOT = join(import.meta.dirname, "../..");
/** Of the hash by which a share of the queries is kept. */
const PARTS = 10_000;
const SHOP = { items: 3000, events: 12_000, seed: 1 };

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

const writeConfig = (file: string, content: object): Promise<void> =>
  writeFile(file, `export default ${JSON.stringify(content, null, 2)};\n`);

/** The made-up shop, written to a folder. */
export async function shopSet(folder: string): Promise<BenchSet & { readonly shop: Shop }> {
  const shop = makeShop(SHOP);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "items.jsonl"), lines(shop.items));
  await writeFile(join(folder, "events.jsonl"), lines(shop.events));
  const config = join(folder, "poeem.config.mjs");
  await writeConfig(config, {
    name: "shop",
    data: { items: "FROM 'items.jsonl'", events: "FROM 'events.jsonl'" },
    items: {
      text: ["title", "description"],
      textFromEvents: true,
      categories: ["brand", "kind"],
      fields: ["brand", "kind", "colour", "price"],
      facets: ["kind"],
    },
  });
  return { config, shop };
}

export function tldrSet(data: string | undefined): BenchSet {
  if (data === undefined)
    throw new Error("[bench:words] --set tldr expected --data, a folder with items.jsonl and queries.jsonl, got none");
  return { config: join(ROOT, "bench/tldr/poeem.config.ts"), data: resolve(data) };
}

export const symbolsSet = (data: string | undefined): BenchSet => ({
  config: join(ROOT, "examples/symbols/poeem.config.ts"),
  ...(data !== undefined && { data: resolve(data) }),
});

/**
 * A set with a share of its training queries, drawn by the hash of their words and the seed; what is asked of it stays
 * the same. With share 0 it has no events at all.
 */
export async function withShare(set: BenchSet, share: number, seed: number, folder: string): Promise<BenchSet> {
  if (share === 1) return set;
  const { config, directory } = await loadConfig(set.config);
  const dataset = buildDataset(await loadData(config, directory, set), config);
  const ids = [...dataset.ids];
  const { train, validation, test } = dataset;
  const isKept = (text: string): boolean => fnv1a32(`${seed}\t${normalForm(text)}`) % PARTS < share * PARTS;
  const rows = (of: typeof test): object[] =>
    of.texts.flatMap((query, q) => Array.from(listOf(of.relevant, q), (item) => ({ query, item: ids[item]! })));
  const kept = Array.from(dataset.eventQuery.subarray(0, dataset.behaviour), (query, event) => ({
    query: train.texts[query]!,
    item: ids[dataset.eventItem[event]!]!,
  })).filter(({ query }) => isKept(query));
  // what watches a training is part of what people did
  for (const row of rows(validation) as typeof kept) if (isKept(row.query)) kept.push(row);
  await mkdir(folder, { recursive: true });
  const file = (name: string): string => join(resolve(folder), `${name}.jsonl`);
  await writeFile(file("train"), lines(kept));
  await writeFile(file("test"), lines(rows(test)));
  const { default: asked } = (await import(resolve(set.config))) as { default: Record<string, object> };
  const { split: _, ...others } = asked;
  const target = join(folder, "poeem.config.mjs");
  await writeConfig(target, {
    ...others,
    data: {
      ...asked["data"],
      ...(kept.length > 0 ? { events: `FROM '${file("train")}'` } : { events: undefined }),
      test: `FROM '${file("test")}'`,
    },
    events: {},
  });
  const data = set.data ?? resolve(directory);
  return { config: target, data };
}
