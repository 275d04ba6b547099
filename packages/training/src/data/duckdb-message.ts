import { messageOf } from "@poeem/offline/errors";
import { shortened } from "./shortened.ts";

const MAX_CHARS = 400;
const CSV_VALUE = /CSV Error on Line: (\d+)\n[\s\S]*?column "(.*)"\. Could not convert string "(.*)" to '(.*)'\n/;
const JSON_VALUE = /(JSON transform error in file ".*", in line \d+: .*)\nTry increasing 'sample_size'/;
const CSV_FILE = /\n\s*file = (.*)\n/;

/** What DuckDB has against SQL or files, in one line or two: its long lists of all options are left out. */
export function duckdbMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : messageOf(error);
  const [, line, column, value, type] = CSV_VALUE.exec(text) ?? [];
  if (column !== undefined) {
    const file = CSV_FILE.exec(text)?.[1] ?? "CSV";
    return (
      `${file}, line ${line}: DuckDB took column ${column} for ${type}, got ${JSON.stringify(value)}.\n` +
      `In read_csv, sample_size = -1 guesses from all rows, and types = {'${column}': 'VARCHAR'} reads it as text`
    );
  }
  const json = JSON_VALUE.exec(text)?.[1];
  if (json !== undefined) return `${json}\nIn read_json, sample_size = -1 guesses types from all rows`;
  // from a list of the reader's settings or a line of the SQL on
  const told = text
    .split(/\n\n\s+file = |\n\s*LINE \d+:/)[0]!
    .replaceAll(/\s+/g, " ")
    .trim();
  return shortened(told, MAX_CHARS);
}
