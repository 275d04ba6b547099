import { MAX_HASHED_ROWS } from "@poeem/towers";
import { z } from "zod";
import { column, columns, positive } from "./values.ts";

/** Rows that the items of a large catalogue share. */
const HASHED = z.strictObject({ hashed: positive.max(MAX_HASHED_ROWS) });

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
  /**
   * What a training learns of each item by its id, beside its content. "all": a row of `model.dim` numbers. hashed: n
   * rows, of which each item adds up two by hashes of its id, so that items share them. "none": nothing, and an item is
   * its content alone. Only "all" can start at what histories say (`training.start`). Default: "all".
   */
  idRows: z
    .union([z.literal("all"), z.literal("none"), HASHED])
    .meta({ values: `"all", "none" or { hashed: n }, with n from 1 to ${MAX_HASHED_ROWS.toLocaleString("en")}` })
    .optional(),
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
