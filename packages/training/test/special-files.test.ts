/** What is no regular file is refused before anybody waits for it, whichever way it is named. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { UserError } from "@poeem/offline/errors";
import type { Index } from "@poeem/pq-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Database } from "../src/data/duckdb.ts";
import { findScans } from "../src/data/file-scans.ts";
import { itemsFile, typedFile } from "../src/data/items-file.ts";
import { parseSql } from "../src/data/sql-tree.ts";
import { readIds } from "../src/encode/read-ids.ts";

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-special-"));
  await writeFile(join(folder, "good.csv"), "id,title\n1,a\n");
  execFileSync("mkfifo", [join(folder, "a.csv")]);
  await symlink("a.csv", join(folder, "link.csv"));
  await mkdir(join(folder, "folder.csv"));
  await symlink("/dev/zero", join(folder, "device.csv"));
  database = await Database.open([folder], "1GB");
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true });
});

const kinds = { "a.csv": "a FIFO", "link.csv": "a FIFO", "folder.csv": "a folder", "device.csv": "a device" };

describe.each(Object.entries(kinds))("%s, %s", (name, kind) => {
  const refuses = async (work: () => unknown): Promise<void> => {
    const error = await Promise.resolve()
      .then(work)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(`${name}: expected a file, got ${kind}`);
    expect((error as UserError).message).not.toContain("\n");
  };

  it("as the file of an option", async () => {
    const file = join(folder, name);
    await refuses(() => itemsFile(database, file, "--items"));
    await refuses(() => typedFile(file, "--queries"));
    await refuses(() => readIds({ manifest: { idType: "string" } } as Index, "remove", { values: [`@${file}`] }));
  });

  it.each([
    (file: string) => `FROM '${file}'`,
    (file: string) => `FROM read_csv('${file}', header = true)`,
    (file: string) => `FROM read_csv(['good.csv', '${file}'])`,
    (file: string) => `SELECT * FROM 'good.csv' JOIN (SELECT * FROM read_json('${file}')) USING (id)`,
    (file: string) => `FROM read_csv('${join(folder, file)}')`,
    (file: string) => `FROM read_csv('${pathToFileURL(join(folder, file))}')`,
  ])("in SQL %#", async (sql) => {
    const tree = await parseSql(database, { source: "data.items", sql: sql(name) });
    await refuses(() => findScans(database, "data.items", tree));
  });
});

it("that a pattern matches is passed over: files are found by one", async () => {
  const scan = async (sql: string) =>
    findScans(database, "data.items", await parseSql(database, { source: "data.items", sql }));
  for (const pattern of ["*.csv", "g*.csv"]) {
    expect(await scan(`FROM read_csv('${pattern}')`)).toHaveLength(1);
    expect(await database.rows(`FROM read_csv('${join(folder, pattern)}')`)).toEqual([{ id: "1", title: "a" }]);
  }
  await expect(scan("FROM read_csv('a*.csv')")).rejects.toThrow("No files found that match a*.csv");
});
