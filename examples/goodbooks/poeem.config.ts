import { defineConfig } from "@poeem/trainer";

export default defineConfig({
  name: "goodbooks",
  data: {
    // gzip or not
    items: "SELECT item_id, title, authors, year, language, image_url FROM read_csv('items.csv*') ORDER BY item_id",
    events: "SELECT user_id, item_id FROM read_csv('interactions.csv*')",
  },
  items: { id: "item_id", fields: ["authors", "year", "image_url"], facets: ["language"], numbers: ["year"] },
  events: { user: "user_id", item: "item_id" },
  // a pair is held out when fnv1a32(user_id + "\t" + item_id) % 5 == 0
  split: { by: "hash", columns: ["user_id", "item_id"], testModulus: 5 },
  model: { hiddenDim: 0, itemNorm: "free", history: { as: "mixture", length: 100, sources: 16, targets: 10 } },
  index: { nlist: 64, numSubQuantizers: 32, nprobe: 16, warmup: 0.4, commitment: 3 },
  training: {
    batchSize: 480,
    epochs: 2,
    start: "spectral",
    optimizer: "adam",
    learningRate: 0.002,
    decay: "linear",
    scale: 16,
    negatives: 1536,
    logQ: 1,
    validations: 10,
  },
});
