import { expect, it } from "vitest";
import { fieldsOf, idsFound } from "./answers.ts";
import { caseConfig, csv, PRODUCTS, someQueriesOf, writeCase } from "./case.ts";

const EVENTS = csv(
  ["query", "item"],
  ...PRODUCTS.flatMap((product) => someQueriesOf(product).map((query) => [query, `A${product.n}`])),
);

const priced = (price: (n: number) => string, sql = "price") =>
  writeCase(
    {
      "items.csv": csv(["id", "title", "price"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title, price(n)])),
      "events.csv": EVENTS,
    },
    caseConfig(
      {
        items: `SELECT id, title, ${sql} AS price FROM read_csv('items.csv', all_varchar = true)`,
        events: "SELECT * FROM 'events.csv'",
      },
      { items: { text: ["title"], numbers: ["price"], inputs: ["price"] } },
    ),
  );

it.each([
  ["a blank", '" "'],
  ["blanks", '"\u00a0\t "'],
  ["nothing", ""],
  ["NaN", "NaN"],
])("%s in a text column of prices is missing", async (_, missing) => {
  const { train, index } = await priced((n) => (n % 5 === 0 ? missing : String(n / 4)));
  await train();
  const numbered = PRODUCTS.filter(({ n }) => n % 5 !== 0);
  const idsWhere = (test: (price: number) => boolean): string[] =>
    numbered
      .filter(({ n }) => test(n / 4))
      .map(({ n }) => `A${n}`)
      .sort();
  expect(await idsFound(index, "price<1")).toEqual(idsWhere((price) => price < 1));
  expect(await idsFound(index, "price>=-1000000")).toEqual(idsWhere(() => true));
});

it.each(["DOUBLE", "FLOAT"])("NaN of type %s is missing in numbers and fields", async (type) => {
  const { train, index } = await priced((n) => (n % 5 === 0 ? "NaN" : String(n / 4)), `price::${type}`);
  await train();
  expect((await idsFound(index, "price>=-1000000")).length).toBe(PRODUCTS.filter(({ n }) => n % 5 !== 0).length);
  expect((await fieldsOf(index)).get("A0")).toEqual({ title: PRODUCTS[0]!.title });
});

it.each(["0x1F", "1_000", "Infinity", "12abc", '"1,5"', "1e999", "1 2", "--1"])(
  "%s is no price, and the row is named",
  async (wrong) => {
    const { train } = await priced((n) => (n === 7 ? wrong : String(n)));
    const text = wrong.replaceAll('"', "");
    await expect(train()).rejects.toThrow(
      `data.items: 1 row with no number in column price (items.inputs, items.numbers) (row 8: ${JSON.stringify(text)})`,
    );
  },
);

it.each(["DOUBLE", "FLOAT"])("an infinite price of type %s is refused", async (type) => {
  const { train } = await priced((n) => (n === 7 ? "inf" : String(n)), `price::${type}`);
  await expect(train()).rejects.toThrow(/data\.items: 1 row with no number in column price .*\(row 8: "inf"\)/);
});

it.each([
  ["DOUBLE", "nan"],
  ["DOUBLE", "infinity"],
  ["DATE", "infinity"],
  ["TIMESTAMP", "-infinity"],
  ["TIMESTAMP", null],
])("a time of type %s that is %s is refused", async (type, wrong) => {
  const day = (n: number): string =>
    type === "DOUBLE" ? String(n) : `2026-01-${String((n % 28) + 1).padStart(2, "0")}`;
  const { train } = await writeCase(
    {
      "items.csv": csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title])),
      "events.csv": csv(
        ["user", "item", "time"],
        ...PRODUCTS.flatMap(({ n }) =>
          [0, 1, 2].map((u) => [`u${u}`, `A${n}`, n === 3 && u === 1 ? (wrong ?? "") : day(n)]),
        ),
      ),
    },
    caseConfig(
      {
        items: "SELECT * FROM 'items.csv'",
        events: `SELECT "user", item, "time"::${type} AS "time" FROM read_csv('events.csv', all_varchar = true)`,
      },
      { events: { user: "user", time: "time" }, split: { by: "time" } },
    ),
  );
  await expect(train()).rejects.toThrow(/data\.events: 1 row with no time \(row 11: /);
});
