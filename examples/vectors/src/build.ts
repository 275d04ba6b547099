/**
 * `npm run data`: writes `data/icons.parquet`, the icons of three sets to be searched, and `data/asked.parquet`, those
 * of a fourth as sample queries, each with its picture.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ARRAY, arrayValue, DuckDBInstance, FLOAT } from "@duckdb/node-api";
import { readLucide } from "@poeem/example-symbols/src/sources/lucide.ts";
import { readMdi } from "@poeem/example-symbols/src/sources/mdi.ts";
import { readPhosphor } from "@poeem/example-symbols/src/sources/phosphor.ts";
import { readTabler } from "@poeem/example-symbols/src/sources/tabler.ts";
import type { SourceSymbol } from "@poeem/example-symbols/src/symbol.ts";
import { LENGTH, pictureOf } from "./picture.ts";

/** Icons that are searched; icons that are asked for. */
export function readIcons(): { icons: SourceSymbol[]; asked: SourceSymbol[] } {
  return { icons: [readMdi(), readTabler(), readPhosphor()].flat(), asked: readLucide() };
}

/** Writes both files into a folder. */
export async function writeVectors(
  folder: string,
  { icons, asked }: ReturnType<typeof readIcons> = readIcons(),
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  try {
    const write = async (file: string, symbols: readonly SourceSymbol[], columns: string): Promise<void> => {
      const connection = await instance.connect();
      await connection.run(`CREATE TEMP TABLE icons (id TEXT, title TEXT, "set" TEXT, svg TEXT, vec FLOAT[${LENGTH}])`);
      const appender = await connection.createAppender("icons");
      for (const { item } of symbols) {
        for (const text of [item.id, item.title, item.set, item.svg!]) appender.appendVarchar(text);
        appender.appendArray(arrayValue([...pictureOf(item.svg!)]), ARRAY(FLOAT, LENGTH));
        appender.endRow();
      }
      appender.closeSync();
      const path = join(folder, file).replaceAll("'", "''");
      await connection.run(`COPY (SELECT ${columns}, vec FROM icons) TO '${path}'`);
      connection.closeSync();
    };
    await write("icons.parquet", icons, 'id, title, "set", svg');
    await write("asked.parquet", asked, "id AS query");
  } finally {
    instance.closeSync();
  }
}

if (import.meta.main) await writeVectors(join(import.meta.dirname, "..", "data"));
