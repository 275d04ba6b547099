import { expect, it } from "vitest";
import { fieldsOf } from "./answers.ts";
import { caseConfig, csv, PRODUCTS, someQueriesOf, writeCase } from "./case.ts";

const FILES = {
  "items.csv": csv(["id", "name", "title"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title, "Mr"])),
  "events.csv": csv(
    ["query", "item"],
    ...PRODUCTS.flatMap((product) => someQueriesOf(product).map((query) => [query, `A${product.n}`])),
  ),
};
const SQL = { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" };

it("a field called title beside a title from another column is refused with what to do", async () => {
  const { train } = await writeCase(FILES, caseConfig(SQL, { items: { title: "name", fields: ["title"] } }));
  await expect(train()).rejects.toThrow(
    /items\.fields: "title" is what results call the column of items\.title \("name"\); rename the other one/,
  );
});

it("under another name both come back", async () => {
  const items = "SELECT id, name, title AS salutation FROM 'items.csv'";
  const { train, index } = await writeCase(
    FILES,
    caseConfig({ ...SQL, items }, { items: { title: "name", text: ["name"], fields: ["salutation", "name"] } }),
  );
  await train();
  const fields = await fieldsOf(index);
  for (const { n, title } of PRODUCTS) expect(fields.get(`A${n}`)).toEqual({ title, name: title, salutation: "Mr" });
});

it("the title is the column of items.title, though there is one called title", async () => {
  const { train, index } = await writeCase(FILES, caseConfig(SQL, { items: { title: "name", text: ["name"] } }));
  await train();
  expect((await fieldsOf(index)).get("A5")).toEqual({ title: PRODUCTS[5]!.title });
});

it.each<[string, object, object]>([
  ["without items.title it is the column of that name", { text: ["name"] }, { title: "Mr" }],
  ["and as a field it is the same", { text: ["name"], fields: ["title"] }, { title: "Mr" }],
])("%s", async (_, items, wanted) => {
  const { train, index } = await writeCase(FILES, caseConfig(SQL, { items }));
  await train();
  expect((await fieldsOf(index)).get("A5")).toEqual(wanted);
});

it("without a column of that name items have no title, which is said", async () => {
  const { train, index, said } = await writeCase(
    FILES,
    caseConfig({ ...SQL, items: "SELECT id, name FROM 'items.csv'" }, { items: { text: ["name"] } }),
  );
  await train();
  expect(said).toContainEqual(expect.stringContaining("items have no title"));
  expect((await fieldsOf(index)).get("A5") ?? {}).toEqual({});
});

it("a title that is named and not there is an error", async () => {
  const { train } = await writeCase(FILES, caseConfig(SQL, { items: { title: "label" } }));
  await expect(train()).rejects.toThrow("data.items: expected column label; got id, name, title");
});
