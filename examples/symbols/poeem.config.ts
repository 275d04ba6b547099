import { existsSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "@poeem/trainer";
import { writeDataset } from "./src/build.ts";
import { buildDataset } from "./src/dataset.ts";

// A fresh clone has no data yet; it takes seconds to make, from the packages that `npm ci` installed.
const DATA = join(import.meta.dirname, "data");
if (!existsSync(join(DATA, "events.jsonl"))) writeDataset(DATA, buildDataset());

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
