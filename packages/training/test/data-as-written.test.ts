import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { Database } from "../src/data/duckdb.ts";
import { itemsFile } from "../src/data/items-file.ts";
import { keepTable, type Wanted } from "../src/data/kept-table.ts";

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "poeem-written-"));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

/** The rows of a query, each column as text. */
async function read(folder: string, sql: string, wanted: Partial<Wanted> & { texts: readonly string[] }) {
  const database = await Database.open([folder], "1GB");
  try {
    const all = { values: wanted.fields ?? [], ...wanted };
    const table = await keepTable(database, { source: "data.items", sql }, "items", all);
    const columns = [...new Set([...all.texts, ...all.values])];
    const list = columns.map((column, i) => `${table.sql(column)}::VARCHAR AS v${i}`);
    return (await database.rows(`SELECT ${list.join(", ")} FROM items`)).map((row) => Object.values(row));
  } finally {
    database.close();
  }
}

const lines = (...rows: string[]): string => rows.map((row) => `${row}\n`).join("");
const GUID = "6F9619FF-8B86-D011-B42D-00CF4FC964FF";
const EXPONENTS = { "l.csv": lines("id,n", "30e2,1", "31e2,2") };

describe("where a column comes from", () => {
  it.each([
    "WITH t AS (SELECT id FROM 'l.csv') SELECT id FROM t UNION ALL FROM (WITH t AS (SELECT 'x' AS id) FROM t LIMIT 0)",
    "SELECT x AS id FROM 'l.csv' a, (SELECT a.id AS x) s",
    "SELECT x AS id FROM 'l.csv' a JOIN LATERAL (SELECT a.id AS x) s ON true",
    "FROM query('FROM ''l.csv''')",
    'WITH "l.csv" AS (FROM \'l.csv\') SELECT id FROM "l.csv"',
  ])("%s: passed on", async (sql) => {
    expect(await read(await folderWith(EXPONENTS), sql, { texts: ["id"] })).toEqual([["30e2"], ["31e2"]]);
  });

  it.each([
    "SELECT id, CASE WHEN seen > TIMESTAMP '2024-02-15' THEN 'new' ELSE 'old' END AS out FROM 'd.csv'",
    "SELECT id, if(ok, 'yes', 'no') AS out FROM 'd.csv'",
    "SELECT id, CASE WHEN price < 3 AND day < DATE '2021-01-01' THEN 'a' END AS out FROM 'd.csv'",
    "SELECT id, strftime(day, '%Y-%m') || ' ' || dayname(day) AS out FROM 'd.csv'",
    "SELECT id, (floor(price / 2) * 2)::INTEGER::VARCHAR AS out FROM 'd.csv'",
    "SELECT 'i' || n AS id, unnest(list(id ORDER BY day) FILTER (ok)) AS out FROM 'd.csv' GROUP BY ALL",
    "SELECT id, lag(id, 1, id) OVER (PARTITION BY ok ORDER BY seen) AS out FROM 'd.csv'",
    "SELECT 'x' AS id, arg_max(id, day) AS out FROM 'd.csv'",
    "SELECT COLUMNS('id|n'), n AS out FROM 'd.csv'",
    "SELECT COLUMNS(* EXCLUDE (ok, day, seen, price)), n AS out FROM 'd.csv'",
    "SELECT * LIKE 'i%', n AS out FROM 'd.csv'",
    "SELECT #1 AS id, n AS out FROM 'd.csv'",
  ])("%s: what decides or is computed of is no part of the text", async (sql) => {
    const folder = await folderWith({
      "d.csv": lines(
        "id,n,ok,day,seen,price",
        "a,1,True,13/02/2020,2024-02-01T10:00:00Z,0.00",
        "b,1,False,14/02/2020,2024-03-01T10:00:00Z,2.50",
      ),
    });
    expect((await read(folder, sql, { texts: ["id", "out"] })).length).toBeGreaterThan(0);
  });

  it.each([
    ["ok || '' AS out"],
    ["concat('x', day) AS out"],
    ["strftime(day, '%Y') || day AS out"],
    ["if(n = 1, day, NULL) AS out"],
    ["coalesce(day, DATE '2020-01-01') AS out"],
    ["list_value(seen) AS out"],
    ["md5(price::VARCHAR) AS out"],
    ["arg_max(day, n) AS out"],
    ["median(day) AS out"],
    ["max(day) OVER (PARTITION BY n) AS out"],
    ["format('{}', price) AS out"],
  ])("%s: what is spelled anew is refused", async (out) => {
    const folder = await folderWith({
      "d.csv": lines(
        "n,ok,day,seen,price",
        "1,True,13/02/2020,2024-02-01T10:00:00Z,0.00",
        "1,False,14/02/2020,2024-03-01T10:00:00Z,2.50",
      ),
    });
    await expect(read(folder, `SELECT ${out} FROM 'd.csv'`, { texts: ["out"] })).rejects.toThrow(/on its way into out/);
  });

  it.each([
    ["SELECT #1 AS id FROM 'l.csv'"],
    ["SELECT u.unnest AS id FROM 'l.csv' a, unnest([a.id]) u"],
    ["SELECT id FROM 'l.jsonl' a, unnest(a.ids) u(id)"],
    ["SELECT s.* FROM 'l.jsonl'"],
    ["SELECT unnest(s) FROM 'l.jsonl'"],
    ["SELECT (s).id AS id FROM 'l.jsonl'"],
    ["SELECT * RENAME (n AS id), id || '' AS x FROM 'l.csv'"],
    ["SELECT (SELECT a.id FROM (SELECT s AS a FROM 'l.jsonl')) AS id FROM 'l.csv' a"],
    ["SELECT (a).id AS id, id::BIGINT AS n FROM 'l.csv' a"],
    ["SELECT id FROM (SELECT n, id AS x FROM 'l.csv' UNION ALL SELECT id, n FROM 'l.csv') t(id, n)"],
    ["SELECT json_extract_string(to_json(a), '$.id') AS id FROM 'l.csv' a"],
    ["SELECT max(id) AS id FROM (SUMMARIZE 'l.csv') s, 'l.csv' l"],
    ["SELECT max AS id FROM (SUMMARIZE 'l.csv') WHERE column_name = 'id'"],
  ])("%s: refused, or as it is written", async (sql) => {
    const folder = await folderWith({
      ...EXPONENTS,
      "l.jsonl": `${JSON.stringify({ ids: [GUID], s: { id: GUID } })}\n`,
    });
    const got = await read(folder, sql, { texts: ["id"] }).catch((error: Error) => [[error.message]]);
    for (const [id] of got) expect(id).toMatch(/: DuckDB takes column \w+ of l\.|^(30e2|31e2|1|2)$/);
  });

  it.each([
    ["built-in names", "SELECT id, current_date || filename AS title FROM 'x.csv'"],
    ["parameters", "SELECT id, list_transform(['a'], lambda x: x || '!')[1] AS title FROM 'x.csv'"],
    ["a table called like a column", "SELECT id, x AS title FROM 'x.csv'"],
    ["a column beside it", "SELECT id, x AS a, a || '' AS b, b || '' AS title FROM 'x.csv'"],
    ["other columns of a star", "SELECT *, price * 2 AS twice, 'y' AS title FROM 'x.csv'"],
    ["a list's beside it", "SELECT id, 'y' AS title, unnest FROM 'x.csv' a, unnest([a.price])"],
    ["another table's", "SELECT x.id, s.p AS title FROM 'x.csv' x JOIN (SELECT 'c' AS p) s ON true"],
  ])("%s: nothing that is not used is refused", async (_, sql) => {
    const folder = await folderWith({ "x.csv": lines("id,x,price", "a,b,1.50", "c,d,2.50") });
    expect(await read(folder, sql, { texts: ["id", "title"] })).toHaveLength(2);
  });

  it("through a dozen queries that each use all columns of the one before", async () => {
    const step = ["a", "b", "c"].map((name) => `coalesce(a::VARCHAR, b::VARCHAR, c::VARCHAR) AS ${name}`).join(", ");
    const ctes = Array.from({ length: 12 }, (_, i) => `t${i + 1} AS (SELECT ${step} FROM t${i})`);
    const sql = `WITH t0 AS (FROM 'x.csv'), ${ctes.join(", ")} SELECT a FROM t12`;
    const folder = await folderWith({ "x.csv": lines("a,b,c", "x,y,z") });
    expect(await read(folder, sql, { texts: ["a"] })).toEqual([["x"]]);
  });
});

