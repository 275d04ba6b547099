/** The page in a real Chromium: what a reader does, and what an index must not be able to do. */
import type { Page } from "playwright-core";
import { beforeAll, expect, inject, it } from "vitest";
import { describeBrowser, useBrowser } from "./browser.ts";

describeBrowser("the page", () => {
  const visit = useBrowser();
  let server: { readonly address: string; readonly version: string };
  let page: Page;
  let complaints: string[];
  beforeAll(() => {
    server = inject("server");
  });
  async function open(...wanted: Parameters<typeof visit>): Promise<void> {
    ({ page, complaints } = await visit(...wanted));
  }
  const titles = () => page.locator(".tile .title").allTextContents();
  const firstTitle = () => page.locator(".tile .title").first();
  const settled = () => page.waitForSelector('#results[aria-busy="false"] .tile');
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());

  it("shows an example before anything is typed, and complains of nothing", async () => {
    await open();
    await settled();
    expect(await page.locator("#count").textContent()).toMatch(/^For example: \d+ nearest to “/);
    expect(await page.locator("#headline").textContent()).toBe("75 items found by words and meaning, 8 bytes each");
    expect(complaints).toEqual([]);
  });

  it("goes on to another example where the index has nothing of one", async () => {
    const asked: (string | null)[] = [];
    await open("/", {}, (page) =>
      page.route("**/search?*", async (route) => {
        asked.push(new URL(route.request().url()).searchParams.get("q"));
        const response = await route.fetch();
        const json = (await response.json()) as object;
        return route.fulfill({ response, json: asked.length < 3 ? { ...json, results: [] } : json });
      }),
    );
    await settled();
    expect(asked.length).toBeGreaterThanOrEqual(3);
    expect(new Set(asked).size).toBe(asked.length);
    expect(await page.locator("#count").textContent()).toMatch(/^For example: \d+ nearest to “/);
  });

  it("searches as one types, and keeps the words in the address", async () => {
    await open();
    await page.locator("#query").pressSequentially("birthday cake");
    await page.waitForURL("**/?q=birthday+cake");
    await page.locator("#count", { hasText: "nearest to “birthday cake”" }).waitFor();
    expect((await titles())[0]).toBe("birthday cake");
    expect(await page.locator("#status").textContent()).toMatch(
      new RegExp(`^index ${server.version} · 8 bytes per item · 1 of 1 cells · 75 of 75 items scanned · \\d+ ms$`),
    );
    await page.reload();
    await page.locator("#count", { hasText: "birthday cake" }).waitFor();
    expect(await page.locator("#query").inputValue()).toBe("birthday cake");
    expect(complaints).toEqual([]);
  });

  it("goes by keyboard alone: / to the field, arrows to a tile, Enter copies it, Escape goes back", async () => {
    await open("/?q=rocket");
    await settled();
    await page.locator("h1").click();
    await page.keyboard.press("/");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("query");
    await page.keyboard.press("ArrowDown");
    const focused = () => page.evaluate(() => document.activeElement?.querySelector(".title")?.textContent);
    expect(await focused()).toBe("rocket");
    await page.keyboard.press("Enter");
    await page.locator("#toast", { hasText: "Copied 🚀" }).waitFor();
    expect(await clipboard()).toBe("🚀");
    await page.keyboard.press("ArrowRight");
    expect(await focused()).toBe((await titles())[1]);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    expect(await focused()).toBe((await titles())[1]);
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("query");
  });

  it("offers how the words could go on, in a list that keys and fingers reach while the cursor stays", async () => {
    await open();
    await settled();
    const query = page.getByRole("combobox", { name: "Search" });
    const options = page.locator("#suggestions [role=option]");
    const focused = () => page.evaluate(() => document.activeElement?.id);
    expect(await query.getAttribute("aria-expanded")).toBe("false");
    await query.pressSequentially("birthday ca");
    await page.getByRole("listbox", { name: "Suggestions" }).waitFor();
    expect(await query.getAttribute("aria-expanded")).toBe("true");
    await page.getByRole("option", { name: "birthday cake, 3 items" }).waitFor();
    // A prefix finds something already.
    await page.locator("#count", { hasText: "“birthday ca”" }).waitFor();
    expect((await titles())[0]).toBe("birthday cake");

    const marked = async () => {
      const id = await query.getAttribute("aria-activedescendant");
      return id === null ? null : page.locator(`#${id}`).getAttribute("aria-selected");
    };
    expect(await marked()).toBeNull();
    await page.keyboard.press("ArrowDown");
    expect(await marked()).toBe("true");
    await page.keyboard.press("ArrowUp");
    expect(await marked()).toBeNull();
    await page.keyboard.press("Escape");
    expect(await query.getAttribute("aria-expanded")).toBe("false");
    expect(await query.inputValue()).toBe("birthday ca");
    expect(await focused()).toBe("query");

    await query.pressSequentially("k");
    await options.first().waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(await query.inputValue()).toBe("birthday cake");
    expect(await page.getByRole("listbox").count()).toBe(0);
    expect(await focused()).toBe("query");
    await page.locator("#count", { hasText: "nearest to “birthday cake”" }).waitFor();

    await query.fill("roc");
    await options.filter({ hasText: "rocket" }).first().click();
    expect(await query.inputValue()).toBe("rocket");
    expect(await focused()).toBe("query");
    await query.fill("roc");
    await options.first().waitFor();
    await page.keyboard.press("Tab");
    expect(await page.getByRole("listbox").count()).toBe(0);
    await query.focus();
    await page.keyboard.press("Escape");
    expect(await query.inputValue()).toBe("");
    expect(complaints).toEqual([]);
  });

  it("shows no list after Enter, nor when no index has words", async () => {
    await open("/", {}, (page) =>
      page.route("**/suggest?*", async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        await route.continue().catch(() => undefined);
      }),
    );
    await settled();
    await page.locator("#query").pressSequentially("roc");
    await page.waitForTimeout(150);
    await page.keyboard.press("Enter");
    await page.waitForTimeout(600);
    expect(await page.locator("#suggestions [role=option]").count()).toBe(0);
    await page.unroute("**/suggest?*");
    await page.route("**/suggest?*", (route) => route.fulfill({ status: 400, json: {} }));
    await page.locator("#query").fill("ro");
    await page.locator("#count", { hasText: "“ro”" }).waitFor();
    await page.waitForTimeout(200);
    expect(await page.locator("#suggestions [role=option]").count()).toBe(0);
  });

  it("marks the words that were found, whatever their case", async () => {
    await open("/?q=BIRTHDAY%20cake");
    await settled();
    const first = page.locator(".tile .title").first();
    expect(await first.locator("mark").allTextContents()).toEqual(["birthday", "cake"]);
    expect(await first.textContent()).toBe("birthday cake");
  });

  it("says when nothing quite matches, and when nothing is found", async () => {
    await open("/?q=starboard%20xylophone");
    await page.locator("#count", { hasText: "Nothing quite matches “starboard xylophone”" }).waitFor();
    await page.locator("#query").fill("qqqqzzzz");
    await page.locator("#count", { hasText: "Nothing found for “qqqqzzzz”" }).waitFor();
    expect(await titles()).toEqual([]);
  });

  it("copies an icon as an SVG file that stands alone", async () => {
    await open("/?q=camera%20outline");
    await page.getByRole("button", { name: "camera outline, tabler. Copy" }).click();
    await page.locator("#toast", { hasText: "Copied SVG of camera outline" }).waitFor();
    const root = await page.evaluate(async () => {
      const file = new DOMParser().parseFromString(
        await navigator.clipboard.readText(),
        "image/svg+xml",
      ).documentElement;
      return {
        name: file.nodeName,
        viewBox: file.getAttribute("viewBox"),
        paths: [...file.children].map((path) => [path.getAttribute("d"), path.getAttribute("fill")]),
      };
    });
    expect(root).toEqual({
      name: "svg",
      viewBox: "0 0 24 24",
      paths: [
        ["M4 4h16v16h-16Z", null],
        ["M12 8h.01", "currentColor"],
      ],
    });
  });

  it("finds more like what was picked, without it, and forgets it again", async () => {
    await open("/?q=cat");
    await firstTitle().filter({ hasText: /^cat$/ }).click();
    await page.getByRole("button", { name: "More like this" }).click();
    await page.locator("#count", { hasText: "nearest to your pick" }).waitFor();
    expect(await titles()).not.toContain("cat");
    expect((await titles()).slice(0, 4).join()).toContain("cat ");
    await firstTitle().click();
    await page.getByRole("button", { name: "More like these" }).click();
    await page.locator("#count", { hasText: "nearest to your 2 picks" }).waitFor();
    await page.locator(".pick").first().click();
    await page.locator(".pick").first().click();
    await page.locator("#count", { hasText: "For example" }).waitFor();
    expect(await page.locator("#shelf").isVisible()).toBe(false);
  });

  it("filters by what the index can be filtered by", async () => {
    await open("/?q=cat");
    await settled();
    expect(await page.locator("#filters select").count()).toBe(2);
    await page.getByLabel("Filter by Art (€)").selectOption("emoji");
    await page.locator("#count", { hasText: "25 nearest" }).waitFor();
    await page.getByLabel("Filter by set").selectOption("mdi");
    await page.locator("#count", { hasText: "passes the filter" }).waitFor();
    expect(await titles()).toEqual([]);
  });

  it("never shows the answer to an older question", async () => {
    await open("/", {}, async (page) => {
      await page.route("**/search?q=cat*", async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 600));
        await route.continue().catch(() => undefined);
      });
    });
    await settled();
    await page.locator("#query").fill("cat");
    await page.waitForTimeout(150);
    await page.locator("#query").fill("dog");
    await page.locator("#count", { hasText: "nearest to “dog”" }).waitFor();
    await page.waitForTimeout(900);
    expect(await page.locator("#count").textContent()).toContain("“dog”");
    expect((await titles())[0]).toBe("dog");
  });

  it("says what the server says when there is no index, and what to do when there is no server", async () => {
    await open("/?q=cat", {}, (page) =>
      page.route("**/search?*", (route) =>
        route.fulfill({
          status: 503,
          contentType: "application/problem+json",
          body: JSON.stringify({ detail: "No index has been published" }),
        }),
      ),
    );
    await page.getByRole("alert").filter({ hasText: "No index has been published" }).waitFor();
    await page.unroute("**/search?*");
    await page.route("**/search?*", (route) => route.abort());
    await page.locator("#query").fill("dog");
    await page.getByRole("alert").filter({ hasText: "The server cannot be reached" }).waitFor();
    await page.unroute("**/search?*");
    await page.locator("#query").fill("sun");
    await settled();
    expect(await page.getByRole("alert").isVisible()).toBe(false);
  });

  it("draws a hostile index as text or not at all", async () => {
    const hostile = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
    const fields = [
      { glyph: hostile },
      { svg: `24s M0 0"/>${hostile}` },
      { svg: `24s M0 0|${hostile}` },
      { svg: hostile },
      { glyph: 7, svg: [1], set: hostile, category: hostile },
    ];
    const results = fields.map((field, i) => ({
      id: `x${i}`,
      score: 1,
      confidence: 1,
      matched: ["script", "img", hostile],
      title: hostile,
      fields: field,
    }));
    const answer = { k: 60, nprobe: 1, listsProbed: 1, codesScanned: 1, mode: "hybrid", confidence: 1 };
    await open("/?q=cat", {}, (page) =>
      page.route("**/search?*", (route) =>
        route.fulfill({
          json: { ...answer, query: hostile, indexVersion: hostile, results },
        }),
      ),
    );
    await page.locator(".tile").nth(4).waitFor();
    expect(await page.locator("#results img, #results script, #count img").count()).toBe(0);
    await page.locator(".tile").first().hover();
    expect(await page.locator(".tile .title").first().textContent()).toBe(hostile);
    expect(await page.evaluate(() => "hacked" in window)).toBe(false);
    expect(complaints).toEqual([]);
  });

  it.each([
    ["a phone", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme: "dark" }],
    ["a desk", { viewport: { width: 1440, height: 900 }, colorScheme: "light" }],
  ] as const)("fits %s, and names every tile for a screen reader", async (_, options) => {
    await open("/?q=cat", options);
    await settled();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0);
    const dark = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    expect(dark).toBe(options.colorScheme === "dark" ? "rgb(20, 21, 26)" : "rgb(251, 250, 248)");
    const names = await page
      .locator(".tile")
      .evaluateAll((tiles) => tiles.map((tile) => tile.getAttribute("aria-label")));
    expect(names.length).toBe(60);
    for (const name of names) expect(name).toMatch(/^.+, (emoji|tabler|mdi)\. Copy$/);
    expect(await page.locator('.tile[tabindex="0"]').count()).toBe(1);
    await page.locator("#query").pressSequentially("er");
    await page.locator("#query").fill("sho");
    await page.locator("#suggestions [role=option]").first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBe(0);
    const list = await page.locator("#suggestions").boundingBox();
    expect(list!.x).toBeGreaterThanOrEqual(0);
    expect(list!.x + list!.width).toBeLessThanOrEqual(options.viewport.width);
    for (const selector of ["#count[aria-live=polite]", "#toast[aria-live=polite]", "#message[role=alert]"])
      expect(await page.locator(selector).count()).toBe(1);
  });

  it("sends the policy that keeps all of this true, with every file", async () => {
    for (const path of ["/", "/page.js", "/page.css", "/reference"]) {
      const { headers } = await fetch(server.address + path);
      expect(headers.get("content-security-policy"), path).toContain("default-src 'none'; script-src 'self'");
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
    }
  });

  it("has a reference that lists every path", async () => {
    await open("/reference");
    await page.locator("#operations[aria-busy=false]").waitFor();
    const headings = await page.locator("h2").allTextContents();
    for (const heading of [
      "GET /search",
      "POST /search",
      "GET /suggest",
      "GET /items/{id}",
      "GET /facets",
      "GET /version",
    ])
      expect(headings).toContain(heading);
    expect(complaints).toEqual([]);
  });
});
