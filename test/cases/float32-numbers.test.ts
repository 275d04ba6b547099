import { expect, it } from "vitest";
import { fieldsOf, idsFound } from "./answers.ts";
import { caseConfig, csv, PRODUCTS, someQueriesOf, writeCase } from "./case.ts";

it.each(["FLOAT", "DOUBLE", "DECIMAL(6,3)"])("a price of type %s is its shortest decimal", async (type) => {
  const price = (n: number): number => (n % 12) / 10;
  const { train, index } = await writeCase(
    {
      "items.csv": csv(["id", "p"], ...PRODUCTS.map(({ n }) => [`A${n}`, String(price(n))])),
      "events.csv": csv(
        ["query", "item"],
        ...PRODUCTS.flatMap((product) => someQueriesOf(product).map((query) => [query, `A${product.n}`])),
      ),
    },
    caseConfig(
      {
        items: `SELECT id, p::${type} AS p FROM read_csv('items.csv', all_varchar = true)`,
        events: "SELECT * FROM 'events.csv'",
      },
      { items: { text: [], textFromEvents: true, numbers: ["p"], fields: ["p"], inputs: ["p"], facets: ["p"] } },
    ),
  );
  await train();
  const idsWhere = (test: (price: number) => boolean): string[] =>
    PRODUCTS.filter(({ n }) => test(price(n)))
      .map(({ n }) => `A${n}`)
      .sort();
  for (const at of [0.1, 0.2, 0.3, 0.7, 1, 1.1]) {
    expect(await idsFound(index, `p=${at}`)).toEqual(idsWhere((p) => p === at));
    expect(await idsFound(index, `p<=${at}`)).toEqual(idsWhere((p) => p <= at));
    // as a text a DECIMAL has all digits of its scale
    expect(await idsFound(index, `p:${type.startsWith("DECIMAL") ? at.toFixed(3) : at}`)).toEqual(
      idsWhere((p) => p === at),
    );
  }
  const fields = await fieldsOf(index);
  for (const { n } of PRODUCTS) expect(fields.get(`A${n}`)).toEqual({ p: price(n) });
});
