import { printable } from "@poeem/offline/printable";
import { formatCount } from "@poeem/offline/progress";

/** What a file or folder holds: printed as a table, or as it is with `--json`. */
export interface Facts {
  readonly [name: string]: string | number | boolean | null | undefined | Facts | readonly (string | number)[];
}

/** One line per leaf, names aligned. */
export function formatFacts(facts: Facts): string {
  const lines = leaves(facts, "");
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

function leaves(facts: Facts, path: string): [string, string][] {
  return Object.entries(facts).flatMap(([key, value]): [string, string][] => {
    const name = `${path === "" ? "" : `${path} `}${words(key)}`;
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value.length === 0 ? [] : [[name, value.map(text).join(", ")]];
    if (typeof value === "object") return leaves(value as Facts, name);
    return [[name, text(value)]];
  });
}

/** "previousVersion" → "previous version" */
function words(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function text(value: string | number | boolean): string {
  if (typeof value === "string") return printable(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return Number.isInteger(value) ? formatCount(value) : String(Number(value.toPrecision(4)));
}
