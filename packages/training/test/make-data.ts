import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { type PoeemConfig, type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { type LoadedData, type LoadOptions, loadData } from "../src/data/load.ts";

/** Writes items, events and other parts as JSON lines into a new folder and loads them as a config does. */
export async function load(
  rows: { items: object[] } & Partial<Record<"events" | "queries" | "test" | "validation" | "history", object[]>>,
  overrides: Partial<PoeemConfigInput> = {},
  options: LoadOptions = {},
): Promise<{ config: PoeemConfig; raw: LoadedData; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), "poeem-data-"));
  const write = (name: string, objects: object[]): Promise<void> =>
    writeFile(join(directory, name), objects.map((row) => JSON.stringify(row)).join("\n"));
  for (const [name, objects] of Object.entries(rows)) await write(`${name}.jsonl`, objects);
  const config = resolveConfig(
    {
      name: "t",
      data: Object.fromEntries(Object.keys(rows).map((name) => [name, `SELECT * FROM '${name}.jsonl'`])),
      items: {},
      ...overrides,
    },
    "test",
  );
  return { config, raw: await loadData(config, directory, options), directory };
}

/** Ids of the items of `randomWorld` in the order of their numbers. */
export const ITEM_IDS: readonly string[] = Array.from({ length: 30 }, (_, i) => `i${i}`).sort();

export interface EventRow {
  readonly query: string;
  readonly user: string;
  readonly item: string;
  readonly time: number;
  readonly device: string | null;
}

/** Random events in which users come back to items, times are tied, texts are shared, and rows are in no order. */
export function randomWorld(seed: number): { items: { id: string; title: string }[]; events: EventRow[] } {
  const random = new Random(seed);
  const items = Array.from({ length: 30 }, (_, i) => ({ id: `i${i}`, title: `item ${i}` }));
  const events = Array.from({ length: 600 }, () => ({
    query: `words ${random.integer(90)}`,
    // some users have one event
    user: `u${Math.min(random.integer(60), random.integer(60))}`,
    item: `i${Math.min(random.integer(30), random.integer(30))}`,
    time: random.integer(200),
    device: ["phone", "desk", null][random.integer(3)]!,
  }));
  return { items, events };
}
