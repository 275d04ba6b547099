import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { resolveConfig } from "../src/config.ts";
import { fieldKinds, itemFields } from "../src/data/item-fields.ts";
import { loadData } from "../src/data/load.ts";
import { readItemsFile } from "../src/encode/read-items.ts";

const config = resolveConfig(
  {
    name: "t",
    data: {
      items: `SELECT 'a' AS id, 'A' AS title, 5 AS price, 0.5::FLOAT AS size, true AS sold, DATE '2026-01-02' AS day,
        '007' AS zip, 9007199254740993 AS big`,
      events: "SELECT 'q' AS query, 'a' AS item",
    },
    items: { fields: ["price", "size", "sold", "day", "zip", "big"], facets: ["price"], numbers: ["size"] },
  },
  "test",
);
const trained = { price: 5, size: 0.5, sold: true, day: "2026-01-02", zip: "007", big: "9007199254740993" };

const write = async (name: string, content: string): Promise<string> => {
  const file = join(await mkdtemp(join(tmpdir(), "poeem-encode-")), name);
  await writeFile(file, content);
  return file;
};
const HEAD = "id,title,price,size,sold,day,zip,big\n";

it("fields of a file's texts are of the kinds that the index was trained with", async () => {
  const { items } = await loadData(config, ".");
  expect(itemFields(items)).toEqual([{ title: "A", ...trained }]);
  const kinds = fieldKinds(items);
  const files = [
    await write("a.csv", `${HEAD}1e5,1905,5,.5,TRUE,2026-1-2,01,12\n007,,"","", False,x,, 3\n`),
    await write(
      "a.jsonl",
      '{"id":"1e5","title":1905,"price":"5","size":".5","sold":"TRUE","day":"2026-1-2","zip":"01","big":12}\n' +
        '{"id":"007","title":null,"price":null,"size":" ","sold":" False","day":"x","zip":null,"big":" 3"}\n',
    ),
  ];
  for (const file of files) {
    const { ids, fields, facets, numbers } = await readItemsFile(file, config, kinds);
    expect(ids).toEqual(["1e5", "007"]);
    expect(fields).toEqual([
      { title: "1905", price: 5, size: 0.5, sold: true, day: "2026-1-2", zip: "01", big: "12" },
      { sold: false, day: "x", big: " 3" },
    ]);
    expect(facets!["price"]).toEqual([["5"], []]);
    expect(Array.from(numbers!["size"]!)).toEqual([0.5, Number.NaN]);
  }
});

it.each([
  ["price", "cheap", 'no number in column price (items.fields) (row 2: "cheap")'],
  ["sold", "perhaps", 'neither true nor false in column sold (items.fields) (row 2: "perhaps")'],
  ["size", "0x1F", 'no number in column size (items.numbers) (row 2: "0x1F")'],
])("a %s that is %s is refused with its row", async (column, wrong, message) => {
  const { items } = await loadData(config, ".");
  const row: Record<string, string> = {
    id: "a",
    title: "A",
    price: "5",
    size: "1",
    sold: "true",
    day: "",
    zip: "",
    big: "",
  };
  const lines = [row, { ...row, id: "b", [column]: wrong }].map((one) => Object.values(one).join(","));
  const file = await write("a.csv", `${HEAD}${lines.join("\n")}\n`);
  await expect(readItemsFile(file, config, fieldKinds(items))).rejects.toThrow(`${file}: 1 row with ${message}`);
});

it("without a record the types of the file say the kinds", async () => {
  const file = await write("a.csv", `${HEAD}1e5,1905,5,.5,true,2026-01-02,01,12\n`);
  const { ids, fields } = await readItemsFile(file, config, undefined);
  expect(ids).toEqual(["1e5"]);
  expect(fields![0]).toEqual({ title: "1905", price: 5, size: 0.5, sold: true, day: "2026-01-02", zip: "01", big: 12 });
});
