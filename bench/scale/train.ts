import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Catalogue } from "./catalogue.ts";
import { poeem } from "./engines.ts";
import { run } from "./processes.ts";
import { BARE_COLUMNS, ITEM_COLUMNS, QUERY_COLUMNS, writeRows } from "./write-rows.ts";

export interface Sample {
  readonly cells: number;
  /** Items that cells and codes are learned from. */
  readonly items: number;
  readonly queries: number;
  /** Ids alone, without title, topic and year. */
  readonly bare: boolean;
}

/** An index by which the catalogue is encoded: learned from some other items of its kind, by `poeem train`. */
export async function trainOnSample(
  folder: string,
  catalogue: Catalogue,
  { cells, items, queries, bare }: Sample,
): Promise<{ readonly index: string; readonly seconds: number }> {
  const index = join(folder, "index");
  if (existsSync(join(index, "manifest.json"))) return { index, seconds: 0 };
  await mkdir(folder, { recursive: true });
  const columns = bare ? BARE_COLUMNS : ITEM_COLUMNS;
  const { dims } = catalogue;
  await writeRows(join(folder, "sample.parquet"), catalogue.sample(items), dims, columns);
  const asked = catalogue.queries(queries, { forTraining: true });
  await writeRows(join(folder, "asked.parquet"), asked, dims, QUERY_COLUMNS);
  const config = {
    name: "scale",
    data: { items: "FROM 'sample.parquet'", queries: "FROM 'asked.parquet'" },
    items: { embeddings: ["vec"], ...(!bare && { title: "title", facets: ["topic"], numbers: ["year"], fields: [] }) },
    queries: { embeddings: ["vec"], encoder: "made-up" },
    // a number of a vector takes half a byte
    index: { nlist: cells, numSubQuantizers: dims, nbits: 4, bufferSize: items },
    training: { seed: catalogue.seed },
  };
  await writeFile(join(folder, "poeem.config.ts"), `export default ${JSON.stringify(config, null, 2)};\n`);
  const started = performance.now();
  await run(poeem("train", "--config", join(folder, "poeem.config.ts"), "--out", index, "--json"));
  return { index, seconds: (performance.now() - started) / 1000 };
}
