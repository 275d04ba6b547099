/** The page's files from a `page.json`: what is in them, and what is refused. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "@poeem/pq-core";
import { afterAll, expect, it } from "vitest";
import { type PageConfig, pageFiles, pageHeaders, pageNotes } from "../src/site/files.ts";

const folder = mkdtempSync(join(tmpdir(), "page-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const textOf = (files: Map<string, Uint8Array>, path: string) => new TextDecoder().decode(files.get(path));
const policyOf = async (config: PageConfig) =>
  Object.fromEntries(pageHeaders(await pageFiles(config)))["Content-Security-Policy"];

it("opens the policy for the named hosts by https, and for nothing else", async () => {
  expect(await policyOf({ imageHosts: ["Images.example.com", "*.cdn.example", "xn--bcher-kva.example:8443"] })).toBe(
    (await policyOf({}))!.replace(
      "img-src 'self' data:",
      "img-src 'self' data: https://images.example.com https://*.cdn.example https://xn--bcher-kva.example:8443",
    ),
  );
  expect(await policyOf({})).toContain(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;",
  );
});

it("refuses hosts whose policy would be a line that Cloudflare leaves out, not one shorter", async () => {
  const label = "a".repeat(50);
  const hosts = (length: number) => {
    // Of each host, " https://" and ".example" are 17 characters.
    const full = Array.from({ length: Math.floor(length / 67) - 1 }, () => `${label}.example`);
    return [...full, `${"b".repeat(length - 67 * full.length - 17)}.example`];
  };
  const room = 2000 - `Content-Security-Policy: ${await policyOf({})}`.length;
  expect(`Content-Security-Policy: ${await policyOf({ imageHosts: hosts(room) })}`).toHaveLength(2000);
  await expect(pageFiles({ imageHosts: hosts(room + 1) })).rejects.toThrow(
    /^"imageHosts" expected hosts whose policy is a line of at most 2000 characters, got 2001: /,
  );
});

it("writes the title as text, whatever it is made of", async () => {
  const files = await pageFiles({ title: "$& </title><script>alert('1')</script> &amp;" });
  for (const path of ["index.html", "reference.html"]) {
    expect(textOf(files, path)).toContain(
      "$&amp; &lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp;amp;",
    );
    expect(textOf(files, path)).not.toContain("Poeem Edge");
  }
});

it("takes the extension from beside page.json", async () => {
  writeFileSync(join(folder, "draw.js"), "export const copyText = () => ({ text: '', name: '' });");
  const files = await pageFiles({ extension: "./draw.js" }, folder);
  expect(textOf(files, "draw.js")).toContain("copyText");
  expect(JSON.parse(textOf(files, "page.json"))).toEqual({ extension: "./draw.js" });
  await expect(pageFiles({ extension: "./gone.js" }, folder)).rejects.toThrow(
    /"extension" expected a script, but .*gone/,
  );
  await expect(pageFiles({ extension: "./draw.js" })).rejects.toThrow(/expected the folder/);
});

it.each([
  [{ imgHosts: [] }, /^"imgHosts" expected one of the keys title, .*, got "imgHosts"$/],
  [{ title: "" }, /^"title" expected a text of 1 to 200 characters, got ""$/],
  [{ lang: "no language" }, /^"lang" expected a language/],
  [{ imageHosts: "a.example" }, /^"imageHosts" expected a list, got "a.example"$/],
  [{ imageHosts: ["a.example", "http://b.example"] }, /^"imageHosts\[1\]" expected an https host .* got "http:/],
  [{ imageHosts: ["a.example; script-src *"] }, /^"imageHosts\[0\]"/],
  [{ imageHosts: ["*"] }, /^"imageHosts\[0\]"/],
  [{ imageHosts: ["*.com\n/*\n X: y"] }, /^"imageHosts\[0\]"/],
  [{ price: { field: "price", currency: "euro" } }, /^"price.currency" expected a currency such as "EUR", got "euro"$/],
  [{ price: "price" }, /^"price" expected an object with field and currency, got "price"$/],
  [{ price: { field: "price" } }, /^"price.currency" expected .* got nothing$/],
  [{ fields: ["a", 7] }, /^"fields\[1\]" expected the name of a field, got 7$/],
  [{ examples: [["cake", "en", "x"]] }, /^"examples\[0\]"/],
  [{ labels: { a: 1 } }, /^"labels.a"/],
  [{ imageShape: "round" }, /^"imageShape" expected one of square, portrait, wide, got "round"$/],
  [{ layout: "list" }, /^"layout"/],
  [{ index: "A" }, /^"index"/],
  [{ extension: "../draw.js" }, /^"extension" expected a script beside page.json/],
  [{ extension: "./page.js" }, /^"extension"/],
  [{ extension: "https://x.example/a.js" }, /^"extension"/],
  [[], /^"page.json" expected an object, got \[\]$/],
  [null, /^"page.json" expected an object, got null$/],
])("refuses %j in one line that names the key", async (config, message) => {
  const error = await pageFiles(config as PageConfig).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toMatch(message);
});

it("notes each field, filter and host that an index does not have, once", () => {
  const sample = {
    fields: [
      { photo: "https://a.example/1.jpg", price: 1 },
      { photo: "http://A.cdn.example/2.jpg", brand: null },
      { photo: "https://b.example/3.jpg" },
      { photo: "https://b.example/4.jpg" },
      { photo: "//c.example/5.jpg" },
      { photo: "//d.example/6.jpg" },
      { photo: "/own.png" },
    ],
    filters: ["brand"],
  };
  const config = {
    image: "photo",
    imageHosts: ["A.example", "*.cdn.example", "d.example:443"],
    titleField: "title",
    subtitle: "maker",
    fields: ["brand"],
    filters: ["brand", "size"],
  };
  expect(pageNotes(config, sample)).toEqual([
    'the index has no field "maker"',
    'the index has no facet or number "size" to filter by',
    'pictures from b.example are not shown: "imageHosts" does not name it',
    'pictures from c.example are not shown: "imageHosts" does not name it',
  ]);
  // Without page.json, the page finds out by itself which field has pictures.
  expect(pageNotes({}, sample)).toEqual(
    ["a.example", "a.cdn.example", "b.example", "c.example", "d.example"].map(
      (host) => `pictures from ${host} are not shown: "imageHosts" does not name it`,
    ),
  );
  expect(pageNotes({}, { ...sample, fields: [{ home: "https://a.example/" }, { photo: "/own.png" }] })).toEqual([]);
});
