/** Writes some partitions of a made-up catalogue: a process of its own, of which there are as many as processors. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Catalogue } from "./catalogue.ts";
import { BARE_COLUMNS, ITEM_COLUMNS, writeRows } from "./write-rows.ts";

/** What the process is told on its standard input's place, as one argument of JSON. */
export interface PartsToMake extends Pick<Catalogue, "seed" | "dims" | "items" | "partitions"> {
  readonly folder: string;
  readonly bare: boolean;
  /** Those whose number leaves this when divided by `of`. */
  readonly share: number;
  readonly of: number;
}

export const partFile = (number: number): string => `part-${String(number).padStart(5, "0")}.parquet`;

if (import.meta.main) {
  const { folder, bare, share, of, ...shape } = JSON.parse(process.argv[2]!) as PartsToMake;
  const catalogue = new Catalogue(shape);
  for (let number = share; number < shape.partitions; number += of) {
    const file = join(folder, partFile(number));
    if (existsSync(file)) continue;
    await writeRows(file, catalogue.partition(number), shape.dims, bare ? BARE_COLUMNS : ITEM_COLUMNS);
    process.stdout.write(`${number}\n`);
  }
}
