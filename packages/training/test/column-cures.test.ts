import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { numbersOfList, takeList, takeMember, takeOne } from "../src/data/column-cures.ts";
import { columnType } from "../src/data/column-type.ts";

let instance: DuckDBInstance;
beforeAll(async () => {
  instance = await DuckDBInstance.create(":memory:");
});
afterAll(() => instance.closeSync());

it.each<[string, string, unknown, unknown]>([
  ["genres", "[{'id': 1, 'name': 'x'}, {'id': 2, 'name': 'y'}]", ["x", "y"], "x"],
  ["brand", "{'id': 1, 'name': 'x'}", "x", "x"],
  ["brand", `{'n': 5, 'a "b, c(': {'d': 'x'}}`, 5, 5],
  ["sizes", "MAP {'s': 1, 'm': 2}", [1, 2], 1],
  ["sizes", "[MAP {'s': 1}, MAP {'m': 2}]", [1, 2], 1],
  ["either", "union_value(n := 5)", 5, 5],
  ["tags", "['a', 'b']", ["a", "b"], "a"],
  ["tags", "[[['a'], ['b']], [['c']]]", ["a", "b", "c"], "a"],
  ["order", "[[1, 2], [3]]", [1, 2, 3], 1],
  ['a "name"', "[{'group': 'x'}]", ["x"], "x"],
  ["raw", "'ab'::BLOB", "ab", "ab"],
  ["any", "5::VARIANT", "5", "5"],
])("the SQL that an error shows for %s = %s does", async (column, value, list, one) => {
  const connection = await instance.connect();
  const quoted = `"${column.replaceAll('"', '""')}"`;
  const read = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson();
  const [[name]] = (await read(`SELECT typeof(${value})`)) as [[string]];
  const type = columnType(name);
  const rows = `FROM (SELECT ${value} AS ${quoted})`;
  expect(await read(`SELECT ${takeList(column, type)} ${rows}`)).toEqual([[list]]);
  expect(await read(`SELECT ${takeOne(column, type)} ${rows}`)).toEqual([[one]]);
  connection.closeSync();
});

it.each<[value: string, list: unknown]>([
  ["5::DOUBLE", [5]],
  ["1.5", ["1.5"]],
  ["[true, false]", [1, 0]],
  ["[[1, 2], [3]]", [1, 2, 3]],
  [`{'x': 1, 'a "b, c(': 2.5}`, ["1.0", "2.5"]],
  ["{'x': 1, 'y': 'red'}", undefined],
  ["'ab'::BLOB", undefined],
  ["[DATE '2026-01-01']", undefined],
  ["MAP {'s': 1}", undefined],
])("and that for a list of numbers of %s", async (value, list) => {
  const connection = await instance.connect();
  const read = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson();
  const [[name]] = (await read(`SELECT typeof(${value})`)) as [[string]];
  const sql = numbersOfList("a vec", columnType(name));
  const got = sql === undefined ? [[undefined]] : await read(`SELECT ${sql} FROM (SELECT ${value} AS "a vec")`);
  expect(got).toEqual([[list]]);
  connection.closeSync();
});

it.each(["name", 'a"b', "c'd", "e\\f", "a.b", "$x", "/y", "größe", "select"])(
  "and that for a member of JSON %s",
  async (key) => {
    const connection = await instance.connect();
    const value = (json: unknown): string => `'${JSON.stringify(json).replaceAll("'", "''")}'::JSON`;
    const read = async (json: unknown, inArray: boolean) => {
      const sql = `SELECT ${takeMember("order", key, inArray)} FROM (SELECT ${value(json)} AS "order")`;
      return (await connection.runAndReadAll(sql)).getRowsJson();
    };
    expect(await read({ other: 1, [key]: "x" }, false)).toEqual([["x"]]);
    expect(await read([{ [key]: "x" }, { [key]: "y" }], true)).toEqual([[["x", "y"]]]);
    connection.closeSync();
  },
);
