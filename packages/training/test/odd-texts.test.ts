import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { textsFromColumns } from "../src/data/item-texts.ts";
import { loadData } from "../src/data/load.ts";

async function read(files: Readonly<Record<string, string>>, config: Omit<PoeemConfigInput, "name">) {
  const folder = await mkdtemp(join(tmpdir(), "poeem-odd-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return loadData(resolveConfig({ name: "t", ...config }, "test"), folder);
}

const MARK = "\uFEFF";

it("a U+FEFF before a text is a part of it", async () => {
  const raw = await read(
    {
      "items.csv": `id,title,tags\na1,${MARK}one,x\n${MARK}a1,two,${MARK}x\n`,
      "events.csv": `query,user,item\n${MARK}q,u,a1\nq,${MARK}u,${MARK}a1\n`,
    },
    {
      data: { items: "SELECT id, title, [tags] AS tags FROM 'items.csv'", events: "FROM 'events.csv'" },
      items: { text: ["title", "tags"] },
      events: { query: "query", user: "user" },
      model: { history: { as: "mean" } },
    },
  );
  expect([...raw.ids]).toEqual(["a1", `${MARK}a1`]);
  expect(textsFromColumns(raw, ["title"])).toEqual([`${MARK}one`, "two"]);
  expect(raw.items.texts.get("tags")).toEqual([["x"], [`${MARK}x`]]);
  expect(raw.events.query!.values).toEqual(["q", `${MARK}q`]);
  expect(raw.events.user!.values).toEqual(["u", `${MARK}u`]);
});

describe("a number of JSON that is an id", () => {
  const events = { "events.csv": "query,item\nq,7\n" };
  const config = (items: string): Omit<PoeemConfigInput, "name"> => ({
    data: { items, events: "FROM 'events.csv'" },
    items: {},
  });

  it.each([
    ["1e5", "100000.0"],
    ["2.50", "2.5"],
    ["0.12345678901234567890", "0.12345678901234568"],
  ])("is refused where it does not stay %s", async (written, now) => {
    const row = (id: string): string => `{"id": ${id}, "in": {"id": 7.00}}`;
    const message =
      `data.items: a number in column id of items.json does not stay as it is: ${written} becomes ${now}.\n` +
      `Write it as text there: "id": "${written}"`;
    for (const [text, sql] of [
      [`${row("7")}\n${row(written)}\n`, "SELECT id FROM 'items.json'"],
      [`[${row("7")},\n${row(written)}]`, "SELECT sku AS id FROM (SELECT id AS sku FROM read_json('items.json'))"],
      [`${row("7")}\n${row(written)}\n`, "SELECT id FROM read_ndjson('items.json', columns = {id: 'VARCHAR'})"],
    ]) {
      await expect(read({ ...events, "items.json": text! }, config(sql!))).rejects.toThrow(message);
    }
  });

  it.each(["7.5", "1000.0", "-3", "123456789012345678901234567890"])("stays %s", async (id) => {
    const text = `{"id": 7, "in": {"id": 7.00}}\n{"id": ${id}, "in": {"id": 1e9}}\n`;
    const raw = await read({ ...events, "items.json": text }, config("SELECT id FROM 'items.json'"));
    expect([...raw.ids].sort()).toEqual(["7", id].sort());
  });
});

describe("users of the parts of a given split", () => {
  const split = (train: string, test: string) =>
    read(
      { "items.csv": "id\na\nb\n", "train.csv": train, "test.csv": test },
      {
        data: { items: "FROM 'items.csv'", events: "FROM 'train.csv'", test: "FROM 'test.csv'" },
        items: {},
        events: { user: "user" },
      },
    );

  it("are the same by the number, which is said", async () => {
    const raw = await split("user,item\n1,a\n1,b\n2,a\nx,a\n", "user,item\n1.0,b\n2.0,b\n3.0,a\n");
    expect([...raw.events.user!.values].sort()).toEqual(["1", "2", "3.0", "x"]);
    expect(raw.report.notes).toContain('users who are the same number in another spelling: 2 ("1.0" is "1")');
  });

  it("are two where one part spells them in two ways", async () => {
    const raw = await split("user,item\n1,a\n1.0,b\nx,a\n", "user,item\n1.0,b\nx,b\n");
    expect([...raw.events.user!.values].sort()).toEqual(["1", "1.0", "x"]);
  });
});

it.each([
  ["0x1F", "31"],
  ["1_000", "7"],
])("%s is no number, also where the reader takes it for one", async (odd, other) => {
  const files = { "items.csv": `id,p\na,${odd}\nb,${other}\n`, "events.csv": "query,item\nq,a\n" };
  const data = { items: "FROM 'items.csv'", events: "FROM 'events.csv'" };
  await expect(read(files, { data, items: { numbers: ["p"] } })).rejects.toThrow(
    `data.items: 1 row with no number in column p (items.numbers) (row 1: "${odd}")`,
  );
});

it.each([
  [
    "id,1\na,2\n",
    "1",
    /expected columns id, 1; got column0, column1; DuckDB takes the first line for data: .*header = true/,
  ],
  ["id,Size,size\na,2,3\n", "size", /got id, Size, size_1; in files DuckDB numbers .* as in size_1$/],
  ["id, \na,b\n", " ", /^data\.items: expected column " "; got id, \S+$/],
])("a column that DuckDB calls by another name is hinted at", async (text, name, message) => {
  const files = { "items.csv": text, "events.csv": "query,item\nq,a\n" };
  const data = { items: "FROM 'items.csv'", events: "FROM 'events.csv'" };
  await expect(read(files, { data, items: { fields: [name] } })).rejects.toThrow(message);
});
