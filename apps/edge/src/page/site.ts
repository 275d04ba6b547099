/** What `page.json` says about this site, and the extension that it names. */
import { checkPageConfig, type PageConfig } from "../site/config.ts";
import type { Result } from "./api.ts";

/**
 * What a module named by `extension` may export. It is served from this site, so that the policy lets it in, and it
 * may do all that the page may: what stands in an index must become text or attributes, never markup.
 */
export interface Extension {
  /** Draws an item: large in its tile, small on the shelf. */
  readonly renderTile?: (result: Result) => Element;
  /** What a click copies, and what the page calls it then. */
  readonly copyText?: (result: Result) => { readonly text: string; readonly name: string };
}

export interface Site {
  readonly config: PageConfig;
  readonly extension: Extension;
  /** What is wrong with the files of the site; the page then does without. */
  readonly problem?: string;
}

/** Reads `page.json` and its extension; without the file, or with a wrong one, the page goes by the index alone. */
export async function readSite(): Promise<Site> {
  let config: PageConfig = {};
  try {
    const response = await fetch("/page.json");
    if (response.status !== 404) config = checkPageConfig(await response.json());
    const extension = config.extension === undefined ? {} : await import(new URL(config.extension, location.href).href);
    return { config, extension };
  } catch (error) {
    return { config, extension: {}, problem: `page.json: ${error instanceof Error ? error.message : error}` };
  }
}
