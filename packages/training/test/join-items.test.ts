import { describe, expect, it } from "vitest";
import { resolveConfig } from "../src/config.ts";
import { loadData } from "../src/data/load.ts";

/** Ids of the items of the events that are known, and what is said. */
async function join(ids: readonly string[], asked: readonly string[]) {
  const rows = (values: readonly string[], name: string): string =>
    values.map((value, i) => `SELECT ${value} AS ${name}, 'q${i}' AS query, 'x' AS title`).join(" UNION ALL ");
  const data = { items: rows(ids, "id"), events: rows(asked, "item") };
  const { raw } = { raw: await loadData(resolveConfig({ name: "t", data, items: {} }, "test"), ".") };
  return { found: Array.from(raw.events.item, (item) => raw.ids.at(item)).sort(), notes: raw.report.notes ?? [] };
}

describe("ids of events and items are the same", () => {
  it.each<[string, string[], string[], string[]]>([
    ["when their texts are", ["'a'", "'b'"], ["'b'", "'a'", "'a'"], ["a", "a", "b"]],
    ["when integers of any width are", ["7::TINYINT", "8"], ["8::HUGEINT", "7::UBIGINT"], ["7", "8"]],
    ["when a text says an integer", ["'7'", "'8'"], ["8", "7"], ["7", "8"]],
    ["when a DOUBLE is an integer", ["7", "1000"], ["7.0::DOUBLE", "1000::DOUBLE"], ["1000", "7"]],
    ["when a DECIMAL is an integer", ["7", "1000"], ["7.00::DECIMAL(9,2)", "1000"], ["1000", "7"]],
    ["when JSON says them with quotes or not", ["7", "8"], [`'"7"'::JSON`, "'8'::JSON"], ["7", "8"]],
    ["when a text says the integer with a point", ["'1000'", "'7'"], ["'1000.0'", "'7'"], ["1000", "7"]],
    ["when the item's text does", ["'1000.00'"], ["1000"], ["1000.00"]],
    ["by the text first", ["'7'", "'7.0'"], ["'7.0'", "'7'"], ["7", "7.0"]],
  ])("%s", async (_, ids, asked, found) => {
    expect((await join(ids, asked)).found).toEqual(found);
  });

  it.each<[string, string[], string[]]>([
    ["when a number is two items", ["'7'", "'7.0'", "'a'"], ["'7.00'", "'a'"]],
    ["when zeros stand before a number", ["'007'", "'a'"], ["'7'", "'a'"]],
    ["when digits follow the point", ["'1.1'", "'a'"], ["'1.10'", "'a'"]],
    ["when they differ in case", ["'A'", "'a'"], ["'Á'", "'a'"]],
  ])("but not %s", async (_, ids, asked) => {
    expect((await join(ids, asked)).found).toEqual(["a"]);
  });

  it("and a person is told of another spelling, and of an id of each side where some are unknown", async () => {
    expect((await join(["'1000'", "'7'"], ["'1000.0'", "'7'", "'1000.0'"])).notes).toEqual([
      '2 events name an item by the same number in another spelling ("1000.0" is item "1000")',
    ]);
    expect((await join(["'A1'", "'a2'"], ["'a1 '", "'a2'", "'none'"])).notes).toEqual([
      'item ids such as "A1" (VARCHAR), event items such as "a1 " (VARCHAR); ' +
        "1 of them is the id of an item but for case and blanks",
    ]);
    expect((await join(["'A1'", "'a2'"], ["NULL", "NULL", "NULL", "NULL", "'a1'", "'a2'"])).notes).toEqual([
      expect.stringContaining('event items such as "a1" (VARCHAR)'),
    ]);
    await expect(join(["'A1'"], ["1", "2"])).rejects.toThrow(
      "data.events: expected at least one event of a known item, got 2 rows and none: " +
        'item ids such as "A1" (VARCHAR), event items such as "1" (INTEGER)',
    );
  });
});

describe("an id is refused", () => {
  it.each<[string, string[], string]>([
    ["that is blank", ["'a'", "' \t\u00a0'"], "1 row with no id (row 2: "],
    ["that is NaN", ["1::DOUBLE", "'nan'::DOUBLE"], '1 row with no id (row 2: "nan")'],
    ["that comes again", ["7::DOUBLE", "7.0::DOUBLE"], '1 row with repeated id (row 2: "7.0")'],
    [
      "that comes again in JSON",
      ["'7'::JSON", `'"7"'::JSON`],
      `1 row with repeated id (row 2: "\\"7\\"", like row 1: "7")`,
    ],
    [
      "that DOUBLE has rounded",
      ["1::DOUBLE", "9007199254740993::DOUBLE"],
      "1 row with id too large for type DOUBLE to tell it from its neighbours (read it as VARCHAR or BIGINT) (row 2: ",
    ],
  ])("%s", async (_, ids, message) => {
    await expect(join(ids, ["1"])).rejects.toThrow(`data.items: ${message}`);
  });
});
