import { printable } from "@poeem/offline/printable";
import { counted } from "@poeem/offline/progress";
import type { ItemId } from "@poeem/pq-core";

/** What a command has done: one JSON object on stdout for a program, or a sentence on stderr for a person. */
export function report(json: boolean | undefined, facts: object, sentence: string): void {
  if (json) process.stdout.write(`${JSON.stringify(facts)}\n`);
  else process.stderr.write(`${sentence}\n`);
}

/** News for a person, one line each. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Ids that a message names. */
const MOST_NAMED = 3;

/** The first of some ids, for a message. */
export function someOf(ids: readonly ItemId[]): string {
  return `${printable(ids.slice(0, MOST_NAMED).join(", "))}${ids.length > MOST_NAMED ? ", …" : ""}`;
}

/** A line for ids of no item of an index; nothing without any. @param what was to be done with them */
export function notInIndex(what: string, ids: readonly ItemId[]): string {
  if (ids.length === 0) return "";
  const are = ids.length === 1 ? "is" : "are";
  return `${counted(ids.length, "item")} to ${what} ${are} not in the index (${someOf(ids)})\n`;
}
