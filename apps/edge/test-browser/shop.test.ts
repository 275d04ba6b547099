/** The page of a shop in a real Chromium: pictures, prices, ranges, searches, and a wrong `page.json`. */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import type { PageConfig } from "../src/site/files.ts";
import { describeBrowser, useBrowser } from "./browser.ts";
import { POPULAR } from "./catalogue.ts";
import { showSite } from "./site.ts";

const SHOP: PageConfig = {
  index: "shop",
  title: "Birk & Söhne <shop>",
  headline: "Things for a calm home",
  subtitle: "brand",
  image: "photo",
  price: { field: "price", currency: "EUR" },
  fields: ["colour"],
  labels: { price: "Price in €" },
};
const HOST = "pictures.example.net";
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';

describeBrowser("the page of a shop", () => {
  const visit = useBrowser();
  const open = (path: string, config: PageConfig, options = {}, prepare?: (page: Page) => Promise<unknown>) =>
    visit(path, options, async (page) => {
      await showSite(page, config);
      await prepare?.(page);
    });
  const settled = (page: Page) => page.waitForSelector('#results[aria-busy="false"] .tile');
  const titles = (page: Page) => page.locator(".tile .title").allTextContents();
  const tile = (page: Page, title: string) => page.locator("li", { has: page.getByText(title, { exact: true }) });
  /** Pictures that have been drawn. */
  const drawn = (page: Page) =>
    page
      .locator(".tile img")
      .evaluateAll((images) => images.filter((image) => (image as HTMLImageElement).naturalWidth));

  it("shows all items when the extension fails for some, and says so once", async () => {
    const warned: string[] = [];
    const { complaints } = await open("/?q=red%20mug", SHOP, {}, async (page) => {
      page.on("console", (line) => line.type() === "warning" && warned.push(line.text()));
      const script = `export function renderTile({ title }) {
        if (title === "red mug") throw new Error("no drawing");
        return title === "blue mug" ? undefined : document.createElement("i");
      }`;
      await page.route("**/page.json", (route) => route.fulfill({ json: { ...SHOP, extension: "./draw.js" } }));
      await page.route("**/draw.js", (route) => route.fulfill({ body: script, contentType: "text/javascript" }));
    }).then(async (visited) => {
      await settled(visited.page);
      expect(await tile(visited.page, "red mug").locator(".picture").count()).toBe(1);
      expect(await visited.page.locator(".tile i").count()).toBeGreaterThan(5);
      return visited;
    });
    expect(warned.filter((line) => line.includes("no drawing"))).toEqual([
      "renderTile of ./draw.js: Error: no drawing",
    ]);
    expect(complaints).toEqual([]);
  });

  it("draws data pictures and prices, and initials where no host is named, without asking it", async () => {
    const asked: string[] = [];
    const lines: string[] = [];
    const { page, complaints } = await open("/?q=red%20mug", SHOP, {}, async (page) => {
      page.on("request", (request) => asked.push(new URL(request.url()).host));
      page.on("console", (line) => lines.push(line.text()));
    });
    await settled(page);
    expect(await page.title()).toBe(SHOP.title);
    expect(await page.locator(".brand").textContent()).toBe(SHOP.title);
    expect(await page.locator("#headline").textContent()).toBe(SHOP.headline);
    expect(await tile(page, "red mug").locator(".tile").getAttribute("aria-label")).toBe(
      "red mug, Aalto & Söhne, €5.00, red. Pick",
    );
    await expect.poll(async () => (await drawn(page)).length).toBeGreaterThan(5);
    expect(await tile(page, "yellow mug").locator(".picture").textContent()).toBe("YM");
    expect(await page.locator("#results img[loading=lazy]").count()).toBe(51);
    expect(asked).not.toContain(HOST);
    expect(lines.filter((line) => line.includes(HOST))).toEqual([
      `Pictures from ${HOST} are not shown: "imageHosts" of page.json does not name it`,
    ]);
    expect(complaints).toEqual([]);
  });

  it("shows pictures from a named host, and initials while it cannot be reached", async () => {
    const config = { ...SHOP, imageHosts: ["*.example.net"] };
    const { page, complaints } = await open("/?q=yellow%20mug", config, {}, (page) =>
      page.route(`https://${HOST}/**`, (route) => route.fulfill({ contentType: "image/svg+xml", body: SVG })),
    );
    await settled(page);
    const image = tile(page, "yellow mug").locator("img");
    await expect.poll(() => image.evaluate((one) => (one as HTMLImageElement).naturalWidth)).toBe(9);
    expect(complaints).toEqual([]);

    await page.unroute(`https://${HOST}/**`);
    await page.route(`https://${HOST}/**`, (route) => route.abort());
    await page.reload();
    await tile(page, "yellow mug").locator(".initials").waitFor();
    expect(
      await page.locator("#results img").evaluateAll((all) => all.filter((one) => one.getAttribute("alt"))),
    ).toEqual([]);
    // Nothing but the network's own lines.
    for (const line of complaints) expect(line).toMatch(/^Failed to load resource/);
  });

  it("filters by a range of numbers, from the keyboard, together with a facet and its counts", async () => {
    const { page, complaints } = await open("/?q=mug", SHOP);
    await settled(page);
    await page.getByLabel("Price in €, from").focus();
    await page.keyboard.type("10");
    await page.keyboard.press("Tab");
    await page.keyboard.type("15");
    await page.locator("#count", { hasText: "3 nearest" }).waitFor();
    expect((await titles(page)).sort()).toEqual(["blue mug", "grey mug", "yellow mug"]);
    expect(await page.getByLabel("Filter by brand").locator("option").allTextContents()).toContain("Corvo (20)");
    await page.getByLabel("Filter by brand").selectOption("Corvo");
    await page.locator("#count", { hasText: "1 nearest" }).waitFor();
    expect(await titles(page)).toEqual(["blue mug"]);
    await page.getByLabel("Price in €, to").fill("1");
    await page.locator("#count", { hasText: "passes the filter" }).waitFor();
    expect(complaints).toEqual([]);
  });

  it("begins with what was searched most in this index, and offers it where nothing is found", async () => {
    const { page, complaints } = await open("/", SHOP);
    await settled(page);
    expect(await page.locator("#examples button").allTextContents()).toEqual(POPULAR);
    expect(await page.locator("#count").textContent()).toMatch(/^For example: \d+ nearest to “(red mug|lamp|teapot)”/);
    await page.locator("#query").fill("qqqqzzzz");
    await page.locator("#count", { hasText: "Nothing found" }).waitFor();
    expect(await page.locator("#examples").isVisible()).toBe(false);
    await page.locator("#empty").getByRole("button", { name: "teapot" }).click();
    await page.locator("#count", { hasText: "nearest to “teapot”" }).waitFor();
    expect(await page.locator("#empty").isVisible()).toBe(false);
    expect(complaints).toEqual([]);
  });

  it("invites to type where there is nothing to begin with", async () => {
    const { page, complaints } = await open("/", { ...SHOP, examples: [] });
    await page.locator("#empty", { hasText: "there are 60 items" }).waitFor();
    await page.locator("#query").fill("lamp");
    await settled(page);
    expect((await titles(page))[0]).toContain("lamp");
    expect(complaints).toEqual([]);
  });

  it("finds more like one item, and keeps picks on the shelf, by keyboard alone", async () => {
    const { page, complaints } = await open("/?q=blue%20lamp", SHOP);
    await settled(page);
    await page.locator("#query").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.locator("#toast", { hasText: "blue lamp is among your picks" }).waitFor();
    expect(await page.locator("#shelf .pick img").count()).toBe(1);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("More like blue lamp");
    await page.keyboard.press("Enter");
    await page.locator("#count", { hasText: "more like “blue lamp”" }).waitFor();
    expect(await titles(page)).not.toContain("blue lamp");
    await page.getByRole("button", { name: "More like this", exact: true }).click();
    await page.locator("#count", { hasText: "nearest to your pick" }).waitFor();
    expect(complaints).toEqual([]);
  });

  it("goes by the look of the fields when page.json names none", async () => {
    const { page, complaints } = await open("/?q=red%20mug", { index: "shop" });
    await settled(page);
    const name = await tile(page, "red mug").locator(".tile").getAttribute("aria-label");
    expect(name).toBe("red mug, Aalto & Söhne, 5.00, red. Pick");
    expect(await tile(page, "red mug").locator("img").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("shows titles and texts alone where items have no pictures", async () => {
    const { page, complaints } = await open("/?q=cat", {});
    await settled(page);
    expect(await page.locator(".drawing").count()).toBe(0);
    expect(await page.locator(".tile").first().getAttribute("aria-label")).toBe("cat, emoji, emoji. Pick");
    expect(complaints).toEqual([]);
  });

  it("takes no script, markup or address from a field or from page.json", async () => {
    const hostile = '"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
    const pictures = [
      "javascript:window.hacked=1",
      "data:text/html,<script>1</script>",
      `/x.svg"${hostile}`,
      "//x.y/a.png",
    ];
    const results = pictures.map((photo, i) => {
      const fields = { photo, brand: hostile, price: hostile, colour: [hostile], url: `javascript:window.hacked=${i}` };
      return { id: `x${i}`, score: 1, confidence: 1, matched: [hostile], title: hostile, fields };
    });
    const answer = {
      query: hostile,
      indexVersion: "v",
      k: 60,
      nprobe: 1,
      listsProbed: 1,
      codesScanned: 1,
      confidence: 1,
    };
    const config: PageConfig = {
      ...SHOP,
      title: hostile,
      headline: hostile,
      placeholder: hostile,
      link: "url",
      labels: { brand: hostile, price: hostile },
      examples: [hostile],
    };
    const { page, complaints } = await open("/?q=cat", config, {}, (page) =>
      page.route("**/search?*", (route) => route.fulfill({ json: { ...answer, mode: "hybrid", results } })),
    );
    await page.locator(".tile").nth(3).waitFor();
    for (const one of await page.locator(".tile").all()) await one.click();
    expect(await page.locator("a.tile, script:not([src]), [onerror], #results img:not([src$='.svg'])").count()).toBe(0);
    expect(await page.title()).toBe(hostile);
    expect(await page.evaluate(() => "hacked" in window)).toBe(false);
    expect(complaints.filter((line) => !line.startsWith("Failed to load resource"))).toEqual([]);
  });

  it("says what is wrong with page.json, and searches all the same", async () => {
    const { page, complaints } = await open("/?q=cat", {}, {}, (page) =>
      page.route("**/page.json", (route) => route.fulfill({ json: { imageHosts: ["https://x.example"] } })),
    );
    await settled(page);
    expect(complaints.join()).toMatch(/^page\.json: "imageHosts\[0\]" expected an https host such as /);
    await page.route("**/page.json", (route) => route.fulfill({ status: 404 }));
    await page.reload();
    await settled(page);
  });

  it("opens an item's own page beside this one, and keeps the item", async () => {
    const { page, complaints } = await open("/?q=red%20mug", { ...SHOP, link: "url" });
    await settled(page);
    const link = page.getByRole("link", { name: "red mug, Aalto & Söhne, €5.00, red. Open" });
    expect(await link.getAttribute("href")).toMatch(/^http:\/\/localhost:\d+\/goods\/0$/);
    const [opened] = await Promise.all([page.context().waitForEvent("page"), link.click()]);
    expect(await opened.evaluate(() => window.opener)).toBeNull();
    expect(await page.locator("#shelf .pick").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  it.each([
    [
      "a phone in the dark",
      { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: "dark" },
    ],
    ["a desk", { viewport: { width: 1440, height: 900 } }],
  ] as const)("fits %s, with pictures of one ratio", async (_, options) => {
    const { page } = await open("/?q=lamp", { ...SHOP, imageShape: "portrait" }, options);
    await settled(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0);
    const ratios = await page.locator(".drawing").evaluateAll((all) =>
      all.map((one) => {
        const { width, height } = one.getBoundingClientRect();
        return Math.round((100 * width) / height);
      }),
    );
    expect(new Set(ratios)).toEqual(new Set([67]));
  });

  it("shows the covers of the goodbooks example, or what stands for them", async () => {
    const file = new URL("../../../examples/goodbooks/page.json", import.meta.url);
    const config = JSON.parse(readFileSync(file, "utf8")) as PageConfig;
    const cover = "https://images.gr-assets.com/books/1447303603m/2767052.jpg";
    const { page, complaints } = await open("/?q=mug", { ...config, index: "shop" }, {}, async (page) => {
      await page.route("https://images.gr-assets.com/**", (route) => route.abort());
      await page.route("**/search?*", async (route) => {
        const response = await route.fetch();
        const answer = (await response.json()) as { results: { fields: object }[] };
        for (const result of answer.results) result.fields = { authors: "A. Author", year: 2008, image_url: cover };
        await route.fulfill({ response, json: answer });
      });
    });
    await settled(page);
    await tile(page, "red mug").locator(".initials").waitFor();
    expect(await page.locator(".tile").first().textContent()).toContain("year 2008");
    for (const line of complaints) expect(line).toMatch(/^Failed to load resource/);
  });
});
