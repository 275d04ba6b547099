/** Another `page.json` over the same server: what depends on it is answered by what `pageFiles` makes of it. */
import type { Page } from "playwright-core";
import { type PageConfig, pageFiles, pageHeaders } from "../src/site/files.ts";

const DEPENDS = { "/": ["index.html", "text/html; charset=utf-8"], "/page.json": ["page.json", "application/json"] };

export async function showSite(page: Page, config: PageConfig): Promise<void> {
  const files = await pageFiles(config);
  for (const [path, [file, type]] of Object.entries(DEPENDS)) {
    const body = Buffer.from(files.get(file!)!);
    const headers = { ...Object.fromEntries(pageHeaders(files)), "Content-Type": type! };
    await page.route(
      (url) => url.hostname === "localhost" && url.pathname === path,
      (route) => route.fulfill({ body, headers }),
    );
  }
}
