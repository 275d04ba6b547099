import { z } from "zod";
import { DATA } from "./data.ts";
import { EVENTS } from "./events.ts";
import { INDEX } from "./index-section.ts";
import { ITEMS } from "./items.ts";
import { MODEL } from "./model.ts";
import { QUERIES } from "./queries.ts";
import { SPLIT } from "./split.ts";
import { TRAINING } from "./training.ts";
import { textLike } from "./values.ts";

/** All keys; each section is a file of its own beside this one. */
export const SCHEMA = z.strictObject({
  /** What the catalogue is called in messages. */
  name: textLike(
    /^[a-z0-9][a-z0-9-]{0,39}$/,
    "1 to 40 lower-case letters, digits and dashes, the first of them no dash",
  ),
  /** What is trained on: SQL that DuckDB runs in the folder of the config file, over CSV, JSON or Parquet files. */
  data: DATA,
  /** Columns of the items, and what each is for. */
  items: ITEMS,
  /** Vectors of query texts that were made elsewhere. */
  queries: QUERIES,
  /** Columns of the events, and what each is for. */
  events: EVENTS,
  /** Which events are held out of the training. */
  split: SPLIT,
  /** The two towers. */
  model: MODEL,
  /** The index, and the indexing layer that learns it. */
  index: INDEX,
  /** The training of both. */
  training: TRAINING,
});
