import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../edge/scripts/build.ts";
import { UserError } from "@poeem/offline/errors";
import { afterAll, expect, it, vi } from "vitest";
import { page } from "../src/commands/page.ts";

const root = mkdtempSync(join(tmpdir(), "poeem-page-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
vi.spyOn(process.stderr, "write").mockReturnValue(true);

it("writes a page, replaces it by the next, and leaves other files alone", async () => {
  const out = join(root, "public");
  const config = join(root, "page.json");
  writeFileSync(config, JSON.stringify({ title: "First" }));
  mkdirSync(out);
  writeFileSync(join(out, "robots.txt"), "mine");
  await page({ config, out });
  expect(readFileSync(join(out, "index.html"), "utf8")).toContain("<title>First</title>");
  writeFileSync(config, JSON.stringify({ title: "Second" }));
  await page({ config, out });
  expect(process.stderr.write).toHaveBeenLastCalledWith(expect.stringContaining("1 other"));
  expect(readFileSync(join(out, "index.html"), "utf8")).toContain("<title>Second</title>");
  expect(readFileSync(join(out, "robots.txt"), "utf8")).toBe("mine");
});

it("refuses to overwrite what is not a page, and writes nothing then", async () => {
  const out = join(root, "site");
  mkdirSync(out);
  writeFileSync(join(out, "index.html"), "my own");
  await expect(page({ out })).rejects.toThrow(/--out: .*index.html is there and not from a page/);
  expect(readdirSync(out)).toEqual(["index.html"]);
  const config = join(root, "page.json");
  writeFileSync(config, "{}");
  await expect(page({ config, out: root })).rejects.toThrow(/--out: expected a folder other than that of/);
});

it("refuses a file, and a folder with an index, in which training would find something else", async () => {
  const file = join(root, "file");
  writeFileSync(file, "mine");
  await expect(page({ out: file })).rejects.toThrow(/^--out: expected a folder that can be made, got .*file/);
  const index = join(root, "index");
  mkdirSync(index);
  writeFileSync(join(index, "manifest.json"), "{}");
  await expect(page({ out: index })).rejects.toThrow(/^--out: expected a folder without an index/);
  expect(readdirSync(index)).toEqual(["manifest.json"]);
});

it("goes on where it was interrupted, whichever file it was at", async () => {
  const out = join(root, "whole");
  await page({ out });
  const whole = readdirSync(out).sort();
  for (const blocked of whole) {
    const half = join(root, `half-${blocked}`);
    mkdirSync(join(half, blocked), { recursive: true }); // a folder cannot be written over
    await expect(page({ out: half })).rejects.toThrow();
    rmSync(join(half, blocked), { recursive: true });
    await page({ out: half });
    expect(readdirSync(half).sort()).toEqual(whole);
  }
});

it("names the file and the key of a wrong page.json, before it writes", async () => {
  const out = join(root, "none");
  const config = join(root, "page.json");
  for (const [text, message] of [
    ['{ "imageHosts": ["http://a.example"] }', /page.json: "imageHosts\[0\]" expected an https host/],
    ["{", /page.json cannot be read as JSON: /],
  ] as const) {
    writeFileSync(config, text);
    const error = await page({ config, out }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
  }
  await expect(page({ config: join(root, "gone.json"), out })).rejects.toThrow(/gone.json cannot be read/);
  expect(existsSync(out)).toBe(false);
});
