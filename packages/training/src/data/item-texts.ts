import { isBlank } from "./column-values.ts";
import { type Csr, groupBy, joinLists, listOf } from "./csr.ts";
import type { ItemTable, QuerySet, RawData, TextColumn } from "./types.ts";
import { Seen } from "./users.ts";

/** Texts of a column of the items that the config names. */
export function itemColumn(items: ItemTable, name: string): TextColumn {
  const column = items.texts.get(name);
  if (!column) throw new Error(`[training] items have no column ${name}`);
  return column;
}

/** Numbers of a column of the items that the config names; NaN = missing. */
export function itemNumbers(items: ItemTable, name: string): Float64Array {
  const column = items.numbers.get(name);
  if (!column) throw new Error(`[training] items have no column of numbers ${name}`);
  return column;
}

/** The values of an item in a column of categories or facets, each once; none is blank. */
export function valuesOf(items: ItemTable, name: string, item: number): string[] {
  const value = itemColumn(items, name)[item] ?? [];
  return [...new Set([value].flat())].filter((one) => !isBlank(one));
}

/** The words of each item's text columns. A list is the words of its parts. */
export function textsFromColumns(raw: Pick<RawData, "items">, columns: readonly string[]): string[] {
  return Array.from({ length: raw.items.count }, (_, item) => textOfItem(raw.items, columns, item));
}

/** The words of one item's text columns, a line for each. */
export function textOfItem(items: ItemTable, columns: readonly string[], item: number): string {
  return columns.map((name) => [itemColumn(items, name)[item] ?? ""].flat().join("\n")).join("\n");
}

/** The texts of the training queries that led to each item: never one that is held out. */
export function textsFromEvents(numItems: number, train: QuerySet): string[] {
  const texts: string[][] = Array.from({ length: numItems }, () => []);
  eachTextOfItem(numItems, train, (item, query) => texts[item]!.push(train.texts[query]!));
  return texts.map((queries) => queries.join("\n"));
}

/** The text rows of all training queries that led to each item. */
export function rowsFromEvents(numItems: number, train: QuerySet, queryRows: Csr): Csr {
  return joinLists(numItems, (visit) =>
    eachTextOfItem(numItems, train, (item, query) => visit(item, listOf(queryRows, query))),
  );
}

/** Visits every training text of every item once, however many users asked it. */
export function eachTextOfItem(numItems: number, train: QuerySet, visit: (item: number, query: number) => void): void {
  const numberOf = new Map<string, number>();
  const textOf = Uint32Array.from({ length: train.count }, (_, query) => {
    const text = train.texts[query]!;
    const number = numberOf.get(text) ?? numberOf.size;
    if (number === numberOf.size) numberOf.set(text, number);
    return number;
  });
  const byText = groupBy(textOf, numberOf.size);
  const seen = new Seen(numItems);
  for (let text = 0; text < numberOf.size; text++) {
    seen.next();
    for (const query of listOf(byText, text))
      for (const item of listOf(train.relevant, query)) if (seen.add(item)) visit(item, query);
  }
}
