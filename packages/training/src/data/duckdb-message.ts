import { messageOf } from "@poeem/offline/errors";
import { type Encoding, encodingOf } from "./file-encoding.ts";
import { shortened } from "./shortened.ts";

const MAX_CHARS = 400;
const MAX_LINE = 60;
const CSV_VALUE = /CSV Error on Line: (\d+)\n[\s\S]*?column "(.*)"\. Could not convert string "(.*)" to '(.*)'\n/;
const CSV_LINE = /CSV Error on Line: (\d+)\n(?:Original Line: ?(.*)\n)?(.*)/;
const JSON_VALUE = /(JSON transform error in file ".*", in line \d+: .*)\nTry increasing 'sample_size'/;
const CSV_FILE = /\n\s*file = (.*)\n/;
const SNIFFED = /Error when sniffing file "(.*)"/;
const EXTENSION = /Failed to download extension "(\w+)"/;
const NOT_UTF8 = /not utf-8|invalid UTF-?8|invalid unicode/i;
const JSON_FILE = /in file "(.*?)"/;

/**
 * What DuckDB has against SQL or files, in one line or two: its long lists of all options are left out, and so is its
 * advice to skip the rows that it cannot read.
 */
export function duckdbMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : messageOf(error);
  const extension = EXTENSION.exec(text)?.[1];
  if (extension !== undefined)
    return (
      `this needs DuckDB's extension ${extension}, which is not installed and cannot be fetched from here.\n` +
      `Install it beforehand (INSTALL ${extension}), or name its file in data.setup or --setup: ` +
      `LOAD '/folder/${extension}.duckdb_extension'`
    );
  const [, line, column, value, type] = CSV_VALUE.exec(text) ?? [];
  const csv = CSV_FILE.exec(text)?.[1] ?? SNIFFED.exec(text)?.[1];
  if (column !== undefined) {
    return (
      `${csv ?? "CSV"}, line ${line}: DuckDB took column ${column} for ${type}, got ${JSON.stringify(value)}.\n` +
      `In read_csv, sample_size = -1 guesses from all rows, and types = {'${column}': 'VARCHAR'} reads it as text`
    );
  }
  const json = JSON_VALUE.exec(text)?.[1];
  if (json !== undefined) return `${json}\nIn read_json, sample_size = -1 guesses types from all rows`;
  if (csv !== undefined) {
    const [, at, original, what] = CSV_LINE.exec(text) ?? [];
    const place = at === undefined ? csv : `${csv}, line ${at}`;
    const encoding = encodingOf(csv);
    if (NOT_UTF8.test(text) || (encoding !== undefined && encoding !== "UTF-8")) return notUtf8(csv, place, encoding);
    const shown = original ? `: ${JSON.stringify(original.slice(0, MAX_LINE))}` : "";
    if (what !== undefined)
      return `${place}: ${what.trim()}${shown}.\nCorrect the file, or tell read_csv how to read it`;
    return (
      `${place}: DuckDB cannot tell how this CSV is written.\n` +
      "Say it in read_csv, as in delim = ';', quote = '\"', header = true, or correct the file"
    );
  }
  const file = NOT_UTF8.test(text) ? JSON_FILE.exec(text)?.[1] : undefined;
  if (file !== undefined) return `${file} is not in UTF-8, as JSON has to be; convert it, as iconv does`;
  // from a list of the reader's settings or a line of the SQL on
  const told = text
    .split(/\n\n\s+file = |\n\s*LINE \d+:|\n\s*Possible (?:fixes|solution)/i)[0]!
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[^.;:]*ignore_errors[^.;]*[.;]?/g, "")
    .trim();
  return shortened(told, MAX_CHARS);
}

/** DuckDB reads UTF-8, UTF-16 and Latin-1; of anything else letters would be lost in silence. */
function notUtf8(file: string, place: string, encoding: Encoding | undefined): string {
  const read = (name: string): string => `FROM read_csv('${file.replaceAll("'", "''")}', encoding = '${name}')`;
  switch (encoding) {
    case "UTF-16":
      return `${file}: expected UTF-8, got UTF-16.\nRead it so: ${read("utf-16")}`;
    case "Latin-1":
      return `${place}: expected UTF-8, got what looks like Latin-1.\nRead it so: ${read("latin-1")}`;
    case "UTF-16BE":
    case "Windows-1252":
      return (
        `${place}: expected UTF-8, got what looks like ${encoding}, which DuckDB does not read.\n` +
        `Convert it: iconv -f ${encoding.toUpperCase()} -t UTF-8 '${file}' > utf8.csv`
      );
    case "broken":
      return `${place}: expected UTF-8, as elsewhere in this file, got other bytes.\nCorrect that line`;
    default:
      return (
        `${place}: expected UTF-8, got other bytes.\n` +
        `Convert the file, as iconv does, or read it so: ${read("latin-1")} or 'utf-16'`
      );
  }
}
