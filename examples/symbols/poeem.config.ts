import { defineConfig } from "@poeem/trainer";

export default defineConfig({
  name: "symbols",
  data: {
    items: "SELECT * FROM 'data/items.jsonl'",
    events: "SELECT query, item FROM 'data/events.jsonl'",
  },
  items: {
    text: ["title"],
    textFromEvents: true,
    categories: ["set", "category"],
    fields: ["set", "kind", "category", "glyph", "svg"],
  },
});
