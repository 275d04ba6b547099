import { defineConfig } from "@poeem/trainer";

// "What I want to do" → the page of a command, of tldr-pages (CC BY 4.0):
//     poeem train --config bench/tldr/poeem.config.ts --data DIR --out DIR
// where --data has items.jsonl (id, title, description, platform) and queries.jsonl (item, query), gzip or not.
export default defineConfig({
  name: "tldr-pages",
  data: {
    items: "SELECT id, title, description, platform FROM read_json('items.jsonl*') ORDER BY id",
    events: "SELECT query, item FROM read_json('queries.jsonl*')",
  },
  items: {
    text: ["title", "description"],
    textFromEvents: true,
    categories: ["platform"],
    fields: ["description", "platform"],
    facets: ["platform"],
  },
  training: { epochs: 20, batchSize: 512 },
});
