import { z } from "zod";
import { column, columns } from "./values.ts";

export const ITEMS = z.strictObject({
  /** Column of ids, one per item. */
  id: z.string().default("id"),
  /** Column shown as the name of a result; default: the column "title", if there is one. */
  title: column.optional(),
  /**
   * Columns whose words describe the item to the item tower. What they hold is known of an item; a held-out query
   * that is one of them, word for word, is an easy one.
   */
  text: columns.default([]),
  /** Also describes an item by the words of its training queries, never those held out. */
  textFromEvents: z.boolean().default(false),
  /** Columns with one category each, or a list of categories. */
  categories: columns.default([]),
  /** Columns of numbers that the item tower reads; they are standardised, and a missing one counts as the mean. */
  inputs: columns.default([]),
  /**
   * Columns of vectors that were made elsewhere, of texts or pictures, which the item tower reads: lists of numbers,
   * all rows of a column of one length, at most 4,096.
   */
  embeddings: columns.max(16).default([]),
  /** Columns returned with a result, beside the title. */
  fields: columns.default([]),
  /** Columns a search can be filtered by: one value per item, or a list of values. */
  facets: columns.default([]),
  /** Columns of numbers a search can be filtered by range. */
  numbers: columns.default([]),
});
