import { z } from "zod";
import { textLike } from "./values.ts";

/** Sizes of memory as DuckDB takes them. */
export const MEMORY_SIZE = /^\d+(\.\d+)? ?[KMGT]i?B$/;

export const DATA = z.strictObject({
  /** One row per item. */
  items: z.string().min(1),
  /**
   * One row per event: a query and the item it led to. Left out, training has the items' own titles and sentences
   * (`training.ownSentences`).
   */
  events: z.string().min(1).optional(),
  /**
   * One row per query text, for vectors of queries that were made elsewhere: the column "query", and those that
   * `queries.embeddings` names.
   */
  queries: z.string().min(1).optional(),
  /**
   * Held-out events of a split of your own, with the columns of `events`, which are then those to train on. Nothing is
   * left out of them, users without a training event included.
   */
  test: z.string().min(1).optional(),
  /** Beside `test`: events to watch the training by. */
  validation: z.string().min(1).optional(),
  /** Beside `test`: events that are known of a user when they are asked, but are not trained on. */
  history: z.string().min(1).optional(),
  /**
   * SQL that DuckDB runs before all other, in every command that reads the data: secrets, extensions, `ATTACH`. It
   * never travels in the index. An extension that an address such as s3:// needs is fetched on its own.
   */
  setup: z.string().min(1).optional(),
  /** Memory that DuckDB may take before it spills to disk, in the system's folder for temporary files. */
  memoryLimit: textLike(MEMORY_SIZE, 'a size such as "1GB"').default("1GB"),
});
