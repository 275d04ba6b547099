import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Database } from "../src/data/duckdb.ts";

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-encoding-"));
  database = await Database.open([folder], "1GB");
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true, force: true });
});

const TEXT = "id,title\n1,Größe\n2,b\n";
const MANY = `id,title\n${"1,abc\n".repeat(30_000)}`;
const latin = (text: string): Buffer => Buffer.from(text, "latin1");
const swapped = (text: string): Buffer => Buffer.from(`\ufeff${text}`, "utf16le").swap16();

async function said(name: string, bytes: Buffer): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, bytes);
  const error = await database.ask("data.items", `SELECT * FROM '${file}'`).catch((error: unknown) => error);
  expect(error).toMatchObject({ name: "UserError" });
  const { message } = error as Error;
  expect(message).not.toMatch(/ignore_errors|Possible|null_padding/);
  expect(message.split("\n").length).toBeLessThanOrEqual(2);
  return message;
}

it.each([
  ["latin.csv", latin(TEXT), "latin-1"],
  ["late.csv", latin(`${MANY}1,Größe\n`), "latin-1"],
  ["wide.csv", Buffer.from(`\ufeff${TEXT}`, "utf16le"), "utf-16"],
  ["unmarked.csv", Buffer.from(TEXT, "utf16le"), "utf-16"],
] as const)("%s is refused with the reader's encoding, which does", async (name, bytes, encoding) => {
  const message = await said(name, bytes);
  const sql = /Read it so: (FROM read_csv\(.*\))$/.exec(message)?.[1];
  expect(sql).toContain(`encoding = '${encoding}'`);
  expect(JSON.stringify(await database.rows(sql!))).toContain("Größe");
});

it.each([
  // the euro sign of Windows is a control character in Latin-1
  ["windows.csv", latin("id,title\n1,10 \x80\n2,Gr\xf6\xdfe\n"), /looks like Windows-1252.*\n.*iconv -f WINDOWS-1252/],
  ["big-endian.csv", swapped(TEXT), /iconv -f UTF-16BE/],
  ["broken.csv", Buffer.concat([Buffer.from(`${MANY}1,ä ö ü ß\n`), latin("2,Größe\n")]), /line 30003: .*\nCorrect/],
  ["columns.csv", Buffer.from(`${MANY}1,a,b\n`), /line 30002: Expected Number of Columns: 2 Found: 3: "1,a,b"\.\nCorr/],
  ["latin.jsonl", latin('{"id":1,"title":"Gr\xf6\xdfe"}\n'), /latin\.jsonl is not in UTF-8, as JSON has to be/],
])("%s is refused with what to do, never with skipping rows", async (name, bytes, expected) => {
  expect(await said(name, bytes)).toMatch(expected);
});
