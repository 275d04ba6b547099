/** Chromium over the server that all files of this project share; without one, what needs it is skipped. */
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, inject } from "vitest";
import { canBrowse, executablePath } from "./chromium.ts";

export const describeBrowser = describe.skipIf(!canBrowse);

type ContextOptions = Parameters<Browser["newContext"]>[0];

export interface Visit {
  readonly page: Page;
  /** Errors in the console, refused by the policy or thrown. */
  readonly complaints: string[];
}

/** One Chromium for a file. The function opens a path of the server in a context of its own, for one test. */
export function useBrowser(): (
  path?: string,
  options?: ContextOptions,
  prepare?: (page: Page) => Promise<unknown>,
) => Promise<Visit> {
  let browser: Browser;
  let visit: Visit | undefined;
  beforeAll(async () => {
    if (executablePath === undefined)
      throw new Error("POEEM_BROWSER=required, but there is no Chromium: set CHROMIUM to its path");
    // No sandbox: it needs rights that a container does not have, and the page is our own.
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  });
  afterAll(() => browser?.close());
  afterEach(() => visit?.page.context().close());
  return async (path = "/", options = {}, prepare) => {
    const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"], ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    visit = { page, complaints };
    page.on("console", (line) => line.type() === "error" && complaints.push(line.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await prepare?.(page);
    await page.goto(inject("server").address + path);
    return visit;
  };
}