describe("fields", () => {
  const sql = "SELECT id, code, day, day + 14 AS due FROM 'x.jsonl'";

  it.each([
    [["code"], [GUID]],
    [
      ["code", "due"],
      [GUID, "2020-02-15"],
    ],
    [
      ["code", "day"],
      [GUID, "2020-02-01"],
    ],
  ])("%s: what the SQL computes with does not keep the others from staying as they stand", async (fields, values) => {
    const folder = await folderWith({ "x.jsonl": lines(JSON.stringify({ id: "a", code: GUID, day: "01-02-2020" })) });
    expect(await read(folder, sql, { texts: ["id"], fields })).toEqual([["a", ...values]]);
  });

  it("say what is wrong with the files", async () => {
    const folder = await folderWith({ "x.csv": lines("id,n", "a,1") });
    await expect(read(folder, "SELECT id, m FROM 'x.csv'", { texts: ["id"], fields: ["m"] })).rejects.toThrow(/"m"/);
  });
});

describe("casts of the SQL's own", () => {
  it("are taken where they make the same of the text as of the guess", async () => {
    const folder = await folderWith({ "x.csv": lines("id,p", "a,0", "b,0.1", "c,") });
    const sql = "SELECT id, p::FLOAT AS p FROM 'x.csv' WHERE p IS NULL OR p >= 0";
    expect(await read(folder, sql, { texts: ["id", "p"] })).toEqual([
      ["a", "0.0"],
      ["b", "0.1"],
      ["c", null],
    ]);
  });

  it("are refused where they do not", async () => {
    const folder = await folderWith({ "x.csv": lines("id", "98765432109876543210", "0.5") });
    const refused = expect(read(folder, "SELECT id::HUGEINT AS id FROM 'x.csv'", { texts: ["id"] })).rejects;
    await refused.toThrow(/takes column id of x\.csv for DOUBLE/);
  });
});

