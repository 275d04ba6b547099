import { readFileSync } from "node:fs";
import { UserError } from "@poeem/offline/errors";
import { describe, expect, it, vi } from "vitest";
import { type PoeemConfig, type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { filterColumns } from "../src/data/filter-columns.ts";
import { categoriesOf } from "../src/data/item-features.ts";
import { itemFields } from "../src/data/item-fields.ts";
import { itemNumbers, textsFromColumns } from "../src/data/item-texts.ts";
import { loadData } from "../src/data/load.ts";
import type { RawData } from "../src/data/types.ts";

// each case starts some databases, which takes seconds on a busy machine
vi.setConfig({ testTimeout: 120_000 });

/** What the table of docs/data.md says of each value. */
const ROWS = readFileSync(new URL("../../../docs/data.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => {
    const cells = line.split("|").slice(1, -1);
    const [sql, id, title, texts, number, time, field] = cells.map((cell) => cell.trim().replace(/^`(.*)`$/, "$1"));
    return { sql: sql!, id: id!, title: title!, texts: texts!, number: number!, time: time!, field: field! };
  });

type Loaded = { raw: RawData; config: PoeemConfig };

/** Two items, the first with the value and the second with none, and two events alike; the ids of both are texts. */
async function load(
  itemsSql: string,
  items: PoeemConfigInput["items"],
  eventsSql = "SELECT * FROM (VALUES ('q', 'i'), ('q', 'j')) AS events(query, item)",
  others: Partial<PoeemConfigInput> = {},
): Promise<Loaded | "refused"> {
  const config = resolveConfig(
    { name: "t", data: { items: itemsSql, events: eventsSql, memoryLimit: "200MB" }, items, ...others },
    "test",
  );
  try {
    return { raw: await loadData(config, "."), config };
  } catch (error) {
    if (error instanceof UserError && !error.message.includes("\n")) return "refused";
    throw error;
  }
}

const twoItems = (sql: string): string => `SELECT 'i' AS id, ${sql} AS v UNION ALL SELECT 'j', NULL`;

/** What is read of a cell of the table: "refused", or the value in JSON. */
async function read<T>(loading: Promise<Loaded | "refused">, of: (loaded: Loaded) => T): Promise<T | "refused"> {
  const loaded = await loading;
  return loaded === "refused" ? loaded : of(loaded);
}

const wanted = (cell: string): unknown =>
  cell === "refused" ? cell : cell === "missing" ? undefined : (JSON.parse(cell) as unknown);

const asList = (cell: unknown): unknown => (cell === "refused" ? cell : cell === undefined ? [] : [cell].flat());

describe.each(ROWS)("docs/data.md says what becomes of $sql", ({ sql, ...cells }) => {
  it("as an id, a user and a query", async () => {
    const ids = await read(load(`SELECT ${sql} AS id`, {}, `SELECT ${sql} AS item, 'q' AS query`), ({ raw }) => [
      ...raw.ids,
      raw.ids.at(raw.events.item[0]!),
    ]);
    const id = wanted(cells.id);
    expect(ids).toEqual(id === "refused" ? id : [id, id]);
    const asked = `SELECT 'i' AS item, ${sql} AS v`;
    for (const events of [{ query: "v" }, { user: "v" }])
      expect(
        await read(load("SELECT 'i' AS id", {}, asked, { events }), ({ raw }) => raw.events.columns.get("v")!.values),
      ).toEqual(id === "refused" ? id : [id]);
  });

  it("as a title and a context", async () => {
    const title = await read(load(twoItems(sql), { title: "v" }), ({ raw }) => itemFields(raw.items));
    const text = wanted(cells.title);
    expect(title).toEqual(text === "refused" ? text : [text === undefined ? {} : { title: text }, {}]);
    const context = await read(
      load("SELECT 'i' AS id", {}, `SELECT 'i' AS item, 'q' AS query, ${sql} AS v`, { events: { context: ["v"] } }),
      ({ raw }) => raw.events.contexts[0]!.values,
    );
    expect(context).toEqual(text === "refused" ? text : text === undefined ? [] : [text]);
  });

  it("as words, categories and facets", async () => {
    const list = asList(wanted(cells.texts)) as string[] | "refused";
    const isRefused = list === "refused";
    const own = twoItems(sql);
    expect(
      await read(load(own, { facets: ["v"] }), ({ raw, config }) => filterColumns(raw, config).facets["v"]),
    ).toEqual(isRefused ? list : [list, []]);
    expect(await read(load(own, { categories: ["v"] }), ({ raw }) => categoriesOf(raw.items, ["v"], 0))).toEqual(
      isRefused ? list : list.map((one) => `v\t${one}`),
    );
    expect(await read(load(own, { text: ["v"] }), ({ raw }) => textsFromColumns(raw, ["v"]))).toEqual(
      isRefused ? list : [list.join("\n"), ""],
    );
  });

  it("as a number, a time and a field", async () => {
    const number = wanted(cells.number);
    for (const key of ["inputs", "numbers"])
      expect(await read(load(twoItems(sql), { [key]: ["v"] }), ({ raw }) => [...itemNumbers(raw.items, "v")])).toEqual(
        number === "refused" ? number : [number ?? Number.NaN, Number.NaN],
      );
    const timed = `SELECT 'i' AS item, 'q' AS query, ${sql} AS v`;
    const others: Partial<PoeemConfigInput> = { events: { query: "query", time: "v" }, split: { by: "time" } };
    const time = await read(load("SELECT 'i' AS id", {}, timed, others), ({ raw }) => raw.events.time![0]);
    expect(time).toEqual(wanted(cells.time));
    const field = wanted(cells.field);
    expect(await read(load(twoItems(sql), { fields: ["v"] }), ({ raw }) => itemFields(raw.items))).toEqual(
      field === "refused" ? field : [field === undefined ? {} : { v: field }, {}],
    );
  });
});
