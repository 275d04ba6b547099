import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { columnType } from "../src/data/column-type.ts";
import { Database, literal } from "../src/data/duckdb.ts";
import { numberCure, timeCure } from "../src/data/value-cures.ts";

let database: Database;
beforeAll(async () => {
  database = await Database.open([], "1GB");
});
afterAll(() => database.close());

const TEXT = columnType("VARCHAR");
const rows = (sql: string) => database.rows(sql);
const tableOf = (values: readonly string[]): string => `(SELECT unnest([${values.map(literal).join(", ")}]) AS x)`;
/** What the first SQL of a cure makes of the values. */
const cured = async (cure: string, from: string) =>
  (await rows(`SELECT ${/^.* AS "x"/.exec(cure.split(", or ")[0]!)![0]} FROM ${from}`)).map(({ x }) => x);

describe("SQL that makes times of texts works on all of them", () => {
  it.each([
    [["31.12.2026 10:00", "01.02.2026 09:30"], "strptime(x, '%d.%m.%Y %H:%M') AS x", "2026-12-31 10:00:00"],
    [["12/31/2026", "01/02/2026"], "strptime(x, '%m/%d/%Y') AS x", "2026-12-31 00:00:00"],
    [["12/31/2026 1:05 PM"], "strptime(x, '%m/%d/%Y %I:%M %p') AS x", "2026-12-31 13:05:00"],
    [["2026-12-31 10:00", "2026-01-02T10:00:00Z"], "x::TIMESTAMP AS x", "2026-12-31 10:00:00"],
    [["2026-12-31", " "], "TRY_CAST(x AS TIMESTAMP) AS x", "2026-12-31 00:00:00"],
    [["20261231"], "strptime(x, '%Y%m%d') AS x", "2026-12-31 00:00:00"],
    [["1700000000", "5"], "x::DOUBLE AS x", 1_700_000_000],
    [
      ["01/02/2026"],
      "strptime(x, '%d/%m/%Y') AS x, or strptime(x, '%m/%d/%Y') if the month comes first",
      "2026-02-01 00:00:00",
    ],
  ])("%j", async (values, cure, first) => {
    const from = tableOf(values);
    expect((await timeCure(rows, from, "x", TEXT))?.replaceAll('"x"', "x")).toBe(cure);
    expect((await cured(cure.replaceAll(/\bx\b/g, '"x"'), from))[0]).toBe(first);
  });

  it("and where none does it says what to use", async () => {
    const expected = "strptime(x, FORMAT) AS x, with the FORMAT of all its values";
    expect((await timeCure(rows, tableOf(["31.12.2026", "2026-01-01"]), "x", TEXT))?.replaceAll('"x"', "x")).toBe(
      expected,
    );
    expect((await timeCure(rows, tableOf(["soon"]), "x", TEXT))?.replaceAll('"x"', "x")).toBe(expected);
  });
});

describe("SQL that makes numbers of texts with commas works on all of them", () => {
  it.each([
    [["12,50", "7"], "replace(x, ',', '.')::DOUBLE AS x", [12.5, 7]],
    [["1.234,5", "7,25"], "replace(replace(x, '.', ''), ',', '.')::DOUBLE AS x", [1234.5, 7.25]],
    [["1,234.5", "7"], "replace(x, ',', '')::DOUBLE AS x", [1234.5, 7]],
    [["12,50", ""], "TRY_CAST(replace(x, ',', '.') AS DOUBLE) AS x", [12.5, null]],
    [
      ["1,234"],
      "replace(x, ',', '.')::DOUBLE AS x, or replace(x, ',', '')::DOUBLE if the comma sets thousands apart",
      [1.234],
    ],
  ])("%j", async (values, cure, numbers) => {
    const from = tableOf(values);
    expect((await numberCure(rows, from, "x", TEXT, "x"))?.replaceAll('"x"', "x")).toBe(cure);
    expect(await cured(cure.replaceAll(/\bx\b/g, '"x"'), from)).toEqual(numbers);
  });

  it("and none is named where none does", async () => {
    expect(
      (await numberCure(rows, tableOf(["12,50", "free"]), "x", TEXT, "x"))?.replaceAll('"x"', "x"),
    ).toBeUndefined();
    expect((await numberCure(rows, tableOf(["1,5", "1.5"]), "x", TEXT, "x"))?.replaceAll('"x"', "x")).toBe(
      "replace(x, ',', '.')::DOUBLE AS x",
    );
  });
});
