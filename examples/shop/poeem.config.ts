import { defineConfig } from "@poeem/trainer";

export default defineConfig({
  name: "shop",
  data: {
    items: "SELECT sku AS id, * FROM 'products.csv'",
    // one row for each click: what was searched for, and the product that was taken
    events: "SELECT query, sku AS item FROM 'clicks.csv'",
  },
  items: {
    text: ["title", "description"],
    textFromEvents: true,
    categories: ["brand", "kind", "colour"],
    facets: ["category", "kind", "brand", "colour"],
    numbers: ["price"],
    fields: ["brand", "category", "kind", "colour", "price", "sku", "description", "image"],
  },
});
