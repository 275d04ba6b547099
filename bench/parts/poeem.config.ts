import { defineConfig } from "@poeem/trainer";
import goodbooks from "../../examples/goodbooks/poeem.config.ts";

/**
 * Readers of goodbooks who ask for what they then read by something that many books have: by turns the last name of the
 * author, a word of the title, and the five years it is of. Every 48th reader. HISTORY is `model.history.as`.
 */
const as = process.env["HISTORY"] as "mixture" | "mean" | undefined;

export default defineConfig({
  name: "books-asked-for",
  data: {
    ...goodbooks.data,
    events: `
      WITH books AS (
        SELECT item_id, year // 5 * 5 AS period,
          regexp_extract(lower(split_part(authors, ',', 1)), '([^ ]+) *$', 1) AS author,
          list_filter(regexp_split_to_array(lower(title), '[^a-z]+'), word -> length(word) > 3) AS words
        FROM read_csv('items.csv*')),
      asked AS (
        SELECT user_id, item_id, hash(user_id::VARCHAR || ' ' || item_id::VARCHAR) AS draw, author, words, period
        FROM read_csv('interactions.csv*') JOIN books USING (item_id) WHERE user_id % 48 = 0)
      SELECT user_id, item_id, CASE
        WHEN draw % 3 = 0 OR (draw % 3 = 1 AND len(words) = 0) THEN author
        WHEN draw % 3 = 1 THEN words[1 + ((draw // 3) % len(words))::INTEGER]
        ELSE 'books of ' || coalesce(period::INTEGER::VARCHAR, 'old') END AS query
      FROM asked ORDER BY user_id, item_id`,
  },
  items: { ...goodbooks.items, text: ["title", "authors"] },
  events: { user: "user_id", item: "item_id", query: "query" },
  split: { by: "hash", columns: ["user_id", "item_id"], testModulus: 5 },
  model: { dim: 32, itemNorm: "free", history: { ...(as && { as }), sources: 4 } },
  index: { nlist: 64, numSubQuantizers: 32, nprobe: 16, warmup: 0.02, commitment: 1 },
  training: {
    batchSize: 256,
    epochs: 3,
    start: "spectral",
    optimizer: "adam",
    learningRate: 0.002,
    towerLearningRate: 0.001,
    decay: "linear",
    scale: 16,
    negatives: 512,
    logQ: 0.9,
    validations: 3,
  },
});
