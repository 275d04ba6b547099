import { expect, it } from "vitest";
import { caseConfig, csv, PRODUCTS, queriesOf, writeCase } from "./case.ts";

const data = { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" };
const items = csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title]));
const events = PRODUCTS.flatMap((product) => queriesOf(product).map((query) => [query, `A${product.n}`] as const));

it("a context without any value is said to play no part", async () => {
  const rows = events.map(([query, item]) => [query, item, '" "', "ch"]);
  const { train, said } = await writeCase(
    { "items.csv": items, "events.csv": csv(["query", "item", "device", "country"], ...rows) },
    caseConfig(data, { events: { query: "query", context: ["device", "country"] } }),
  );
  await train();
  expect(said.filter((line) => line.startsWith("events.context"))).toEqual([
    "events.context: device is blank in every event, and so is no part of a question",
  ]);
});

it.each(["fold-in", "history"])("%s without users is refused with what it needs", async (part) => {
  const rows = events.map(([query, item], i) => [query, item, i === 0 ? part : "train"]);
  const { train } = await writeCase(
    { "items.csv": items, "events.csv": csv(["query", "item", "part"], ...rows) },
    caseConfig(data, { split: { column: "part" } }),
  );
  await expect(train()).rejects.toThrow(/in part \(a history is a user's, so history and fold-in need events\.user\)/);
});

it("a user and a query train without a word on what becomes of the history", async () => {
  const rows = events.map(([query, item], i) => [query, `u${i % 40}`, item]);
  const { train } = await writeCase(
    { "items.csv": items, "events.csv": csv(["query", "user", "item"], ...rows) },
    caseConfig(data, { events: { query: "query", user: "user" } }),
  );
  expect((await train()).items).toBe(120);
});
