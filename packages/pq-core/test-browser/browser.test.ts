/**
 * pq-core in a real Chromium: the conformance suite, the golden files, and the rankings that Node and workerd give
 * too.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adcConformance } from "../test/conformance.ts";
import { GOLDEN } from "../test/golden.ts";
import type { BrowserRun } from "./page.ts";

const executablePath = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));
const required = process.env["POEEM_BROWSER"] === "required";
const root = join(import.meta.dirname, "..");
const readJson = (path: string): unknown => JSON.parse(readFileSync(join(root, path), "utf8"));

/** Serves the bundled page and the package's own files: WebCrypto, for the chunk hashes, wants a secure context. */
async function serve(): Promise<Server> {
  const bundle = await build({
    entryPoints: [join(root, "test-browser/page.ts")],
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
  });
  const script = bundle.outputFiles[0]!.text;
  const server = createServer(({ url = "/" }, response) => {
    const path = normalize(decodeURI(url));
    if (path === "/page.js") response.setHeader("content-type", "text/javascript").end(script);
    else if (/^\/(wasm|fixtures)\//.test(path) && existsSync(root + path)) response.end(readFileSync(root + path));
    else if (path === "/")
      response
        .setHeader("content-type", "text/html")
        .end('<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>');
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const KERNELS = [
  ["scalar", undefined],
  ["simd", "kernel.wasm"],
  ["relaxed-simd", "kernel-relaxed.wasm"],
] as const;

/** Titles of the conformance suite, so that each case is a test here too, and a case that did not run is missed. */
const titles: string[] = [];
adcConformance({
  name: "scalar",
  makeKernel: () => {
    throw new Error("only the titles are wanted");
  },
  test: (title) => titles.push(title),
});

describe.skipIf(executablePath === undefined && !required)("in Chromium (skipped where none is installed)", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    if (executablePath === undefined)
      throw new Error("POEEM_BROWSER=required, but there is no Chromium: set CHROMIUM to its path");
    server = await serve();
    // No sandbox: it needs rights that a container does not have, and the page is our own.
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    page = await browser.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => "run" in globalThis);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  describe.each(KERNELS)("the %s kernel", (name, file) => {
    let done: BrowserRun;
    beforeAll(async () => {
      done = await page.evaluate(
        ([kernel, path]) =>
          (globalThis as unknown as { run(kernel: unknown, path: unknown): Promise<BrowserRun> }).run(kernel, path),
        [name, file],
      );
    });

    it("runs in a browser that compiles the relaxed build", () => {
      expect(done.userAgent).toContain("Chrome/");
      expect(done.supportsRelaxedSimd).toBe(true);
      expect(Object.keys(done.conformance)).toEqual(titles);
    });

    it.each(titles)("%s", (title) => {
      expect(done.conformance[title]).toBe("");
    });

    it.each(GOLDEN.map(({ folder }) => folder))("reads fixtures/%s", (folder) => {
      expect(done.golden[folder]).toEqual({
        kernel: name,
        ...(readJson(`fixtures/${folder}/expected.json`) as object),
      });
    });

    it("gives the ids and score bits of fixtures/rankings.json, lists resident and paged", () => {
      const expected = readJson("fixtures/rankings.json");
      expect(done.rankings[0]).toEqual(expected);
      expect(done.rankings[1]).toEqual(expected);
    });
  });
});
