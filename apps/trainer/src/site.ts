import { dirname } from "node:path";
import { type PageConfig, pageFiles, pageNotes } from "@poeem/edge/page";
import { UserError } from "@poeem/offline/errors";
import { readJson } from "@poeem/offline/files";
import { type Index, InputError } from "@poeem/pq-core";

/** As many items show which fields and hosts an index has. */
const SAMPLE = 500;

/**
 * The page's files by their path in the site, as a `page.json` says; without one, a page that goes by the index alone.
 * @throws UserError that names the file and the key
 */
export async function readSite(pageJson: string | undefined): Promise<Map<string, Uint8Array>> {
  if (pageJson === undefined) return await pageFiles();
  const config = (await readJson(pageJson)) as object;
  try {
    return await pageFiles(config, dirname(pageJson));
  } catch (error) {
    throw error instanceof InputError ? new UserError(`${pageJson}: ${error.message}`) : error;
  }
}

/** What of a page its index cannot show, one line each; the first items speak for all. */
export async function notesOf(files: ReadonlyMap<string, Uint8Array>, index: Index): Promise<string[]> {
  const config = JSON.parse(new TextDecoder().decode(files.get("page.json"))) as PageConfig;
  const ordinals = Array.from({ length: Math.min(SAMPLE, index.manifest.numItems) }, (_, i) => i);
  const items = await index.items(ordinals);
  const filters = [...Object.keys(await index.facets()), ...(await index.numbers())];
  return pageNotes(config, { fields: items.map(({ fields = {} }) => fields), filters });
}
