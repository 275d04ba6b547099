/**
 * The page's files for an index of one's own, for any server of static files.
 *
 * @example
 * for (const [path, bytes] of await pageFiles({ title: "My shop", price: { field: "price", currency: "EUR" } }))
 *   await writeFile(join("public", path), bytes);
 * @module
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readBytes } from "@poeem/offline/files";
import { InputError } from "@poeem/pq-core";
import { checkPageConfig, type PageConfig } from "./config.ts";

export { checkPageConfig, type PageConfig } from "./config.ts";
export { type IndexSample, pageNotes } from "./notes.ts";

/** Made by `scripts/build.ts`: the page of an empty `page.json`. As far from `src/site` as from `dist/site`. */
const BUILT = fileURLToPath(new URL("../../dist/page/", import.meta.url));
const PARTS = ["index.html", "reference.html", "page.css", "page.js", "reference.js", "favicon.svg"];
/** What the built files call the site, and where their policy lets pictures come from. */
const BUILT_TITLE = "Poeem Edge";
const BUILT_IMAGES = "img-src 'self' data:";
/** A longer line of `_headers` is left out by Cloudflare, and with it the policy. */
const MAX_HEADER_LINE = 2000;

/**
 * The page's files: path in the site → bytes. `_headers` has what must be sent with them, the policy that opens
 * `imageHosts` included, in the form that Cloudflare and others read; {@link pageHeaders} reads it too.
 *
 * @param directory where `page.json` lies, for its `extension`
 * @throws InputError for a wrong key of `config`, a missing extension, or a page that has not been built
 */
export async function pageFiles(config: PageConfig = {}, directory?: string): Promise<Map<string, Uint8Array>> {
  const checked = checkPageConfig(config);
  const encoder = new TextEncoder();
  const files = new Map<string, Uint8Array>();
  for (const part of PARTS) files.set(part, await readPart(part));
  const title = escapeHtml(checked.title ?? BUILT_TITLE);
  for (const file of ["index.html", "reference.html"]) {
    const html = new TextDecoder().decode(files.get(file));
    files.set(file, encoder.encode(html.replaceAll(BUILT_TITLE, () => title)));
  }
  const headers = new TextDecoder().decode(await readPart("_headers"));
  const hosts = (checked.imageHosts ?? []).map((host) => ` https://${host.toLowerCase()}`).join("");
  const opened = headers.replace(BUILT_IMAGES, BUILT_IMAGES + hosts);
  const longest = Math.max(...opened.split("\n").map((line) => line.trim().length));
  if (longest > MAX_HEADER_LINE)
    throw new InputError(
      "imageHosts",
      `expected hosts whose policy is a line of at most ${MAX_HEADER_LINE} characters, got ${longest}: ` +
        "name several by one, as *.example.com",
    );
  files.set("_headers", encoder.encode(opened));
  files.set("page.json", encoder.encode(`${JSON.stringify(checked, null, 2)}\n`));
  if (checked.extension !== undefined)
    files.set(checked.extension.slice("./".length), await readExtension(checked.extension, directory));
  return files;
}

/** The headers of `_headers`, for a server that does not read that file: they go with every file of the page. */
export function pageHeaders(files: ReadonlyMap<string, Uint8Array>): [name: string, value: string][] {
  const lines = new TextDecoder().decode(files.get("_headers")).split("\n");
  return lines.flatMap((line) => {
    const [, name, value] = /^ +([\w-]+): (.+)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as [string, string]];
  });
}

async function readPart(part: string): Promise<Uint8Array> {
  try {
    return await readFile(join(BUILT, part));
  } catch (error) {
    const how = "`npm run build:page -w @poeem/edge` makes it";
    throw new InputError("page", `expected the built page in ${BUILT}, which has no ${part}: ${how}`, { cause: error });
  }
}

async function readExtension(extension: string, directory: string | undefined): Promise<Uint8Array> {
  if (directory === undefined)
    throw new InputError("extension", `expected the folder that ${extension} lies in as well, got none`);
  try {
    return await readBytes(join(directory, extension));
  } catch (error) {
    throw new InputError("extension", `expected a script, but ${join(directory, extension)} cannot be read`, {
      cause: error,
    });
  }
}

function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#39" };
  return text.replace(/[&<>"']/g, (character) => `&${names[character]};`);
}
