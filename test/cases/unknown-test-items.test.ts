import { expect, it } from "vitest";
import { caseConfig, csv, PRODUCTS, queriesOf, writeCase } from "./case.ts";

const items = csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title]));
const events = PRODUCTS.flatMap((product) => queriesOf(product).map((query) => [query, `A${product.n}`] as const));

it.each(["test", "validation", "history"] as const)("data.%s of nothing but unknown items is refused", async (part) => {
  const rows = events.map(([query, item], i) => [query, `u${i % 50}`, item]);
  const files = {
    "items.csv": items,
    "events.csv": csv(["query", "user", "item"], ...rows),
    "test.csv": csv(["query", "user", "item"], ["red boot", "u1", "A0"], ["red boot", "u1", "B7"]),
    "none.csv": csv(["query", "user", "item"], ["red boot", "u1", "B5"], ["red lamp", "u1", "B6"]),
  };
  const sql = (name: string) => `SELECT * FROM '${name}.csv'`;
  const data = { items: sql("items"), events: sql("events"), test: sql("test"), [part]: sql("none") };
  const { train } = await writeCase(files, caseConfig(data, { events: { user: "user" } }));
  await expect(train()).rejects.toThrow(
    `data.${part}: expected at least one event of a known item, got 2 rows and none: ` +
      'item ids such as "A0" (VARCHAR), event items such as "B5" (VARCHAR)',
  );
});

it.each(["test", "val"])("split.column with %s for unknown items alone is refused", async (part) => {
  const rows = [...events.map(([query, item]) => [query, item, "train"]), ["red boot", "B1", part]];
  const { train } = await writeCase(
    { "items.csv": items, "events.csv": csv(["query", "item", "part"], ...rows) },
    caseConfig(
      { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" },
      { split: { column: "part" } },
    ),
  );
  await expect(train()).rejects.toThrow(
    `data.events: expected at least one event of a known item with "${part}" in part, got 1 unknown row and none: ` +
      'item ids such as "A0" (VARCHAR), event items such as "B1" (VARCHAR)',
  );
});
