// What is searched and how it is learned. `npx poeem config` prints every key there is, with its default.
import { defineConfig } from "@poeem/trainer";

export default defineConfig({
  name: "my-search",
  data: {
    // SQL over files below data/: CSV, JSON or Parquet, gzip or not. One row for each item.
    items: "SELECT sku AS id, * FROM 'products.csv'",
    // One row for each event: what somebody searched for, and the item that answered it (a click, a purchase). Without
    // events, leave this line out: training then has the items' own titles and sentences.
    events: "SELECT query, sku AS item FROM 'clicks.csv'",
  },
  items: {
    text: ["title", "description"], // words that find an item
    textFromEvents: true, // and the searches that led to it
    categories: ["brand", "kind", "colour"], // values that similar items share
    facets: ["category", "kind", "brand", "colour"], // ?filter=brand:acme
    numbers: ["price"], // ?filter=price<20
    fields: ["brand", "price", "image", "sku", "description"], // returned with each result; page.json shows them
  },
});
