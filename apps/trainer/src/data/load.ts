import type { PoeemConfig } from "../config.ts";
import { UserError } from "../errors.ts";
import { Database } from "./duckdb.ts";
import { readEvents } from "./events.ts";
import { hashData } from "./hash.ts";
import { readItems } from "./items.ts";
import type { RawData } from "./types.ts";

export type { RawData } from "./types.ts";

/**
 * Runs the two SQL statements of a config and checks what they give. Throws a `UserError` on unusable data.
 *
 * Rows go through DuckDB's own tables into typed arrays, so that neither the files nor the events need to fit into memory
 * as rows or strings.
 *
 * @param directory where the SQL's files are found
 */
export async function loadData(config: PoeemConfig, directory: string): Promise<RawData> {
  const database = await Database.open(directory, config.data.memoryLimit);
  try {
    const { ids, items } = await readItems(database, config);
    const { events, unknownItems } = await readEvents(database, config);
    if (events.count === 0) {
      throw new UserError(
        `data.events: expected at least one event of a known item, got ${unknownItems.count} rows and none`,
      );
    }
    return {
      ids,
      items,
      events,
      report: { items: ids.length, events: events.count, unknownItems },
      hash: hashData(ids, items, events),
    };
  } finally {
    database.close();
  }
}
