import type { Random } from "@poeem/indexing-layer";
import { idRowsOf } from "../../config/kinds.ts";
import { type Csr, listOf } from "../../data/csr.ts";
import { MAX_ITEM_CHARS, readsQueries } from "../../data/dataset.ts";
import { textOfItem } from "../../data/item-texts.ts";
import { isKnownByText } from "../../data/own-sentences.ts";
import type { Dataset } from "../../data/types.ts";
import type { ItemInputModule, StepReading } from "./input.ts";
import { WeightedRows } from "./weighted-rows.ts";

/** How often an item that is known by its text alone does not read the words that are to find it. */
const HIDDEN = 0.5;

/** Its own text stands for the training queries that a new item cannot have; once or three times finds less. */
const WEIGHT_OF_NEW = 2;

/**
 * The words of an item: for each kind of text (columns, training queries) the mean of its rows. In training at most
 * `model.itemFeatures` of them are read, drawn at random. An item that is known by its text alone does half
 * of the time not read the words of the sentence that is to find it. So a step teaches which words go together, not
 * only that they are the same.
 */
export const itemText: ItemInputModule = {
  create({ config, dataset, dim, text }) {
    const { itemTexts, queryRows } = dataset;
    const { itemFeatures } = config.model;
    const hasColumns = config.items.text.length > 0;
    // after the text of the columns, if any, come the training queries
    const fromEvents = readsQueries(config, dataset) ? itemTexts.at(-1) : undefined;
    const weightOfNew = fromEvents ? WEIGHT_OF_NEW : 1;
    // without a row of any kind an item that nobody asked for is as new
    const isBare = idRowsOf(config.items) === "none" && fromEvents !== undefined;
    const hasMemory = (item: number): boolean => !isBare || listOf(fromEvents, item).length > 0;
    const rows = new WeightedRows();
    const leftOut = fromEvents && !dataset.past ? rowsOfQuery(dataset) : () => NOTHING;
    const readFor = (query: number | undefined, item: number, lists: Csr, random: Random | undefined): Uint32Array => {
      const list = listOf(lists, item);
      if (query === undefined || !random || !isKnownByText(dataset, item) || random.uniform() >= HIDDEN) return list;
      return withoutRows(list, listOf(queryRows, query));
    };
    return {
      learned: { text: text.rows },
      read(items, { random, asked, asNew }: Partial<StepReading> = {}) {
        const read = rows.take(items.length, (i) => {
          const isNew = asNew?.[i] === 1 || !hasMemory(items[i]!);
          for (const lists of itemTexts) {
            if (isNew && lists === fromEvents) continue;
            const list = readFor(asked?.[i], items[i]!, lists, random);
            const [start, end] = lists === fromEvents ? leftOut(items[i]!, asked?.[i]) : NOTHING;
            rows.pushMean(sampled(list, start, end, itemFeatures, random), isNew ? weightOfNew : 1);
          }
        });
        return [{ source: text.rows, lists: read }];
      },
      weights: () =>
        hasColumns
          ? {
              kind: "text",
              tokenizer: { ...text.tokenizer, maxChars: MAX_ITEM_CHARS },
              table: text.table(),
              ...(fromEvents && { weightOfNew }),
            }
          : undefined,
      remembers: (item) => fromEvents !== undefined && listOf(fromEvents, item).length > 0,
      remember(out) {
        if (!fromEvents) return;
        for (let item = 0; item < out.length / dim; item++) {
          const list = listOf(fromEvents, item);
          for (const row of list) text.rows.addRow(row, 1 / list.length, out, item * dim);
        }
      },
    };
  },
  content: (items, config, item) =>
    config.items.text.length > 0 ? { text: textOfItem(items, config.items.text, item) } : {},
};

type Range = readonly [start: number, end: number];
const NOTHING: Range = [0, 0];

/** Where the rows of a training query stand in the list of an item it led to, for data without users. */
function rowsOfQuery({
  ids,
  train: { count, relevant },
  queryRows: { offsets },
}: Dataset): (item: number, query: number | undefined) => Range {
  // as `rowsFromEvents` strings them together: query after query
  const starts = new Uint32Array(relevant.values.length);
  const ends = new Uint32Array(ids.length);
  for (let query = 0; query < count; query++) {
    for (let at = relevant.offsets[query]!; at < relevant.offsets[query + 1]!; at++) {
      starts[at] = ends[relevant.values[at]!]!;
      ends[relevant.values[at]!]! += offsets[query + 1]! - offsets[query]!;
    }
  }
  return (item, query) => {
    const place = query === undefined || query >= count ? -1 : listOf(relevant, query).indexOf(item);
    if (place < 0) return NOTHING;
    const start = starts[relevant.offsets[query!]! + place]!;
    return [start, start + offsets[query! + 1]! - offsets[query!]!];
  };
}

/** The rows of an item that a query does not have; all of them where it has all. */
function withoutRows(rows: Uint32Array, query: Uint32Array): Uint32Array {
  const asked = new Set(query);
  const others = rows.filter((row) => !asked.has(row));
  return others.length > 0 ? others : rows;
}

/** At most so many rows, but for those from `start` to `end`. */
function sampled(rows: Uint32Array, start: number, end: number, most: number, random: Random | undefined): Uint32Array {
  const left = end - start;
  const count = rows.length - left;
  if (left === 0 && (!random || count <= most)) return rows;
  // loops: half a million numbers a step, of large batches
  const own = new Uint32Array(random ? Math.min(count, most) : count);
  for (let i = 0; i < own.length; i++) {
    const place = count > own.length ? random!.integer(count) : i;
    own[i] = rows[place < start ? place : place + left]!;
  }
  return own;
}
