import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { UserError } from "@poeem/offline/errors";
import { describe, expect, it } from "vitest";
import { Database } from "../src/data/duckdb.ts";
import { itemsFile } from "../src/data/items-file.ts";
import { keepTable } from "../src/data/kept-table.ts";

async function folderWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "poeem-sources-"));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

/** What columns of a query hold, as text, and their types. */
async function keep(folders: string | string[], sql: string, texts: string[], values: string[] = []) {
  const database = await Database.open([folders].flat(), "1GB");
  try {
    const table = await keepTable(database, { source: "data.items", sql }, "items", { texts, values });
    const columns = [...texts, ...values];
    const list = columns.map((column, i) => `${table.sql(column)}::VARCHAR AS v${i}`);
    const rows = await database.rows(`SELECT ${list.join(", ")} FROM items`);
    return { rows: rows.map((row) => Object.values(row)), types: columns.map(table.type) };
  } finally {
    database.close();
  }
}

const lines = (...rows: string[]): string => rows.map((row) => `${row}\n`).join("");

describe("text stays as it stands in the file", () => {
  it.each([
    ["FROM 'x.csv'", "id"],
    ["SELECT id AS sku, n FROM 'x.csv' WHERE n > 0;", "sku"],
    ["SELECT x.id AS sku, n FROM read_csv('x.csv', header = true) x ORDER BY n DESC", "sku"],
    ["SELECT id::VARCHAR AS sku, n FROM read_csv_auto('x.csv')", "sku"],
    ["WITH x AS (SELECT id AS i, n FROM 'x.csv') SELECT i AS sku, n FROM x", "sku"],
    ["FROM 'x.csv' UNION ALL SELECT 'z', 7", "id"],
    ["SELECT a AS sku, b AS n FROM 'x.csv' AS t(a, b)", "sku"],
    ["SELECT * RENAME (id AS sku) FROM 'x.csv'", "sku"],
  ])("%s", async (sql, column) => {
    const folder = await folderWith({ "x.csv": lines("id,n", "30e2,1", "31e2,2", ",3", "5e6,4") });
    const { rows, types } = await keep(folder, sql, [column], ["n"]);
    const found = rows.map(([id]) => id);
    expect(types).toEqual(["VARCHAR", "BIGINT"]);
    for (const id of ["30e2", "31e2", null, "5e6"]) expect(found).toContain(id);
  });

  it("leaves types alone by which nothing is lost, and types that the SQL gives", async () => {
    const folder = await folderWith({ "x.csv": lines("a,b,c", "1,1.5,2020-01-31", "20,2.5,2021-12-01") });
    expect((await keep(folder, "FROM 'x.csv'", ["a", "b", "c"])).types).toEqual(["BIGINT", "DOUBLE", "DATE"]);
    const sql = "FROM read_csv('x.csv', types = {'a': 'DOUBLE'})";
    expect((await keep(folder, sql, ["a"])).rows).toEqual([["1.0"], ["20.0"]]);
  });

  it("a file without a header has none when its columns are texts", async () => {
    const folder = await folderWith({ "x.csv": lines("30e2", "31e2") });
    expect((await keep(folder, "FROM 'x.csv'", ["column0"])).rows).toEqual([["30e2"], ["31e2"]]);
    const named = await folderWith({ "x.csv": lines("id,b", "30e2,TRUE", "31e2,f") });
    expect((await keep(named, "FROM 'x.csv'", ["id", "b"])).rows).toEqual([
      ["30e2", "TRUE"],
      ["31e2", "f"],
    ]);
  });

  it("lists in JSON stay lists, of texts as they stand there", async () => {
    const rows = [
      { id: "01-02-2020", tags: ["01-02-2020", "02-02-2020"], size: 1.5, one: { a: 1 } },
      { id: "02-02-2020", tags: [], size: 2, one: null },
    ];
    const folder = await folderWith({ "x.jsonl": rows.map((row) => `${JSON.stringify(row)}\n`).join("") });
    const { rows: got, types } = await keep(folder, "FROM 'x.jsonl'", ["id", "tags"], ["size", "one"]);
    expect(types).toEqual(["VARCHAR", "VARCHAR[]", "DOUBLE", "STRUCT(a BIGINT)"]);
    expect(got[0]).toEqual(["01-02-2020", "[01-02-2020, 02-02-2020]", "1.5", "{'a': 1}"]);
  });

  it("options of the reader, and names of folders", async () => {
    const folder = await folderWith({
      "x.csv": lines("# a comment", "id;n", "30e2;1", "31e2;2"),
      "y=2020-1-1/x.csv": lines("id,n", "30e2,1"),
      "y=2020-1-1/x.jsonl": lines('{"id": "01-02-2020", "n": 1}'),
    });
    const read = async (sql: string, texts: string[]) => (await keep(folder, sql, texts, ["n"])).rows[0];
    const options = "comment = '#', delim = ';', types = {'n': 'VARCHAR'}";
    expect(await read(`FROM read_csv('x.csv', ${options})`, ["id"])).toEqual(["30e2", "1"]);
    expect(await read("FROM read_csv('x.csv', skip = 1, dtypes = {'n': 'DOUBLE'})", ["id"])).toEqual(["30e2", "1.0"]);
    expect(await read("FROM '*/x.csv'", ["id", "y"])).toEqual(["30e2", "2020-1-1", "1"]);
    expect(await read("FROM read_json('*/x.jsonl', filename = 'from')", ["id", "y"])).toEqual([
      "01-02-2020",
      "2020-1-1",
      "1",
    ]);
  });

  it("members of structs: refused where SQL names one that changed, others do not matter", async () => {
    const product = { sku: "01-02-2020", name: "boot", made: "2020-01-02T10:00:00Z" };
    const folder = await folderWith({ "x.jsonl": `${JSON.stringify({ product, list: [{ tag: "03-04-2020" }] })}\n` });
    const sql = "SELECT product.name AS id FROM 'x.jsonl'";
    expect((await keep(folder, sql, ["id"])).rows).toEqual([["boot"]]);
    await expect(keep(folder, "SELECT product.sku AS id FROM 'x.jsonl'", ["id"])).rejects.toThrow(
      "columns = {'product': 'STRUCT(sku VARCHAR, \"name\" VARCHAR, made TIMESTAMP)', 'list': 'STRUCT(tag DATE)[]'})",
    );
    await expect(keep(folder, "SELECT unnest(list).tag AS id FROM 'x.jsonl'", ["id"])).rejects.toThrow(
      /'list': 'STRUCT\(tag VARCHAR\)\[\]'/,
    );
  });

  it("a guess that a late row does not keep to", async () => {
    const many = Array.from({ length: 21_000 }, (_, i) => `${i},${i}`);
    const folder = await folderWith({ "x.csv": lines("id,n", ...many, "A12,B1") });
    const { rows } = await keep(folder, "SELECT id FROM 'x.csv'", ["id"]);
    expect(rows.at(-1)).toEqual(["A12"]);
    await expect(keep(folder, "FROM 'x.csv'", ["id"], ["n"])).rejects.toThrow(
      /^data\.items: .*x\.csv, line 21002: DuckDB took column n for BIGINT, got "B1"\.\n.*sample_size = -1.*$/,
    );
  });

  it.each([
    ["SELECT 'p' || id AS sku FROM 'x.csv'", "x.csv"],
    ["SELECT a.id AS sku FROM 'x.csv' a JOIN 'x.csv' b USING (id)", "x.csv"],
    ["SELECT id AS sku, count(*) AS n FROM 'x.csv' GROUP BY id", "x.csv"],
    ["SELECT sku FROM (SELECT max(id) AS sku FROM 'x.csv')", "x.csv"],
    ["SELECT id AS sku FROM read_csv('x.csv') WHERE id > 3", "x.csv"],
    ["SELECT upper(id::VARCHAR) AS sku FROM 'x.jsonl'", "x.jsonl"],
    [
      "SELECT coalesce(b.name, a.id::VARCHAR) AS sku FROM 'x.csv' a LEFT JOIN (SELECT 1 AS n, 'x' AS name) b USING (n)",
      "x.csv",
    ],
  ])("%s: refused, with a cure that works", async (sql, file) => {
    const folder = await folderWith({
      "x.csv": lines("id,n,price", "30e2,1,1.50", "31e2,2,2.50"),
      "x.jsonl": lines('{"id": "01-02-2020", "n": 1}', '{"id": "02-02-2020", "n": 2}'),
    });
    const failed = await keep(folder, sql, ["sku"]).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(UserError);
    const { message } = failed as UserError;
    expect(message).toMatch(
      new RegExp(`^data\\.items: DuckDB takes column id of ${file} for \\w+: ".*" .*\nRead it as text: FROM .*$`),
    );
    const cure = message.split("FROM ")[1]!;
    const cured = sql.replaceAll(`read_csv('${file}')`, cure).replaceAll(` '${file}'`, ` ${cure}`);
    expect((await keep(folder, cured.replace("id > 3", "id > '3'"), ["sku"])).types).toEqual(["VARCHAR"]);
  });

  it("what other columns lose does not matter", async () => {
    const folder = await folderWith({ "x.csv": lines("id,n,price", "a,1,1.50", "b,2,2.50") });
    const sql = `SELECT a.id || '' AS sku, b.total FROM 'x.csv' a
      JOIN (SELECT n, sum(price) AS total FROM 'x.csv' GROUP BY n) b ON a.n = b.n`;
    expect((await keep(folder, sql, ["sku"], ["total"])).rows.toSorted()).toEqual([
      ["a", "1.5"],
      ["b", "2.5"],
    ]);
  });
});

