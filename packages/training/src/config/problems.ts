import type { z } from "zod";
import { describeValues, schemaAt } from "./keys.ts";
import { nearest } from "./nearest.ts";

// A value that is longer says no more.
const MAX_SHOWN = 60;

/** What is wrong with a configuration, one text for each wrong key: where, what was expected, what was got. */
export function describeProblems(issues: readonly z.core.$ZodIssue[]): string[] {
  return issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => describeUnknown(issue.path, key));
    const schema = schemaAt(issue.path);
    const expected =
      issue.code === "invalid_format" || issue.code === "custom" || schema === undefined
        ? issue.message
        : `expected ${describeValues(schema)}`;
    return `${placeOf(issue.path)}: ${expected}, got ${show(issue.input)}`;
  });
}

function describeUnknown(path: readonly PropertyKey[], key: string): string {
  const known = Object.keys(schemaAt(path)?.properties ?? {});
  const meant = nearest(key, known);
  const hint = meant ? `, did you mean "${meant}"?` : "";
  return `${placeOf(path)}: Unrecognized key "${key}"${hint} (keys: ${known.join(", ")})`;
}

const placeOf = (path: readonly PropertyKey[]): string => path.join(".") || "(top level)";

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function" || typeof value === "bigint" || typeof value === "symbol") return `a ${typeof value}`;
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
