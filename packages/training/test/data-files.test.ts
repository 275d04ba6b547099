import { mkdir, mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, it } from "vitest";
import { resolveConfig } from "../src/config.ts";
import { type LoadOptions, loadData } from "../src/data/load.ts";
import type { RawData } from "../src/data/types.ts";

const items = Array.from({ length: 6 }, (_, i) => ({ id: `i${i}`, title: `Item "${i}", a ü` }));
const events = Array.from({ length: 9 }, (_, i) => ({ query: `word ${i % 4} ü`, item: `i${i % 6}` }));

const separated = (rows: Record<string, string>[], delimiter: string): string =>
  [Object.keys(rows[0]!), ...rows.map((row) => Object.values(row))]
    .map((cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(delimiter))
    .join("\n");
const jsonLines = (rows: object[]): string => rows.map((row) => JSON.stringify(row)).join("\n");

const folder = (): Promise<string> => mkdtemp(join(tmpdir(), "poeem-files-"));
const from = (name: string): string => `SELECT * FROM '${name}'`;

function loadFrom(directory: string, itemsSql: string, eventsSql: string, options?: LoadOptions): Promise<RawData> {
  const config = resolveConfig({ name: "t", data: { items: itemsSql, events: eventsSql }, items: {} }, "test");
  return loadData(config, directory, options);
}

async function parquet(directory: string, name: string, rows: object[]): Promise<void> {
  await writeFile(join(directory, `${name}.source.jsonl`), jsonLines(rows));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(
    `COPY (FROM '${join(directory, `${name}.source.jsonl`)}') TO '${join(directory, `${name}.parquet`)}'`,
  );
  connection.closeSync();
  instance.closeSync();
}

const text = {
  csv: (rows: Record<string, string>[]) => separated(rows, ","),
  tsv: (rows: Record<string, string>[]) => separated(rows, "\t"),
  json: (rows: Record<string, string>[]) => JSON.stringify(rows),
  jsonl: jsonLines,
};

/** What was read, however it was stored. */
const rowsOf = ({ ids, items: { texts }, events: { query, item } }: RawData): unknown => ({
  items: Array.from(ids, (id, i) => ({ id, title: texts.get("title")![i] })),
  events: sorted(
    Array.from(item, (number, e) => ({ query: query!.values[query!.numbers[e]!]!, item: ids.at(number)! })),
  ),
});
const sorted = (rows: { query: string; item: string }[]): object[] => {
  const key = ({ query, item }: { query: string; item: string }): string => `${query} ${item}`;
  return rows.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
};

describe("files named in the SQL of a config", () => {
  const formats = Object.keys(text) as (keyof typeof text)[];
  it.each([...formats, ...formats.map((format) => `${format}.gz` as const), "parquet"])(
    "reads %s",
    async (extension) => {
      const directory = await folder();
      for (const [name, rows] of Object.entries({ items, events })) {
        if (extension === "parquet") await parquet(directory, name, rows);
        else {
          const content = text[extension.replace(".gz", "") as keyof typeof text](rows);
          await writeFile(
            join(directory, `${name}.${extension}`),
            extension.endsWith(".gz") ? gzipSync(content) : content,
          );
        }
      }
      const raw = await loadFrom(directory, from(`items.${extension}`), from(`events.${extension}`));
      expect(rowsOf(raw)).toEqual({ items, events: sorted(events) });
    },
  );

  it("reads all files of a pattern, gzip and not", async () => {
    const directory = await folder();
    await mkdir(join(directory, "logs", "2026"), { recursive: true });
    await writeFile(join(directory, "items.csv"), separated(items, ","));
    await writeFile(join(directory, "logs", "2026", "b.csv"), separated(events.slice(3, 5), ","));
    await writeFile(join(directory, "logs", "2026", "a.csv"), separated(events.slice(0, 3), ","));
    await writeFile(join(directory, "logs", "c.csv.gz"), gzipSync(separated(events.slice(5), ",")));
    const raw = await loadFrom(
      directory,
      from("items.csv"),
      "FROM 'logs/*/*.csv' UNION ALL FROM 'logs/*.csv.gz'; -- a comment at the end",
    );
    expect(rowsOf(raw)).toEqual({ items, events: sorted(events) });
  });

  it("reads columns between double colons, as MovieLens has them", async () => {
    const directory = await folder();
    await writeFile(join(directory, "movies.dat"), "0000628::A Trip (1902)::Action|Short\n12::B: C (1999)::Drama\n");
    await writeFile(join(directory, "ratings.dat"), "1::12::9::1381945744\n2::0000628::3::1402475616\n");
    const columns = (names: string[]): string => {
      const types = names.map((name) => `'${name}': 'VARCHAR'`).join(", ");
      return `delim = '::', header = false, quote = '', escape = '', columns = {${types}}`;
    };
    const raw = await loadFrom(
      directory,
      `SELECT id, title FROM read_csv('movies.dat', ${columns(["id", "title", "genres"])})`,
      `SELECT rating AS query, item FROM read_csv('ratings.dat', ${columns(["user", "item", "rating", "time"])})`,
    );
    expect(rowsOf(raw)).toEqual({
      items: [
        { id: "0000628", title: "A Trip (1902)" },
        { id: "12", title: "B: C (1999)" },
      ],
      events: [
        { query: "3", item: "0000628" },
        { query: "9", item: "12" },
      ],
    });
  });

  it("looks in the config's folder, in its data, or only in the folder of --data", async () => {
    const [directory, elsewhere] = [await folder(), await folder()];
    await mkdir(join(directory, "data"));
    await writeFile(join(directory, "items.jsonl"), jsonLines(items));
    await writeFile(join(directory, "data", "events.jsonl"), jsonLines(events));
    const sql = [from("items.jsonl"), from("events.jsonl")] as const;
    expect(rowsOf(await loadFrom(directory, ...sql))).toEqual({ items, events: sorted(events) });
    await writeFile(join(elsewhere, "items.jsonl"), jsonLines(items.slice(0, 3)));
    await expect(loadFrom(directory, ...sql, { data: elsewhere })).rejects.toThrow(
      /data\.events: .*No files found.*events\.jsonl/,
    );
    await writeFile(join(elsewhere, "events.jsonl"), jsonLines(events.slice(0, 3)));
    const found = rowsOf(await loadFrom(directory, ...sql, { data: elsewhere }));
    expect(found).toEqual({ items: items.slice(0, 3), events: sorted(events.slice(0, 3)) });
    await expect(loadFrom(directory, ...sql, { data: join(elsewhere, "items.jsonl") })).rejects.toThrow(
      /--data: expected a folder, got /,
    );
  });

  it.each<[string, string, RegExp]>([
    ["a file that is not there", from("nowhere.csv"), /^data\.events: IO Error: No files found.*nowhere\.csv/],
    ["a pattern without a file", from("nothing-*.csv"), /^data\.events: .*No files found.*nothing-\*\.csv/],
    ["a file that is no Parquet", from("broken.parquet"), /^data\.events: .*broken\.parquet/],
    ["a file that is no gzip", from("broken.csv.gz"), /^data\.events: .*(gzip|GZIP)/],
    [
      "broken JSON",
      "FROM read_json('broken.json', columns = {query: 'VARCHAR', item: 'VARCHAR'})",
      /^data\.events: .*JSON/,
    ],
    ["SQL that is none", "SELEC 1", /^data\.events: .*syntax error/],
    ["two statements", "SELECT 1; SELECT 2", /^data\.events: .*/],
    ["a column that is not there", "SELECT nothing FROM 'items.jsonl'", /^data\.events: .*"?nothing"? not found/],
  ])("names the query and says why: %s", async (_, sql, message) => {
    const directory = await folder();
    await writeFile(join(directory, "items.jsonl"), jsonLines(items));
    for (const name of ["broken.parquet", "broken.csv.gz"])
      await writeFile(join(directory, name), "query,item\nx,i1\n");
    await writeFile(join(directory, "broken.json"), '[{"query": "x", "item": ');
    const failed = await loadFrom(directory, from("items.jsonl"), sql).then(
      () => "nothing was thrown",
      (error: Error) => `${error.name} ${error.message}`,
    );
    expect(failed).toMatch(/^UserError /);
    expect(failed.replace("UserError ", "")).toMatch(message);
    expect(failed).not.toContain("\n");
  });

  it("reads the same with a fraction of the memory, sorting on disk", async () => {
    const directory = await folder();
    const read = (memoryLimit: string): Promise<RawData> => {
      const sql = `SELECT 'reader ' || hash(range) % 20000 AS user, 'i' || hash(range + 1) % 6 AS item,
        (hash(range * 7) % 1000)::INTEGER AS time FROM range(300000)`;
      const config = resolveConfig(
        {
          name: "t",
          data: { items: "SELECT 'i' || range AS id, 'x' AS title FROM range(6)", events: sql, memoryLimit },
          items: {},
          events: { user: "user", time: "time" },
        },
        "test",
      );
      return loadData(config, directory);
    };
    const [plenty, little] = [await read("1GB"), await read("20MB")];
    expect(little.hash).toBe(plenty.hash);
    const { user, count } = little.events;
    expect(count).toBe(300_000);
    expect(user!.numbers.every((number, e) => e === 0 || number >= user!.numbers[e - 1]!)).toBe(true);
  });

  it("leaves nothing behind in the folder of temporary files", async () => {
    const count = async (): Promise<number> =>
      (await readdir(tmpdir())).filter((name) => name.startsWith(`poeem-duckdb-${process.pid}-`)).length;
    const directory = await folder();
    await writeFile(join(directory, "items.jsonl"), jsonLines(items));
    await writeFile(join(directory, "events.jsonl"), jsonLines(events));
    await loadFrom(directory, from("items.jsonl"), from("events.jsonl"));
    await expect(loadFrom(directory, from("items.jsonl"), from("nowhere.csv"))).rejects.toThrow();
    expect(await count()).toBe(0);
  });
});
