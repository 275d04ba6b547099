/** What the page does at its limits: an extension that throws, a closed door, long lists, long questions. */
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import type { PageConfig } from "../src/site/files.ts";
import { describeBrowser, useBrowser } from "./browser.ts";
import { showSite } from "./site.ts";

const SHOP: PageConfig = { index: "shop", filters: ["brand", "price"] };

describeBrowser("the page at its limits", () => {
  const visit = useBrowser();
  /** Opens the shop and gathers what the console is told of filters. */
  async function open(config: PageConfig, prepare: (page: Page) => Promise<unknown> = async () => undefined) {
    const warned: string[] = [];
    const visited = await visit("/?q=red%20mug", {}, async (page) => {
      page.on(
        "console",
        (line) => line.type() === "warning" && /facet|filter/.test(line.text()) && warned.push(line.text()),
      );
      await showSite(page, config);
      await prepare(page);
    });
    return { ...visited, warned };
  }
  const settled = (page: Page) => page.waitForSelector('#results[aria-busy="false"] .tile');

  it("keeps a pick whose text the extension cannot make, and says so", async () => {
    const script = 'export const copyText = ({ title }) => { throw new Error("no text"); };';
    const { page, complaints } = await open(SHOP, async (page) => {
      await page.route("**/page.json", (route) => route.fulfill({ json: { ...SHOP, extension: "./copy.js" } }));
      await page.route("**/copy.js", (route) => route.fulfill({ body: script, contentType: "text/javascript" }));
    });
    await settled(page);
    await page.locator(".tile").first().click();
    await page.locator("#toast", { hasText: "red mug cannot be copied, but is among your picks" }).waitFor();
    expect(complaints.join()).toMatch(/no text/);
    expect(complaints.join()).not.toMatch(/Uncaught|unhandled/i);
  });

  it("does not say that filters are missing when it may not ask for them", async () => {
    const { page, warned } = await open(SHOP, (page) =>
      page.route("**/facets?*", (route) => route.fulfill({ status: 401, json: { detail: "a token, please" } })),
    );
    await settled(page);
    expect(warned).toEqual([]);
    expect(await page.locator("#filters select").count()).toBe(0);
  });

  it("says which facet has too many values for a list", async () => {
    const many = Object.fromEntries(Array.from({ length: 61 }, (_, i) => [`v${i}`, 1]));
    const { page, warned } = await open(SHOP, (page) =>
      page.route("**/facets?*", (route) =>
        route.fulfill({ json: { indexVersion: "v", facets: { brand: many }, numbers: ["price"] } }),
      ),
    );
    await settled(page);
    expect(warned).toEqual(['The facet "brand" has 61 values: a list to choose from shows 60']);
  });

  it("asks by POST what is too long for an address", async () => {
    const asked: string[] = [];
    const { page, complaints } = await open(SHOP, async (page) => {
      page.on("request", (request) => request.url().includes("/search") && asked.push(request.method()));
      await page.route("**/search?*", async (route) => {
        const response = await route.fetch();
        const answer = (await response.json()) as { results: { id: string }[] };
        const results = answer.results.map((result, i) => ({ ...result, id: `${"ü".repeat(250)}${i}` }));
        await route.fulfill({ response, json: { ...answer, results } });
      });
    });
    await settled(page);
    for (let i = 0; i < 12; i++) await page.locator(".tile").nth(i).click();
    const posted = page.waitForRequest((request) => request.method() === "POST");
    await page.getByRole("button", { name: /More like these/ }).click();
    const { history, k } = (await posted).postDataJSON() as { history: string[]; k: number };
    expect(history).toHaveLength(12);
    expect(k).toBeGreaterThan(0);
    expect(complaints.filter((line) => !line.startsWith("Failed to load resource"))).toEqual([]);
  });
});
