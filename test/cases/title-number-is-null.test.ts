import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { expect, it } from "vitest";
import { caseConfig, csv, PRODUCTS, someQueriesOf, writeCase } from "./case.ts";

it.each(["INTEGER", "BIGINT", "DOUBLE", "UTINYINT"])("a title of type %s is the text of its number", async (type) => {
  const { train, index } = await writeCase(
    {
      "items.csv": csv(["id", "title"], ...PRODUCTS.map(({ n }) => [`A${n}`, `${n + 1}`])),
      "events.csv": csv(
        ["query", "item"],
        ...PRODUCTS.flatMap((product) => someQueriesOf(product).map((query) => [query, `A${product.n}`])),
      ),
    },
    caseConfig(
      { items: `SELECT id, title::${type} AS title FROM 'items.csv'`, events: "SELECT * FROM 'events.csv'" },
      { items: { textFromEvents: true } },
    ),
  );
  await train();
  const [item] = await (await openIndexDirectory(index)).items([0]);
  expect(item!.fields).toEqual({ title: String(Number(String(item!.id).slice(1)) + 1) });
});