describe("names of files", () => {
  const NAMES = ["items[1].csv", "a*b.csv", "what?.csv", "it's.csv", 'two "words".csv', "größe, 7.csv"];

  it.each(NAMES)("%s is that file, in SQL and for --items", async (name) => {
    const others = { "items1.csv": "id\nno\n", "axb.csv": "id\nno\n", "whatx.csv": "id\nno\n" };
    const folder = await folderWith({ ...others, [name]: "id\nyes\n", [`in/${name}/x.csv`]: "id\nyes\n" });
    const quoted = name.replaceAll("'", "''");
    for (const from of [`'${quoted}'`, `read_csv('${quoted}')`, `read_csv(['${quoted}'])`]) {
      expect((await keep(folder, `FROM ${from}`, ["id"])).rows).toEqual([["yes"]]);
    }
    for (const file of ["x.csv", "*.csv"]) {
      expect((await keep(folder, `FROM 'in/${quoted}/${file}'`, ["id"])).rows).toEqual([["yes"]]);
      expect((await keep(join(folder, "in", name), `FROM '${file}'`, ["id"])).rows).toEqual([["yes"]]);
    }
    const database = await Database.open([], "1GB");
    const { sql } = await itemsFile(database, join(folder, name), "--items");
    database.close();
    expect((await keep(folder, sql, ["id"])).rows).toEqual([["yes"]]);
  });

  it("are patterns where no file is called so", async () => {
    const folder = await folderWith({ "items1.csv": "id\na\n", "items2.csv": "id\nb\n" });
    expect((await keep(["/nowhere", folder], "FROM 'items[12].csv'", ["id"])).rows).toEqual([["a"], ["b"]]);
  });

  it.each([
    ["FROM 'x.csv'", "data.items: IO Error: No files found that match x.csv in A or B; --data looks elsewhere"],
    [
      "FROM 'x.dat'",
      "data.items: 'x.dat' does not say how to read it: " +
        "write FROM read_csv('x.dat'), read_json('x.dat') or read_parquet('x.dat')",
    ],
    ["SELECT 1 AS id; SELECT 2", "data.items: expected one SELECT, got 2 statements"],
  ])("%s: %s", async (sql, message) => {
    await expect(keep(["A", "B"], sql, ["id"])).rejects.toThrow(new UserError(message));
  });
});

