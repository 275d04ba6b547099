import { InputError, quote } from "./errors.ts";

/**
 * Reads values separated by commas, as a line of CSV has them: `a,"b,c","say ""d"""` is `a`, `b,c` and `say "d"`. A
 * value is taken as it stands, blanks included; empty ones are dropped.
 *
 * @param parameter what an error names
 * @throws InputError for a quoted value that does not end
 */
export function parseList(text: string, parameter: string): string[] {
  const values: string[] = [];
  const value = /"((?:[^"]|"")*)"(?=,|$)|(?!")[^,]*/sy;
  for (let at = 0; at <= text.length; at = value.lastIndex + 1) {
    value.lastIndex = at;
    const found = value.exec(text);
    if (found === null)
      throw new InputError(
        parameter,
        `expected a closing quote and then a comma or the end, got ${quote(text.slice(at))}`,
      );
    const own = found[1]?.replaceAll('""', '"') ?? found[0];
    if (own !== "") values.push(own);
  }
  return values;
}

/** The text that {@link parseList} reads these values from. */
export function formatList(values: readonly string[]): string {
  return values.map((value) => (/^"|,/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(",");
}
