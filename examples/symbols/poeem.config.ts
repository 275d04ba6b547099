import { defineConfig } from "@poeem/trainer";

export default defineConfig({
  name: "symbols",
  data: {
    items: "SELECT * FROM 'data/items.jsonl'",
    // A symbol's own name is the surest of its queries, and there is only one of it among dozens of keywords: it
    // counts eight times.
    events: `
      SELECT query, item FROM 'data/events.jsonl'
      UNION ALL
      SELECT query, item FROM 'data/events.jsonl', range(7) WHERE source = 'title'`,
  },
  items: {
    text: ["title"],
    textFromEvents: true,
    categories: ["set", "category"],
    facets: ["set", "kind"],
    fields: ["set", "kind", "category", "glyph", "svg"],
  },
  // 26 languages have many words: half of this vocabulary costs 8 % of recall@10
  model: { maxFeatures: 131_072 },
});
