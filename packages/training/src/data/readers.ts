import { columnType } from "./column-type.ts";

/** DuckDB's readers of files, by what they read. */
export type Reader = "csv" | "json" | "parquet";

const EXTENSION = /\.(?:(csv|tsv|txt)|(json|jsonl|ndjson))(?:\.(?:gz|zst))?$|\.parquet$/i;

/** Which reader a file is for, by its name; undefined where that does not say. */
export function readerOf(file: string): Reader | undefined {
  const match = EXTENSION.exec(file);
  if (!match) return undefined;
  return match[1] ? "csv" : match[2] ? "json" : "parquet";
}

/** The same for `FROM 'x'`, where .txt says nothing to DuckDB. */
export const readerOfTable = (file: string): Reader | undefined =>
  /\.txt(\.\w+)?$/i.test(file) ? undefined : readerOf(file);

/** Which reader a table function is. */
export function readerCalled(name: string): Reader | undefined {
  if (/^read_csv(_auto)?$/i.test(name)) return "csv";
  if (/^read_(nd)?json(_auto)?$/i.test(name)) return "json";
  return /^(read_parquet|parquet_scan)$/i.test(name) ? "parquet" : undefined;
}

/**
 * The type in which a column of a guessed type stays as it stands in the file: VARCHAR for a value, a list of VARCHAR
 * for a list of values. Undefined for structs, maps, and JSON, which has no type to lose anything by.
 */
export function textType(type: string): string | undefined {
  const { kind, depth } = columnType(type);
  return kind === "opaque" || kind === "json" ? undefined : `VARCHAR${"[]".repeat(depth)}`;
}

const MEMBER = /("(?:[^"]|"")+"|\w+) (UUID|DATE|TIME|TIMESTAMP)(?: WITH TIME ZONE|TZ|_\w+)?(?=[,)[])/g;

/** The same for a struct of JSON, of whose members some are texts that a reader took for something else. */
export function memberTextType(type: string, words: ReadonlySet<string>): string | undefined {
  const text = type.replaceAll(MEMBER, (member, name: string) =>
    words.has(name.replaceAll(/^"|"$|"(?=")/g, "").toLowerCase()) ? `${name} VARCHAR` : member,
  );
  return text === type ? undefined : text;
}
