import { z } from "zod";
import { columns } from "./values.ts";

export const QUERIES = z
  .strictObject({
    /**
     * Columns of vectors of `data.queries`, which the query tower reads beside the text: lists of numbers, all rows of
     * a column of one length, at most 4,096. A text without a row there is read without them.
     */
    embeddings: columns.max(16).default([]),
    /**
     * The model that made them, such as "@cf/baai/bge-m3", or of vectors alone that made those of the items. It
     * travels in the index, so that nobody asks it with vectors of another one.
     */
    encoder: z.string().min(1).max(200).optional(),
  })
  .prefault({});