describe("folders that say a value", () => {
  const FILE = {
    "genre=rock/items.csv": lines("id,genre", "a,jazz"),
    "genre=rock/x.jsonl": '{"id":"a","genre":"jazz"}',
  };

  it.each(["'items.csv'", "read_csv('items.csv')", "'*.csv'", "'x.jsonl'"])(
    "%s knows nothing of those around the files",
    async (from) => {
      const folder = join(await folderWith(FILE), "genre=rock");
      expect(await read(folder, `FROM ${from}`, { texts: ["id", "genre"] })).toEqual([["a", "jazz"]]);
    },
  );

  it.each(["'genre=rock/items.csv'", "'*/items.csv'", "read_csv('*/items.csv', hive_partitioning = true)"])(
    "%s names them",
    async (from) => {
      expect(await read(await folderWith(FILE), `FROM ${from}`, { texts: ["id", "genre"] })).toEqual([["a", "rock"]]);
    },
  );

  it("--items knows nothing of them", async () => {
    const database = await Database.open([], "1GB");
    const folder = join(await folderWith(FILE), "genre=rock");
    const here = process.cwd();
    process.chdir(folder);
    const { sql } = await itemsFile(database, "items.csv", "--items").finally(() => process.chdir(here));
    expect(await database.rows(sql)).toEqual([{ id: "a", genre: "jazz" }]);
    database.close();
  });
});

describe("names of files", () => {
  it.each([
    ["FROM '~items.csv'", "~items.csv"],
    ["FROM read_csv('a' || '.csv')", "a.csv"],
    ["SELECT content AS id FROM read_text('a.txt')", "a.txt"],
  ])("%s", async (sql, name) => {
    const folder = await folderWith({ [name]: name.endsWith(".csv") ? lines("id", "x") : "x" });
    expect(await read(folder, sql, { texts: ["id"] })).toEqual([["x"]]);
  });

  it("that SQL makes are not found in a folder with a comma, and it says so", async () => {
    const folder = await folderWith({ "a,b/a.csv": lines("id", "x") });
    const sql = "FROM read_csv('a' || '.csv')";
    await expect(read(join(folder, "a,b"), sql, { texts: ["id"] })).rejects.toThrow(/a,b, which has a comma/);
    expect(await read(join(folder, "a,b"), "FROM 'a.csv'", { texts: ["id"] })).toEqual([["x"]]);
  });

  it(".txt does not say what it is, whatever packs it", async () => {
    const folder = await folderWith({ "a.txt.gz": "" });
    await expect(read(folder, "FROM 'a.txt.gz'", { texts: ["id"] })).rejects.toThrow(/does not say how to read it/);
  });
});
