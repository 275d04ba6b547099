import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { filterColumns } from "../src/data/filter-columns.ts";
import { fieldKinds, itemFields } from "../src/data/item-fields.ts";
import { loadData } from "../src/data/load.ts";
import type { FieldKind } from "../src/data/types.ts";
import { readItemsFile } from "../src/encode/read-items.ts";

/** Loads a file of items, as text, whose column `v` is a field and what `items` says. */
async function load(name: string, text: string, items: PoeemConfigInput["items"] = {}, sql = "SELECT *") {
  const folder = await mkdtemp(join(tmpdir(), "poeem-kinds-"));
  await writeFile(join(folder, name), text);
  const data = { items: `${sql} FROM '${name}'`, events: "SELECT 'a0' AS item, 'q' AS query" };
  const config = resolveConfig({ name: "t", data, items: { fields: ["v"], ...items } }, "test");
  const raw = await loadData(config, folder);
  const fields = itemFields(raw.items).map(({ v }) => v);
  return { config, folder, fields, kind: fieldKinds(raw.items)["v"], filters: filterColumns(raw, config) };
}

const csv = (values: readonly string[]): string => `id,v\n${values.map((value, i) => `a${i},${value}\n`).join("")}`;
const jsonl = (values: readonly unknown[]): string =>
  values.map((v, i) => JSON.stringify({ id: `a${i}`, v })).join("\n");

describe("a field is in JSON what it is, whatever else its column is for", () => {
  it.each<[string, string, string, FieldKind, unknown[]]>([
    ["decimals", "a.csv", csv(["1.50", "2", "3.25"]), "number", [1.5, 2, 3.25]],
    ["integers", "a.csv", csv(["15", "2"]), "number", [15, 2]],
    ["an exponent", "a.csv", csv(["30e2", "1.5"]), "number", [3000, 1.5]],
    ["NaN", "a.csv", csv(["nan", "1.50"]), "number", [undefined, 1.5]],
    ["true and false", "a.csv", csv(["True", "False"]), "boolean", [true, false]],
    ["t and f", "a.csv", csv(["t", "f"]), "boolean", [true, false]],
    ["leading zeros", "a.csv", csv(["007", "12"]), "text", ["007", "12"]],
    ["twenty digits", "a.csv", csv(["12345678901234567891", "5"]), "text", ["12345678901234567891", "5"]],
    ["a hexadecimal", "a.csv", csv(["0x1F", "3"]), "text", ["0x1F", "3"]],
    ["a date", "a.csv", csv(["01-02-2020", "03-02-2020"]), "text", ["01-02-2020", "03-02-2020"]],
    ["JSON numbers", "a.jsonl", jsonl([1.5, 2]), "number", [1.5, 2]],
    ["JSON lists", "a.jsonl", jsonl([[1, 2], [3]]), "number[]", [[1, 2], [3]]],
    ["JSON of both", "a.jsonl", jsonl([1, "x"]), "text", ["1", "x"]],
  ])("%s", async (_, name, text, kind, values) => {
    for (const items of [{}, { facets: ["v"] }, { categories: ["v"] }, { text: ["v"], facets: ["v"] }]) {
      const loaded = await load(name, text, items);
      expect([loaded.kind, loaded.fields], JSON.stringify(items)).toEqual([kind, values]);
    }
  });

  it("while facets are what stands in the file", async () => {
    const texts = async (value: string) => (await load("a.csv", csv([value]), { facets: ["v"] })).filters.facets?.["v"];
    expect(await texts("1.50")).toEqual([["1.50"]]);
    expect(await texts("True")).toEqual([["True"]]);
  });

  it("a column that the SQL computes does not make others what the reader guesses", async () => {
    const text = "id,v,w\na0,007,1.50\na1,012,2.25\n";
    const { fields } = await load("a.csv", text, { fields: ["v", "x"] }, "SELECT id, v, w * 2 AS x");
    expect(fields).toEqual(["007", "012"]);
  });

  it("the point of other countries is the reader's", async () => {
    const folder = await mkdtemp(join(tmpdir(), "poeem-kinds-"));
    await writeFile(join(folder, "a.csv"), "id;v\na0;1,5\na1;2,25\n");
    const items = "SELECT * FROM read_csv('a.csv', delim = ';', decimal_separator = ',')";
    const data = { items, events: "SELECT 'a0' AS item, 'q' AS query" };
    const raw = await loadData(resolveConfig({ name: "t", data, items: { fields: ["v"] } }, "test"), folder);
    expect(itemFields(raw.items)).toEqual([{ v: 1.5 }, { v: 2.25 }]);
  });
});

describe("encode makes of a file", () => {
  const encode = async (recorded: FieldKind, text: string) => {
    const { config, folder } = await load("a.csv", csv(["x"]));
    await writeFile(join(folder, "more.jsonl"), text);
    return (await readItemsFile(join(folder, "more.jsonl"), config, { v: recorded })).fields;
  };

  it.each<[FieldKind, unknown[], object[]]>([
    ["number", ["", " ", "5", null], [{}, {}, { v: 5 }, {}]],
    ["boolean", ["", "true", null], [{}, { v: true }, {}]],
    ["number[]", [["", "5"], [null, "7"], ["nan"]], [{ v: [5] }, { v: [7] }, { v: [] }]],
    ["boolean[]", [["", "TRUE"], ["no"]], [{ v: [true] }, { v: [false] }]],
    ["text[]", ["x", "y", null], [{ v: ["x"] }, { v: ["y"] }, {}]],
    ["number[]", ["5", " "], [{ v: [5] }, {}]],
    ["text", [["x"], ["y"]], [{ v: "x" }, { v: "y" }]],
  ])("%s of %j", async (recorded, values, fields) => {
    expect(await encode(recorded, jsonl(values))).toEqual(fields);
  });

  it("no list where the index has one value", async () => {
    await expect(encode("text", jsonl([["x", "y"]]))).rejects.toThrow(
      '1 row with a list in column v (items.fields), where one value is expected (row 1: "x, y")',
    );
  });
});
