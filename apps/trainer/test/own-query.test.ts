import { Random } from "@poeem/indexing-layer";
import { expect, it } from "vitest";
import { listOf, toCsr } from "../src/data/csr.ts";
import { rowsFromEvents, rowsOfQuery } from "../src/data/item-texts.ts";
import type { QuerySet } from "../src/data/types.ts";

it("finds the rows of each training query among those of each item it led to", () => {
  const random = new Random(4);
  const [numItems, numQueries] = [12, 40];
  const relevant = toCsr(
    Array.from({ length: numQueries }, () => [...new Set([random.integer(numItems), random.integer(numItems)])].sort()),
  );
  // row numbers that say whose they are
  const queryRows = toCsr(
    Array.from({ length: numQueries }, (_, q) => Array.from({ length: random.integer(5) }, (_, i) => 10 * q + i)),
  );
  const train = { count: numQueries, texts: Array.from({ length: numQueries }, (_, q) => `query ${q}`), relevant };
  const { queries, rows } = rowsFromEvents(numItems, train as unknown as QuerySet, queryRows);
  for (let item = 0; item < numItems; item++) {
    const own = listOf(rows, item);
    const expected = Array.from({ length: numQueries }, (_, q) => q).filter((q) => listOf(relevant, q).includes(item));
    expect([...listOf(queries, item)]).toEqual(expected);
    expect(own.length).toBe(expected.reduce((sum, q) => sum + listOf(queryRows, q).length, 0));
    for (let query = 0; query < numQueries; query++) {
      const { start, end } = rowsOfQuery(queries, queryRows, item, query);
      expect([...own.subarray(start, end)]).toEqual(expected.includes(query) ? [...listOf(queryRows, query)] : []);
    }
  }
});
