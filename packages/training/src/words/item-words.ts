import type { ItemWords } from "@poeem/pq-core/words";
import type { PoeemConfig } from "../config.ts";
import { type Csr, CsrBuilder, emptyLists, joinLists, listOf } from "../data/csr.ts";
import { itemColumn } from "../data/item-texts.ts";
import type { Texts } from "../data/text-list.ts";
import type { ItemTable } from "../data/types.ts";
import { averageLength, type Field, type FieldStatistics, impactsOf } from "./bm25f.ts";
import { itemNames } from "./names.ts";
import type { ItemQueries } from "./queries.ts";
import { TermNumbers, termsOf } from "./terms.ts";

/** By what the impacts of an index were made, so that those of new items are made by the same. */
export interface WordStatistics {
  /** Columns of the items, each a field of its own. */
  readonly columns: readonly (FieldStatistics & { readonly column: string })[];
  /** The training queries as a field; absent where there are none. */
  readonly queries?: FieldStatistics | undefined;
}

/** What words are made of. */
interface WordSource {
  readonly ids: Texts;
  /** Undefined for items that are no more than an id. */
  readonly items?: ItemTable | undefined;
  readonly queries?: ItemQueries | undefined;
}

/** The column that results call "title", if there is one. */
const titleColumn = ({ fields }: ItemTable): string | undefined => fields.get("title")?.column;

/** Columns whose words an item is found by: those of `items.text`, and the title. */
export function wordColumns(items: ItemTable, config: Pick<PoeemConfig, "items">): string[] {
  const title = titleColumn(items);
  return [...new Set([...config.items.text, ...(title === undefined ? [] : [title])])];
}

/**
 * Words of a catalogue. The statistics are those of its own fields.
 *
 * @param b of the field of training queries, see `FieldStatistics`
 */
export function wordsOfCatalogue(
  source: WordSource & { readonly items: ItemTable },
  columns: readonly string[],
  b?: number,
): { readonly words: ItemWords; readonly statistics: WordStatistics } {
  const terms = new TermNumbers();
  const measured = (lists: Csr): Field => ({ terms: lists, weight: 1, averageLength: averageLength(lists) });
  const fields = columns.map((column) => ({ column, ...measured(columnTerms(source.items, column, terms)) }));
  const queries = source.queries && { ...measured(queryTerms(source.queries, terms)), b };
  const used = queries && queries.terms.values.length > 0 ? queries : undefined;
  const words = assemble(source, used ? [...fields, used] : fields, terms);
  return {
    words,
    statistics: {
      columns: fields.map(({ column, weight, averageLength: average }) => ({ column, weight, averageLength: average })),
      ...(used && {
        queries: { weight: used.weight, averageLength: used.averageLength, ...(b !== undefined && { b }) },
      }),
    },
  };
}

/** Words of new and changed items, by the statistics of the catalogue that they join. */
export function wordsByStatistics(source: WordSource, { columns, queries }: WordStatistics): ItemWords {
  const terms = new TermNumbers();
  const { items, queries: asked, ids } = source;
  const lists = (column: string): Csr => (items ? columnTerms(items, column, terms) : emptyLists(ids.length));
  const fields: Field[] = columns.map(({ column, ...statistics }) => ({ ...statistics, terms: lists(column) }));
  if (queries && asked) fields.push({ ...queries, terms: queryTerms(asked, terms) });
  return assemble(source, fields, terms);
}

function assemble({ ids, items }: WordSource, fields: readonly Field[], terms: TermNumbers): ItemWords {
  const title = items && titleColumn(items);
  return {
    terms: terms.terms,
    // a field in which no item has a term has no mean length either, and adds nothing
    ...impactsOf(
      fields.filter((field) => field.averageLength > 0),
      ids.length,
      terms.size,
    ),
    ...itemNames(ids, title === undefined ? undefined : itemColumn(items!, title)),
  };
}

/** Numbers of the terms of each item in a column; a list is the terms of its parts. */
export function columnTerms(items: ItemTable, column: string, terms: TermNumbers): Csr {
  const texts = itemColumn(items, column);
  const lists = new CsrBuilder();
  for (let item = 0; item < items.count; item++) {
    for (const term of termsOf([texts[item] ?? []].flat().join("\n"))) lists.push(terms.numberOf(term));
    lists.end();
  }
  return lists.build();
}

/** Numbers of the terms of all queries that led to each item. Each query is read once, whatever it led to. */
export function queryTerms({ texts, lists }: ItemQueries, terms: TermNumbers): Csr {
  const asked = new Uint8Array(texts.length);
  for (const query of lists.values) asked[query] = 1;
  const ofQueries = new CsrBuilder();
  for (let query = 0; query < texts.length; query++) {
    if (asked[query] === 1) for (const term of termsOf(texts.at(query)!)) ofQueries.push(terms.numberOf(term));
    ofQueries.end();
  }
  const read = ofQueries.build();
  const numItems = lists.offsets.length - 1;
  return joinLists(numItems, (visit) => {
    for (let item = 0; item < numItems; item++) for (const own of listOf(lists, item)) visit(item, listOf(read, own));
  });
}
