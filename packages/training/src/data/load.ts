import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { UserError } from "@poeem/offline/errors";
import type { PoeemConfig } from "../config.ts";
import { keySql } from "./column-values.ts";
import { Database, type Source } from "./duckdb.ts";
import { eventSources } from "./event-sources.ts";
import { readEvents } from "./events.ts";
import { type DataHashes, hashesOf, hashOf } from "./hash.ts";
import { sortItems } from "./item-order.ts";
import { readItems } from "./items.ts";
import type { UnknownItems } from "./join-items.ts";
import { checkContextValues, checkNames } from "./limits.ts";
import { refuse } from "./problems.ts";
import { checkAsked, readQueryVectors } from "./query-vectors.ts";
import { givenSide } from "./side.ts";
import type { EventTable, RawData } from "./types.ts";

export interface LoadOptions {
  /** Folder in which the SQL's files are found, instead of the folder of the config and its `data`. */
  data?: string;
  /** Makes events of unknown items an error. */
  strict?: boolean;
}

export interface LoadedData extends RawData {
  /** What `hash` is made of: says which of the data are others. */
  readonly hashes: DataHashes;
}

/**
 * Runs the SQL statements of a config and checks what they give. Throws a `UserError` on unusable data.
 *
 * Rows go through DuckDB's own tables into typed arrays, so that neither the files nor the events need to fit into
 * memory as rows or strings.
 *
 * @param directory folder of the config
 */
export async function loadData(config: PoeemConfig, directory: string, options: LoadOptions = {}): Promise<LoadedData> {
  checkNames(config);
  const folders = options.data === undefined ? [directory, join(directory, "data")] : [folderOf(options.data)];
  const database = await Database.open(folders, config.data.memoryLimit, setupOf(config));
  try {
    const { id, ...read } = await readItems(database, config);
    const { ids, items } = await sortItems(database, read, keySql(id.type, id.sql));
    const { events, unknownItems, notes: joined } = await readEvents(database, config, id);
    checkContextValues(events.contexts);
    const queryVectors = await readQueryVectors(database, config);
    const unasked = checkAsked(queryVectors, events, config.events.query);
    const { sides, sources: _, ...unknown } = unknownItems;
    if (options.strict && unknown.count > 0) {
      refuse("data.events", [{ what: `an unknown ${config.events.item}`, ...unknown }], sides);
    }
    refuseUnknownParts(config, events, unknownItems);
    if (events.weight && events.count > 0 && !events.weight.some((weight) => weight > 0))
      throw new UserError(`data.events: expected at least one event with ${config.events.weight} above 0, got none`);
    const untitled = items.fields.has("title")
      ? undefined
      : "items have no title: there is no items.title in the configuration and no column title in data.items";
    const blank = events.contexts.flatMap(({ name, values }) =>
      values.length > 0 ? [] : [`events.context: ${name} is blank in every event, and so is no part of a question`],
    );
    const notes = [untitled, ...joined, sides, ...blank, unasked].filter((line) => line !== undefined);
    const hashes = hashesOf(ids, items, events, queryVectors);
    return {
      ids,
      items,
      events,
      queryVectors,
      report: { items: ids.length, events: events.count, unknownItems: unknown, ...(notes.length > 0 && { notes }) },
      hash: hashOf(hashes),
      hashes,
    };
  } finally {
    database.close();
  }
}

/** What the configuration has DuckDB run first. */
export function setupOf({ data: { setup } }: PoeemConfig): Source | undefined {
  return setup === undefined ? undefined : { source: "data.setup", sql: setup };
}

/** A part of the events that are all of unknown items would be trained on, or measured by, nothing. */
function refuseUnknownParts(config: PoeemConfig, { count, part }: EventTable, unknown: UnknownItems): void {
  const none = (where: string, { count, sides }: { count: number; sides?: string }, got = String(count)): void => {
    throw new UserError(
      `${where}, got ${got} ${count === 1 ? "row" : "rows"} and none: ${sides ?? "events without an item"}`,
    );
  };
  if (eventSources(config).length === 0) return;
  if (count === 0 && part === undefined) none("data.events: expected at least one event of a known item", unknown);
  if (part === undefined) return;
  const known = new Set(Array.from(part.numbers, (number) => givenSide(part.values[number]!)));
  const wrong = part.values.find((value) => !known.has(givenSide(value)));
  if (wrong === undefined) return;
  const { split } = config;
  if (split.column !== undefined) {
    const where = `data.events: expected at least one event of a known item with ${JSON.stringify(wrong)} in`;
    none(`${where} ${split.column}`, unknown, `${unknown.count} unknown`);
  }
  const source = wrong === "train" ? "data.events" : `data.${wrong}`;
  none(
    `${source}: expected at least one event of a known item`,
    unknown.sources!.find((one) => one.source === source)!,
  );
}

export function folderOf(data: string): string {
  const folder = resolve(data);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`--data: expected a folder, got ${data}`);
  }
  return folder;
}
