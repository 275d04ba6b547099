/**
 * Makes `data/interactions.csv` and `data/items.csv` of the files of a goodbooks-10k release:
 *
 *     npm run prepare-data -- DIR     # the folder of ratings.csv, to_read.csv and books.csv
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

/** SHA-256 of the interactions that all figures of this project are of: 1,561,338 pairs, sorted by user and book. */
export const KNOWN_INTERACTIONS = "de09fa5c29008e7f83b7f27d0c384a314f93276d54e47c1daca4b730a4af7b06";

/** Pairs of a reader and a book that he wants to read, or gave 4 or 5 stars. */
const INTERACTIONS = `
  SELECT DISTINCT user_id, book_id AS item_id
  FROM (
    SELECT user_id, book_id FROM 'to_read.csv'
    UNION ALL
    SELECT user_id, book_id FROM 'ratings.csv' WHERE rating >= 4
  )
  ORDER BY user_id, item_id`;

const ITEMS = `
  SELECT book_id AS item_id, title, authors, original_publication_year::INTEGER AS year,
    language_code AS language, image_url
  FROM 'books.csv'
  ORDER BY book_id`;

export interface Prepared {
  readonly interactions: number;
  readonly items: number;
  /** SHA-256 of interactions.csv. */
  readonly sha256: string;
}

/** Reads a release in `source` and writes both files into `target`, each of them whole or not at all. */
export async function prepare(source: string, target: string): Promise<Prepared> {
  const missing = ["ratings.csv", "to_read.csv", "books.csv"].filter((name) => !existsSync(join(source, name)));
  if (missing.length > 0) throw new Error(`expected ${missing.join(", ")} in ${source}`);
  await mkdir(target, { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const write = async (name: string, sql: string): Promise<number> => {
    const part = join(target, `${name}.part`);
    try {
      await connection.run(`COPY (${sql}) TO ${literal(part)} (FORMAT csv, HEADER)`);
      await rename(part, join(target, name));
    } finally {
      await rm(part, { force: true });
    }
    const [row] = (await connection.runAndReadAll(`SELECT count(*)::INTEGER FROM (${sql})`)).getRows();
    return Number(row![0]);
  };
  try {
    await connection.run(`SET file_search_path = ${literal(source)}`);
    const interactions = await write("interactions.csv", INTERACTIONS);
    const items = await write("items.csv", ITEMS);
    const sha256 = createHash("sha256")
      .update(await readFile(join(target, "interactions.csv")))
      .digest("hex");
    return { interactions, items, sha256 };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

if (process.argv[1] === import.meta.filename) {
  const source = process.argv[2];
  const target = resolve(import.meta.dirname, "../data");
  try {
    if (source === undefined) throw new Error("expected the folder of ratings.csv, to_read.csv and books.csv");
    const { interactions, items, sha256 } = await prepare(resolve(source), target);
    const same = sha256 === KNOWN_INTERACTIONS;
    process.stdout.write(
      `${interactions.toLocaleString("en")} interactions and ${items.toLocaleString("en")} books in ${target}\n` +
        `sha256 of interactions.csv ${sha256}: ` +
        (same
          ? "the data behind this project's figures\n"
          : "not the data behind this project's figures (README.md names the release they come from)\n"),
    );
  } catch (error) {
    process.stderr.write(`prepare-data: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
