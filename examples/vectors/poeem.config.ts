import { defineConfig } from "@poeem/trainer";

export default defineConfig({
  name: "vectors",
  data: {
    // id, title, set, svg, vec FLOAT[256]
    items: "FROM 'icons.parquet'",
    // what is asked for: the icons of another set. Codes are chosen for them, and a tenth of them is held out.
    queries: "FROM 'asked.parquet'",
  },
  items: { embeddings: ["vec"], facets: ["set"], fields: ["set", "svg"] },
  queries: { embeddings: ["vec"], encoder: "picture-16x16" },
});