describe("the items of a file", () => {
  const rowsOf = async (name: string, content: string | Uint8Array) => {
    const folder = await folderWith({ [name]: content });
    const database = await Database.open([], "1GB");
    try {
      const { sql } = await itemsFile(database, join(folder, name), "--items");
      return { rows: await database.rows(sql), types: [...(await database.describe("", sql)).values()] };
    } finally {
      database.close();
    }
  };

  it.each([
    ["x.csv", lines("id,n", "30e2,1.50", "007,")],
    ["x.TSV", lines("id\tn", "30e2\t1.50", "007\t")],
    ["x.txt", lines("id;n", "30e2;1.50", "007;")],
    ["x.csv.gz", gzipSync(lines("id,n", "30e2,1.50", "007,"))],
    ["x.json", '[{"id": "30e2", "n": "1.50"}, {"id": "007"}]'],
    ["x.jsonl", '{"id": "30e2", "n": "1.50"}\n{"id": "007", "n": null}\n'],
  ])("%s: all texts", async (name, content) => {
    const { rows, types } = await rowsOf(name, content);
    expect(types).toEqual(["VARCHAR", "VARCHAR"]);
    expect(rows).toEqual([
      { id: "30e2", n: "1.50" },
      { id: "007", n: null },
    ]);
  });

  it("lists in JSON stay lists", async () => {
    const { rows, types } = await rowsOf("x.jsonl", '{"id": 98765432109876543210, "tags": ["2020-1-1", "x"]}\n');
    expect(types).toEqual(["VARCHAR", "VARCHAR[]"]);
    expect(rows).toEqual([{ id: "98765432109876543210", tags: ["2020-1-1", "x"] }]);
  });

  it("refuses a name that does not say what the file is", async () => {
    await expect(rowsOf("x.dat", "id\n")).rejects.toThrow(/^--items .*x\.dat: expected a name that ends in \.csv/);
    await expect(itemsFile({} as Database, "nowhere.csv", "--items")).rejects.toThrow("--items nowhere.csv: not found");
  });
});
