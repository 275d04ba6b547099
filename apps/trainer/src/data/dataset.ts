import { DEFAULT_TOKENIZER, fnv1a32, rowOf, type TokenizerConfig, textFeatures } from "@poeem/query-tower";
import type { PoeemConfig } from "../config.ts";
import { UserError } from "../errors.ts";
import { type Csr, listOf, toCsr } from "./csr.ts";
import type { RawData } from "./load.ts";
import { buildVocabulary } from "./vocabulary.ts";

/** Queries with the items they led to; a query string occurs once. */
export interface QuerySet {
  readonly queries: string[];
  /** Items of each query, sorted, without repeats. */
  readonly relevant: Csr;
}

/** Data in the form the training loop reads: everything is a number. */
export interface Dataset {
  readonly ids: string[];
  readonly train: QuerySet;
  readonly test: QuerySet;
  /** Training events as (query number, item number), as often as they occur in the data. */
  readonly eventQuery: Uint32Array;
  readonly eventItem: Uint32Array;
  /** Rows of the text table, for each training query. */
  readonly queryRows: Csr;
  /**
   * Rows of the text table for each item, one list a kind of text (text columns, training queries): each kind is averaged
   * on its own, so that hundreds of queries do not drown an item's name.
   */
  readonly itemTexts: readonly Csr[];
  /** Rows of the category table, for each item. */
  readonly itemCategories: Csr;
  readonly numCategories: number;
  readonly tokenizer: TokenizerConfig;
  /** Hashes of the text features that have a row, ascending: row r belongs to vocabulary[r]. */
  readonly vocabulary: Uint32Array;
}

// A description is longer than a query; more than this of it says nothing new.
const MAX_ITEM_CHARS = 1 << 16;

/** A query string is held out when fnv1a32 of its UTF-8 bytes is a multiple of `modulus`; 0 holds out nothing. */
export function isHeldOut(query: string, modulus: number): boolean {
  return modulus > 0 && fnv1a32(query) % modulus === 0;
}

/** Rows of the text table for the features of a text: those that are in the vocabulary. */
export function knownRows(features: Uint32Array, vocabulary: Uint32Array): Uint32Array {
  const rows = new Uint32Array(features.length);
  let known = 0;
  for (const hash of features) {
    const row = rowOf(vocabulary, hash);
    if (row >= 0) rows[known++] = row;
  }
  return rows.slice(0, known);
}

/** Splits the events by query string and turns texts and categories into table rows. */
export function buildDataset(raw: RawData, config: PoeemConfig): Dataset {
  const { minGram, maxGram, maxFeatures, minFeatureCount } = config.model;
  const tokenizer: TokenizerConfig = { ...DEFAULT_TOKENIZER, minGram, maxGram };
  const { train, test } = splitByQuery(raw, config.split.testModulus);
  if (train.queries.length === 0)
    throw new UserError("data.events: expected events left to train on, got none after the split");

  const events = trainingEvents(raw, train);
  const queryFeatures = train.queries.map((query) => textFeatures(query, tokenizer));
  const columnFeatures = textsFromColumns(raw, config.items.text).map((text) =>
    textFeatures(text, { ...tokenizer, maxChars: MAX_ITEM_CHARS }),
  );
  const vocabulary = buildVocabulary([...queryFeatures, ...columnFeatures], maxFeatures, minFeatureCount);
  const queryRows = toCsr(queryFeatures.map((features) => knownRows(features, vocabulary)));
  const columnRows = toCsr(columnFeatures.map((features) => knownRows(features, vocabulary)));
  const categories = categoryRows(raw, config.items.categories);
  return {
    ids: raw.ids,
    train,
    test,
    eventQuery: events.queries,
    eventItem: events.items,
    queryRows,
    itemTexts: [
      ...(config.items.text.length > 0 ? [columnRows] : []),
      ...(config.items.textFromEvents ? [rowsFromEvents(raw.ids.length, train, queryRows)] : []),
    ],
    itemCategories: categories.rows,
    numCategories: categories.count,
    tokenizer,
    vocabulary,
  };
}

function splitByQuery(raw: RawData, modulus: number): { train: QuerySet; test: QuerySet } {
  const byQuery = new Map<string, Set<number>>();
  raw.queries.forEach((query, event) => {
    const items = byQuery.get(query);
    if (items) items.add(raw.targets[event]!);
    else byQuery.set(query, new Set([raw.targets[event]!]));
  });
  const side = (heldOut: boolean): QuerySet => {
    const entries = [...byQuery].filter(([query]) => isHeldOut(query, modulus) === heldOut);
    return {
      queries: entries.map(([query]) => query),
      relevant: toCsr(entries.map(([, items]) => Uint32Array.from(items).sort())),
    };
  };
  return { train: side(false), test: side(true) };
}

function trainingEvents(raw: RawData, train: QuerySet): { queries: Uint32Array; items: Uint32Array } {
  const numberOf = new Map(train.queries.map((query, number) => [query, number]));
  const kept = raw.queries.map((query) => numberOf.get(query) ?? -1);
  return {
    queries: Uint32Array.from(kept.filter((number) => number >= 0)),
    items: raw.targets.filter((_, event) => kept[event]! >= 0),
  };
}

/** The words of each item's text columns. */
export function textsFromColumns(raw: RawData, columns: readonly string[]): string[] {
  return raw.items.map((row) => columns.map((column) => row[column] ?? "").join("\n"));
}

/** The text rows of all training queries that led to each item. */
function rowsFromEvents(numItems: number, train: QuerySet, queryRows: Csr): Csr {
  const lengths = new Uint32Array(numItems);
  const each = (visit: (item: number, rows: Uint32Array) => void): void => {
    for (let q = 0; q < train.queries.length; q++) {
      const rows = listOf(queryRows, q);
      for (const item of listOf(train.relevant, q)) visit(item, rows);
    }
  };
  each((item, rows) => {
    lengths[item]! += rows.length;
  });
  const offsets = new Uint32Array(numItems + 1);
  for (let item = 0; item < numItems; item++) offsets[item + 1] = offsets[item]! + lengths[item]!;
  const values = new Uint32Array(offsets[numItems]!);
  const next = offsets.slice();
  each((item, rows) => {
    values.set(rows, next[item]!);
    next[item]! += rows.length;
  });
  return { offsets, values };
}

/** The training queries that led to each item: never one that is held out. */
export function textsFromEvents(numItems: number, train: QuerySet): string[] {
  const texts: string[][] = Array.from({ length: numItems }, () => []);
  train.queries.forEach((query, q) => {
    for (const item of listOf(train.relevant, q)) texts[item]!.push(query);
  });
  return texts.map((queries) => queries.join("\n"));
}

function categoryRows(raw: RawData, names: string[]): { rows: Csr; count: number } {
  const rowOf = new Map<string, number>();
  const lists = raw.items.map((item) =>
    names.flatMap((name) => {
      const value = item[name];
      if (value === null || value === undefined || value === "") return [];
      const key = `${name}\t${String(value)}`;
      if (!rowOf.has(key)) rowOf.set(key, rowOf.size);
      return [rowOf.get(key)!];
    }),
  );
  return { rows: toCsr(lists), count: rowOf.size };
}
