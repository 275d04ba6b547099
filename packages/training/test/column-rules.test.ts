import { readFileSync } from "node:fs";
import { Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { describe, expect, it } from "vitest";
import { type PoeemConfig, type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { filterColumns } from "../src/data/filter-columns.ts";
import { categoriesOf } from "../src/data/item-features.ts";
import { itemFields } from "../src/data/item-fields.ts";
import { itemNumbers, textsFromColumns } from "../src/data/item-texts.ts";
import { loadData } from "../src/data/load.ts";
import type { RawData } from "../src/data/types.ts";

/** What the table of docs/data.md says of each value. */
const ROWS = readFileSync(new URL("../../../docs/data.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => {
    const cells = line.split("|").slice(1, -1);
    const [sql, id, title, texts, number, time, field] = cells.map((cell) => cell.trim().replace(/^`(.*)`$/, "$1"));
    return { sql: sql!, id: id!, title: title!, texts: texts!, number: number!, time: time!, field: field! };
  });

type Cells = Omit<(typeof ROWS)[number], "sql">;
type Loaded = { raw: RawData; config: PoeemConfig };

const load = async (
  itemsSql: string,
  items: PoeemConfigInput["items"],
  eventsSql: string,
  others: Partial<PoeemConfigInput> = {},
): Promise<Loaded> => {
  const data = { items: itemsSql, events: eventsSql, memoryLimit: "200MB" };
  const config = resolveConfig({ name: "t", data, items, ...others }, "test");
  return { raw: await loadData(config, "."), config };
};

/** Two items, the first with the value and the second with none. */
const loadItems = (sql: string, items: PoeemConfigInput["items"]): Promise<Loaded> =>
  load(`SELECT 'i' AS id, ${sql} AS v UNION ALL SELECT 'j', NULL`, items, "SELECT 'i' AS item, 'q' AS query");

const loadEvents = (sql: string, events: PoeemConfigInput["events"]): Promise<Loaded> =>
  load("SELECT 'i' AS id", {}, `SELECT 'i' AS item, 'q' AS query, ${sql} AS v, ${sql} AS w`, {
    events,
    model: { history: { as: "mean" } },
    ...(events?.time && { split: { by: "time" } }),
  });

const loadIds = (sql: string): Promise<Loaded> =>
  load(`SELECT ${sql} AS id`, {}, `SELECT ${sql} AS item, 'q' AS query`);

/** Every use of a value, by the cell that says what becomes of it. */
const USES: Readonly<Record<keyof Cells, readonly ((sql: string) => Promise<Loaded>)[]>> = {
  id: [loadIds, (sql) => loadEvents(sql, { query: "v" }), (sql) => loadEvents(sql, { user: "v" })],
  title: [(sql) => loadItems(sql, { title: "v" }), (sql) => loadEvents(sql, { query: "query", context: ["v"] })],
  texts: ["text", "categories", "facets"].map((key) => (sql) => loadItems(sql, { [key]: ["v"] })),
  number: ["inputs", "numbers"].map((key) => (sql) => loadItems(sql, { [key]: ["v"] })),
  time: [(sql) => loadEvents(sql, { query: "query", time: "v" })],
  field: [(sql) => loadItems(sql, { fields: ["v"] })],
};

const REFUSED = ROWS.flatMap(({ sql, ...cells }) =>
  (Object.keys(USES) as (keyof Cells)[]).flatMap((role) => (cells[role] === "refused" ? [[sql, role] as const] : [])),
);

describe("docs/data.md says what becomes of a value", () => {
  it.each(ROWS)("$sql", async ({ sql, ...cells }) => {
    const isRead = (role: keyof Cells): boolean => cells[role] !== "refused";
    const value = (role: keyof Cells): unknown => (cells[role] === "missing" ? undefined : JSON.parse(cells[role]));
    if (isRead("id")) {
      const { raw } = await loadIds(sql);
      expect([...raw.ids, raw.ids.at(raw.events.item[0]!)]).toEqual([value("id"), value("id")]);
    }
    const items = await loadItems(sql, {
      ...(isRead("title") && { title: "v" }),
      ...(isRead("texts") && { text: ["v"], categories: ["v"], facets: ["v"] }),
      ...(isRead("number") && { inputs: ["v"], numbers: ["v"] }),
      ...(isRead("field") && { fields: ["v"] }),
    });
    const fields = {
      ...(isRead("title") && value("title") !== undefined && { title: value("title") }),
      ...(isRead("field") && value("field") !== undefined && { v: value("field") }),
    };
    expect(itemFields(items.raw.items)).toEqual([fields, {}]);
    const filters = filterColumns(items.raw, items.config);
    if (isRead("texts")) {
      const list = [value("texts") ?? []].flat() as string[];
      expect(filters.facets?.["v"]).toEqual([list, []]);
      expect(categoriesOf(items.raw.items, ["v"], 0)).toEqual(list.map((one) => `v\t${one}`));
      expect(textsFromColumns(items.raw, ["v"])).toEqual([list.join("\n"), ""]);
    }
    if (isRead("number")) {
      const numbers = [value("number") ?? Number.NaN, Number.NaN];
      expect([...itemNumbers(items.raw.items, "v")]).toEqual(numbers);
      expect(Array.from(filters.numbers!["v"]!)).toEqual(numbers);
    }
    const used = ["id", "title", "time"] as const;
    if (!used.some(isRead)) return;
    const { raw } = await loadEvents(sql, {
      ...(isRead("id") ? { query: "v", user: "w" } : { query: "query" }),
      ...(isRead("title") && { context: ["v"] }),
      ...(isRead("time") && { time: "v" }),
    });
    if (isRead("id"))
      expect([raw.events.query, raw.events.user].map((column) => column!.values)).toEqual([
        [value("id")],
        [value("id")],
      ]);
    if (isRead("title")) expect(raw.events.contexts[0]!.values).toEqual([value("title") ?? []].flat());
    if (isRead("time")) expect([...raw.events.time!]).toEqual([value("time")]);
  });

  it.each(REFUSED)("%s as %s is refused in one line, which names the column", async (sql, role) => {
    for (const use of USES[role]) {
      const failed = await use(sql).catch((error: Error) => error);
      expect(failed).toBeInstanceOf(UserError);
      expect((failed as Error).message).toMatch(/^data\.(items|events): .*\b(v|id|item)\b/);
    }
  });
});

describe("numbers that are drawn at random", () => {
  const COUNT = 400;
  const random = new Random(13);
  const draw = (digits: number, scale: number): number =>
    (random.integer(2) ? 1 : -1) * Number((random.uniform() * 10 ** random.integer(digits)).toFixed(scale));
  it.each<[string, (value: number) => number, () => number]>([
    ["DOUBLE", (value) => value, () => draw(12, random.integer(9)) * 10 ** (random.integer(40) - 20)],
    ["FLOAT", Math.fround, () => draw(6, random.integer(5)) * 10 ** (random.integer(20) - 10)],
    ["DECIMAL(18,6)", (value) => value, () => draw(8, random.integer(7))],
    ["BIGINT", (value) => value, () => draw(15, 0)],
    ["HUGEINT", (value) => value, () => draw(15, 0)],
  ])("of %s come back as their shortest decimals", async (type, narrow, next) => {
    const values = Array.from({ length: COUNT }, next);
    const rows = values.map((value, i) => `(${i}, '${value}'::${type})`).join(", ");
    const items = `SELECT 'i' || n AS id, v FROM (VALUES ${rows}) AS rows(n, v)`;
    const { raw, config } = await load(
      items,
      { facets: ["v"], numbers: ["v"], fields: ["v"] },
      "SELECT 'i0' AS item, 'q' AS query",
    );
    const { facets, numbers } = filterColumns(raw, config);
    const fields = itemFields(raw.items);
    for (const [item, id] of [...raw.ids].entries()) {
      const value = values[Number(id.slice(1))]!;
      const [text] = facets!["v"]![item]!;
      const number = numbers!["v"]![item]!;
      expect(narrow(number)).toBe(narrow(value) + 0);
      expect(fields[item]).toEqual({ v: number });
      expect(Number(text)).toBe(number);
      // no shorter decimal is the same number; whole numbers have all their digits
      if (Number.isInteger(number)) continue;
      const digits = (one: string): number =>
        one
          .replace(/e.*/, "")
          .replace(/\D/g, "")
          .replace(/^0+|0+$/g, "").length;
      for (let fewer = 1; fewer < digits(text!); fewer++)
        expect(narrow(Number(number.toPrecision(fewer)))).not.toBe(narrow(number));
    }
  });
});
