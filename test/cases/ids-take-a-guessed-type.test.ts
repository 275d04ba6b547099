import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { describe, expect, it } from "vitest";
import { caseConfig, csv, jsonl, PRODUCTS, someQueriesOf, writeCase } from "./case.ts";

const pad = (n: number, digits: number): string => String(n).padStart(digits, "0");
const guid = (n: number): string => `6F9619FF-8B86-D011-B42D-00CF4FC9${pad(n, 3)}A`;
const day = (n: number): string => `${pad((n % 28) + 1, 2)}-${pad(Math.floor(n / 28) + 1, 2)}-2020`;

type Write = (rows: readonly Record<string, string>[]) => string;

/** Numbers without quotes: whoever wrote the file took them for texts all the same. */
const inCsv: Write = (rows) => csv(Object.keys(rows[0]!), ...rows.map((row) => Object.values(row)));
const ITEM_FILES = { csv: "items.csv", jsonl: "items.jsonl" };

/** The ids of an index that was trained with ids of a kind in files of a kind. */
async function idsOf(id: (n: number) => string, itemsIn: "csv" | "jsonl", eventsIn: "csv" | "jsonl", inEvents = id) {
  const items = PRODUCTS.map((product) => ({ id: id(product.n), title: product.title }));
  const events = PRODUCTS.flatMap((product) =>
    someQueriesOf(product).map((query) => ({ query, item: inEvents(product.n) })),
  );
  const write = { csv: inCsv, jsonl };
  const { train, index } = await writeCase(
    { [ITEM_FILES[itemsIn]]: write[itemsIn](items), [`events.${eventsIn}`]: write[eventsIn](events) },
    caseConfig(
      { items: `SELECT * FROM '${ITEM_FILES[itemsIn]}'`, events: `SELECT * FROM 'events.${eventsIn}'` },
      { items: { textFromEvents: true } },
    ),
  );
  const { data } = await train();
  expect(data.unknownItems.count).toBe(0);
  const found = await (await openIndexDirectory(index)).items(PRODUCTS.map(({ n }) => n));
  return found.map((item) => item!.id).sort();
}

describe("ids stay as they stand in the file", () => {
  it.each<[string, (n: number) => string, "csv" | "jsonl", "csv" | "jsonl"]>([
    ["20 digits", (n) => `98765432109876500${pad(n, 3)}`, "csv", "csv"],
    ["an exponent", (n) => `${n}e${n % 7}`, "csv", "csv"],
    ["days", day, "jsonl", "jsonl"],
    ["upper-case GUIDs in JSON and CSV", guid, "jsonl", "csv"],
    ["upper-case GUIDs in JSON", guid, "jsonl", "jsonl"],
    ["times", (n) => `${pad(n % 24, 2)}:${pad(Math.floor(n / 24) * 7, 2)}`, "jsonl", "csv"],
    ["decimals", (n) => `${n}.50`, "csv", "csv"],
  ])("%s", async (_, id, itemsIn, eventsIn) => {
    expect(await idsOf(id, itemsIn, eventsIn)).toEqual(PRODUCTS.map(({ n }) => id(n)).sort());
  });

  it("whole numbers join those with a point, as pandas writes them beside a missing value", async () => {
    const id = (n: number): string => `${1000 + n}`;
    expect(await idsOf(id, "csv", "csv", (n) => `${id(n)}.0`)).toEqual(PRODUCTS.map(({ n }) => id(n)).sort());
  });

  it("users of 20 digits are as many as there are", async () => {
    const user = (n: number): string => `98765432109876500${pad(n % 60, 3)}`;
    const { train } = await writeCase(
      {
        "items.csv": csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title])),
        "events.csv": csv(
          ["user", "item"],
          ...PRODUCTS.flatMap(({ n }) => [0, 7, 19].map((more) => [user(n * 7 + more), `A${n}`])),
        ),
      },
      caseConfig(
        { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" },
        { events: { user: "user" }, split: { testModulus: 0 } },
      ),
    );
    const { data } = await train();
    expect(data.trainingQueries).toBe(60);
  });
});

it("refuses to compute with ids that were rewritten, and shows what to write", async () => {
  const { train } = await writeCase(
    { "items.csv": "id,title\n30e2,red boot\n31e2,red lamp\n", "events.csv": "query,item\nboot,p30e2\n" },
    caseConfig({ items: "SELECT 'p' || id AS id, title FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" }),
  );
  await expect(train()).rejects.toThrow(
    'data.items: DuckDB takes column id of items.csv for DOUBLE: "30e2" becomes "3000.0".\n' +
      "Read it as text: FROM read_csv('items.csv', types = {'id': 'VARCHAR'})",
  );
});
