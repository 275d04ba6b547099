import { defineConfig } from "@poeem/trainer";

export default defineConfig({
  name: "goodbooks",
  data: {
    // files gzip or not; a series stands in the title: "Catching Fire (The Hunger Games, #2)"
    items: `
      SELECT item_id, title, authors, year, language, image_url,
        list_transform(string_split(authors, ','), author -> trim(author)) AS writers,
        nullif(trim(regexp_extract(title, '\\(([^()#]*?),? *#', 1)), '') AS series,
        (year // 5 * 5)::INTEGER AS period
      FROM read_csv('items.csv*') ORDER BY item_id`,
    events: "SELECT user_id, item_id FROM read_csv('interactions.csv*')",
  },
  items: {
    id: "item_id",
    categories: ["writers", "series", "language", "period"],
    fields: ["authors", "year", "image_url"],
    facets: ["language"],
    numbers: ["year"],
  },
  events: { user: "user_id", item: "item_id" },
  // a pair is held out when fnv1a32(user_id + "\t" + item_id) % 5 == 0
  split: { by: "hash", columns: ["user_id", "item_id"], testModulus: 5 },
  // Readers with many books each: 32 dimensions and as many codes, so that hardly anything is lost between the vectors
  // and their codes, and what a book says of a reader leans more to all the others than where there are few. All else
  // is as it is for histories without times.
  model: { dim: 32, history: { tilt: 0.4 } },
  index: { nprobe: 16 },
});
