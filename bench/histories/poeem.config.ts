import { defineConfig } from "@poeem/trainer";
import goodbooks from "../../examples/goodbooks/poeem.config.ts";

/** The settings of the goodbooks example, for what bench/histories.ts writes: events that are split already. */
export default defineConfig({
  name: "histories",
  data: {
    items: "SELECT id FROM read_csv('items.csv')",
    events: "SELECT user, item FROM read_csv('train.csv')",
    test: "SELECT user, item FROM read_csv('test.csv')",
  },
  items: { id: "id" },
  events: { user: "user", item: "item" },
  model: goodbooks.model,
  index: goodbooks.index,
  training: { ...goodbooks.training, epochs: Number(process.env["EPOCHS"] ?? 3) },
});
