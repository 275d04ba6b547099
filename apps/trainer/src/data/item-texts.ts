import { type Csr, listOf } from "./csr.ts";
import type { ItemTable, QuerySet, RawData } from "./types.ts";
import { Seen } from "./users.ts";

/** Values of a column of the items that the config names. */
export function itemColumn(items: ItemTable, name: string): readonly unknown[] {
  const column = items.columns.get(name);
  if (!column) throw new Error(`[trainer] items have no column ${name}`);
  return column;
}

/** The words of each item's text columns. A list is the words of its parts. */
export function textsFromColumns(raw: Pick<RawData, "items">, columns: readonly string[]): string[] {
  const values = columns.map((name) => itemColumn(raw.items, name));
  return Array.from({ length: raw.items.count }, (_, item) => values.map((column) => textOf(column[item])).join("\n"));
}

const textOf = (value: unknown): string =>
  Array.isArray(value) ? value.map(textOf).join("\n") : value === null || value === undefined ? "" : String(value);

/** The texts of the training queries that led to each item: never one that is held out. */
export function textsFromEvents(numItems: number, train: QuerySet): string[] {
  const texts: string[][] = Array.from({ length: numItems }, () => []);
  eachTextOfItem(numItems, train, (item, query) => texts[item]!.push(train.texts[query]!));
  return texts.map((queries) => queries.join("\n"));
}

/** The training queries that led to each item, and their text rows one query after the other. */
export function rowsFromEvents(numItems: number, train: QuerySet, queryRows: Csr): { queries: Csr; rows: Csr } {
  const firstQuery = new Uint32Array(numItems + 1);
  const firstRow = new Uint32Array(numItems + 1);
  eachTextOfItem(numItems, train, (item, query) => {
    firstQuery[item + 1]!++;
    firstRow[item + 1]! += queryRows.offsets[query + 1]! - queryRows.offsets[query]!;
  });
  for (let item = 0; item < numItems; item++) {
    firstQuery[item + 1]! += firstQuery[item]!;
    firstRow[item + 1]! += firstRow[item]!;
  }
  const queries = new Uint32Array(firstQuery[numItems]!);
  const values = new Uint32Array(firstRow[numItems]!);
  const [nextQuery, nextRow] = [firstQuery.slice(), firstRow.slice()];
  eachTextOfItem(numItems, train, (item, query) => {
    queries[nextQuery[item]!++] = query;
    const rows = listOf(queryRows, query);
    values.set(rows, nextRow[item]!);
    nextRow[item]! += rows.length;
  });
  return { queries: { offsets: firstQuery, values: queries }, rows: { offsets: firstRow, values } };
}

/**
 * Where the rows of one training query lie among those that `rowsFromEvents` gives an item, [start, end); empty when the
 * query did not lead to the item.
 */
export function rowsOfQuery(queries: Csr, queryRows: Csr, item: number, query: number): { start: number; end: number } {
  let start = 0;
  for (const other of listOf(queries, item)) {
    const length = queryRows.offsets[other + 1]! - queryRows.offsets[other]!;
    if (other === query) return { start, end: start + length };
    start += length;
  }
  return { start, end: start };
}

/** Visits every training text of every item once, however many users asked it. */
function eachTextOfItem(numItems: number, train: QuerySet, visit: (item: number, query: number) => void): void {
  const numberOf = new Map<string, number>();
  const queriesOf: number[][] = [];
  for (let query = 0; query < train.count; query++) {
    const text = train.texts[query]!;
    const number = numberOf.get(text);
    if (number === undefined) {
      numberOf.set(text, queriesOf.length);
      queriesOf.push([query]);
    } else queriesOf[number]!.push(query);
  }
  const seen = new Seen(numItems);
  for (const queries of queriesOf) {
    seen.next();
    for (const query of queries) {
      for (const item of listOf(train.relevant, query)) if (seen.add(item)) visit(item, query);
    }
  }
}
