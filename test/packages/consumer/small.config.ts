import { defineConfig } from "@poeem/trainer";

// needs no file, and no more than seconds
export default defineConfig({
  name: "small",
  data: {
    items:
      "SELECT 'item-' || i AS id, ['red', 'blue', 'green'][1 + i % 3] || ' mug ' || i AS title FROM range(60) t(i)",
    events: "SELECT 'mug ' || i AS query, 'item-' || i AS item FROM range(60) t(i), range(4)",
  },
  items: { text: ["title"], textFromEvents: true },
  model: { dim: 32, hiddenDim: 0 },
  training: { epochs: 1 },
});
