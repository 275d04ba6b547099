import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { readChangedItems } from "@poeem/training/encode/changed-items";
import { expect, it } from "vitest";
import { fieldsOf, idsFound } from "./answers.ts";
import { caseConfig, jsonl, PRODUCTS, someQueriesOf, writeCase } from "./case.ts";

const SQL = { items: "SELECT * FROM 'items.jsonl'", events: "SELECT * FROM 'events.jsonl'" };

it("strings and numbers in one column of ids are the same id in items and events", async () => {
  const id = (n: number): string | number => (n % 2 ? n : `A${n}`);
  const { train, index } = await writeCase(
    {
      "items.jsonl": jsonl(PRODUCTS.map(({ n, title }) => ({ id: id(n), title }))),
      "events.jsonl": jsonl(
        PRODUCTS.flatMap((product) => someQueriesOf(product).map((query) => ({ query, item: id(product.n) }))),
      ),
    },
    caseConfig(SQL),
  );
  const { data } = await train();
  expect(data.unknownItems.count).toBe(0);
  expect([...(await fieldsOf(index)).keys()].sort()).toEqual(PRODUCTS.map(({ n }) => String(id(n))).sort());
});

it("titles, facets and fields are without quotes, null is missing, and encode makes the same of a file", async () => {
  const rows = PRODUCTS.map(({ n, title }) => ({
    id: `A${n}`,
    title: n % 2 ? 1900 + n : title,
    brand: n % 3 === 0 ? null : n % 3 === 1 ? 7 : "bolt",
    tags: n % 2 ? ["x", n] : "y",
    year: n % 5 === 0 ? null : 1900 + n,
  }));
  const { train, index, folder } = await writeCase(
    {
      "items.jsonl": jsonl(rows),
      "events.jsonl": jsonl(
        PRODUCTS.flatMap((product) => someQueriesOf(product).map((query) => ({ query, item: `A${product.n}` }))),
      ),
    },
    caseConfig(SQL, { items: { text: ["title"], facets: ["brand", "tags"], fields: ["brand", "tags", "year"] } }),
  );
  await train();
  const wanted = (row: (typeof rows)[number]) => ({
    title: String(row.title),
    ...(row.brand !== null && { brand: String(row.brand) }),
    tags: [row.tags].flat().map(String),
    ...(row.year !== null && { year: row.year }),
  });
  const fields = await fieldsOf(index);
  for (const row of rows) expect(fields.get(row.id)).toEqual(wanted(row));
  const idsOf = (test: (row: (typeof rows)[number]) => boolean): string[] =>
    rows
      .filter(test)
      .map((row) => row.id)
      .sort();
  expect(await idsFound(index, "brand:bolt")).toEqual(idsOf(({ brand }) => brand === "bolt"));
  expect(await idsFound(index, "brand:7")).toEqual(idsOf(({ brand }) => brand === 7));
  expect(await idsFound(index, "tags:y")).toEqual(idsOf(({ tags }) => tags === "y"));

  await writeFile(join(folder, "more.jsonl"), jsonl(rows.slice(0, 20)));
  const changed = await readChangedItems(await openIndexDirectory(index), { index, items: join(folder, "more.jsonl") });
  expect(changed!.ids).toEqual(rows.slice(0, 20).map((row) => row.id));
  expect("fields" in changed! && changed.fields).toEqual(rows.slice(0, 20).map(wanted));
});
