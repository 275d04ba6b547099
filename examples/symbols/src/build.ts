/** `npm run data`: writes `data/items.jsonl` and `data/events.jsonl`, and one line of counts a set and a locale. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildDataset, type Dataset } from "./dataset.ts";

/**
 * Writes both files under `dir`; each appears whole or not at all, and the events only after the items that they
 * name.
 */
export function writeDataset(dir: string, dataset: Dataset): void {
  mkdirSync(dir, { recursive: true });
  const files = [
    { path: join(dir, "items.jsonl"), rows: dataset.items },
    { path: join(dir, "events.jsonl"), rows: dataset.events },
  ].map(({ path, rows }) => ({ path, rows, temporary: `${path}.${process.pid}.tmp` }));
  try {
    for (const { temporary, rows } of files)
      writeFileSync(temporary, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    for (const { path, temporary } of files) renameSync(temporary, path);
  } finally {
    for (const { temporary } of files) rmSync(temporary, { force: true });
  }
}

/** Two lines of text: items a set, events a locale. */
export function summarize({ items, events }: Dataset): string {
  const queries = new Set(events.map((event) => event.query)).size;
  return [
    `items ${items.length}: ${countBy(items.map((item) => item.set))}`,
    `events ${events.length} of ${queries} queries: ${countBy(events.map((event) => event.locale))}`,
  ].join("\n");
}

function countBy(keys: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([key, count]) => `${key} ${count}`)
    .join(", ");
}

if (import.meta.main ?? process.argv[1] === fileURLToPath(import.meta.url)) {
  const dataset = buildDataset();
  writeDataset(join(dirname(fileURLToPath(import.meta.url)), "..", "data"), dataset);
  console.log(summarize(dataset));
}
