import { expect, it } from "vitest";
import { fieldsOf } from "./answers.ts";
import { caseConfig, csv, jsonl, PRODUCTS, someQueriesOf, writeCase } from "./case.ts";

const NAMES = ["rowid", "c0", "items", "events", "value", "number", "dictionary0", "select", 'the "id"', "an id", "ID"];

it.each(NAMES.map((name, i) => [name, i % 2 === 0 ? "number" : "text"] as const).concat([["rowid", "text"]]))(
  "a column called %s holds ids, as %s",
  async (name, kind) => {
    const id = (n: number): string | number => (kind === "text" ? `A${n}` : n + 1);
    const { train, index } = await writeCase(
      {
        "items.jsonl": jsonl(PRODUCTS.map(({ n, title }) => ({ title, [name]: id(n) }))),
        "events.jsonl": jsonl(
          PRODUCTS.flatMap((product) => someQueriesOf(product).map((query) => ({ query, [name]: id(product.n) }))),
        ),
      },
      caseConfig(
        { items: "SELECT * FROM 'items.jsonl'", events: "SELECT * FROM 'events.jsonl'" },
        { items: { id: name }, events: { item: name } },
      ),
    );
    const { data } = await train();
    expect(data.unknownItems.count).toBe(0);
    const fields = await fieldsOf(index);
    for (const { n, title } of PRODUCTS) expect(fields.get(String(id(n)))).toEqual({ title });
  },
);

it("users in a column called rowid are the same as in any other", async () => {
  const rows = PRODUCTS.flatMap(({ n }) => [0, 7, 19].map((more) => [`u${(n * 7 + more) % 40}`, `A${n}`]));
  const versions = new Set<string>();
  for (const name of ["user", "rowid", "c1"]) {
    const { train } = await writeCase(
      {
        "items.csv": csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title])),
        "events.csv": csv([name, "item"], ...rows),
      },
      caseConfig(
        { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" },
        { events: { user: name }, split: { by: "last" } },
      ),
    );
    const { data } = await train();
    versions.add(JSON.stringify({ ...data, hash: "" }));
  }
  expect(versions.size).toBe(1);
});

it("columns that differ in case alone are told apart", async () => {
  const { train, index } = await writeCase(
    {
      "events.csv": csv(
        ["query", "item"],
        ...PRODUCTS.flatMap((product) => someQueriesOf(product).map((query) => [query, `A${product.n}`])),
      ),
    },
    caseConfig(
      {
        items: "SELECT range AS Id, 'A' || range AS id, 'thing ' || range AS title FROM range(120)",
        events: "SELECT * FROM 'events.csv'",
      },
      { items: { fields: ["Id"] } },
    ),
  );
  await train();
  expect((await fieldsOf(index)).get("A7")).toEqual({ title: "thing 7", Id: 7 });
});
