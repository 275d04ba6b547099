import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { pageFiles } from "@poeem/edge/page";
import { messageOf, UserError } from "@poeem/offline/errors";
import { InputError } from "@poeem/pq-core";

/**
 * The page's files by their path in the site, as a `page.json` says; without one, a page that goes by the index alone.
 * @throws UserError that names the file and the key
 */
export async function readSite(pageJson: string | undefined): Promise<Map<string, Uint8Array>> {
  if (pageJson === undefined) return await pageFiles();
  let config: object;
  try {
    config = JSON.parse(await readFile(pageJson, "utf8")) as object;
  } catch (error) {
    throw new UserError(`${pageJson} cannot be read as JSON: ${messageOf(error)}`);
  }
  try {
    return await pageFiles(config, dirname(pageJson));
  } catch (error) {
    throw error instanceof InputError ? new UserError(`${pageJson}: ${error.message}`) : error;
  }
}
