import { defineConfig } from "@poeem/trainer";

/** SQL for a file of columns between double colons, gzip or not. */
const file = (name: string, columns: Record<string, string>): string => {
  const types = Object.entries(columns).map(([column, type]) => `'${column}': '${type}'`);
  return `read_csv('${name}*', delim = '::', header = false, quote = '', escape = '', columns = {${types.join(", ")}})`;
};

const ratings = file("ratings.dat", { user: "VARCHAR", item: "VARCHAR", rating: "DOUBLE", time: "BIGINT" });

export default defineConfig({
  name: "movielens",
  data: {
    // "Toy Story (1995)" and "Animation|Children's|Comedy"
    items: `
      SELECT
        id,
        trim(regexp_replace(title, '\\(\\d{4}\\)\\s*$', '')) AS title,
        try_cast(nullif(regexp_extract(title, '\\((\\d{4})\\)\\s*$', 1), '') AS INTEGER) AS year,
        list_filter(string_split(coalesce(genres, ''), '|'), genre -> genre <> '' AND genre NOT LIKE '(no %') AS genres
      FROM ${file("movies.dat", { id: "VARCHAR", title: "VARCHAR", genres: "VARCHAR" })}
      ORDER BY id`,
    // liked: four stars of five, eight points of ten
    events: `
      WITH ratings AS (FROM ${ratings})
      SELECT "user", item, time FROM ratings WHERE rating >= 0.8 * (SELECT max(rating) FROM ratings)`,
  },
  items: {
    text: ["title"],
    categories: ["genres"],
    inputs: ["year"],
    fields: ["year", "genres"],
    facets: ["genres"],
    numbers: ["year"],
  },
  events: { user: "user", item: "item", time: "time" },
  // the newest tenth of all likes is held out: what is known at a moment has to foretell what follows
  split: { by: "time", share: 0.1 },
});
