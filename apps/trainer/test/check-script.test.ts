/** The check of a deployed search that `poeem init` writes, against a server that answers as the Worker does. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

const SCRIPT = resolve(import.meta.dirname, "../templates/search/scripts/check.mjs");
let folder: string;
let server: Server;
let asked: string[];
/** What the deployed search is like. */
let site: { versions: string[]; popular: string[]; empty: string[]; status: number; token?: string; failures: number };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-check-"));
  await writeFile(join(folder, "published.json"), JSON.stringify({ version: "new", replaced: "old" }));
  asked = [];
  site = { versions: ["new"], popular: ["red mug", "teapot & cup"], empty: [], status: 200, failures: 0 };
  server = createServer((request, response) => {
    const url = new URL(request.url!, "http://localhost");
    const query = url.searchParams.get("q")!;
    asked.push(`${url.pathname} ${query}`);
    const allowed = site.token === undefined || request.headers.authorization === `Bearer ${site.token}`;
    response.statusCode = allowed ? site.status : 401;
    if (url.pathname === "/search" && site.failures-- > 0) response.statusCode = 503;
    const [indexVersion] = site.versions.length > 1 ? site.versions.splice(0, 1) : site.versions;
    const found = site.empty.includes(query) ? [] : [{ id: "1" }];
    const suggestions = site.popular.map((text) => ({ text, items: 1 }));
    response.end(JSON.stringify({ indexVersion, suggestions, results: found }));
  });
  await new Promise<void>((done) => server.listen(0, "localhost", done));
});
afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the script; it waits a second at most. */
function check(environment: NodeJS.ProcessEnv = {}): Promise<{ code: number; output: string }> {
  const address = `http://localhost:${(server.address() as AddressInfo).port}`;
  const env = { ...process.env, CHECK_SECONDS: "1", ...environment };
  return new Promise((done) => {
    execFile(process.execPath, [SCRIPT, address, join(folder, "published.json")], { env }, (error, stdout, stderr) =>
      done({ code: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

it("waits until the new version serves, and asks what people ask most", async () => {
  site.versions = ["old", "old", "new"];
  expect(await check()).toEqual({ code: 0, output: "check: version new serves, 2 searches find something\n" });
  expect(asked).toEqual(["/suggest ", "/suggest ", "/suggest ", "/search red mug", "/search teapot & cup"]);
});

it("says so where there is nothing to ask", async () => {
  site.popular = [];
  const { code, output } = await check();
  expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining("it has no frequent searches to try") });
});

it("fails when the old version goes on serving", async () => {
  site.versions = ["old"];
  const output = "check: version new does not serve after 1 s: version old\n";
  expect(await check()).toEqual({ code: 1, output });
});

it("fails when a search finds nothing", async () => {
  site.empty = ["teapot & cup"];
  expect(await check()).toEqual({ code: 1, output: 'check: "teapot & cup" finds nothing\n' });
});

it.each([
  [2, 0],
  [3, 1],
])("asks twice more what fails: %i failures end with %i", async (failures, code) => {
  site.failures = failures;
  expect((await check()).code).toBe(code);
  expect(asked.filter((one) => one === "/search red mug")).toHaveLength(3);
});

it("fails when the Worker does", async () => {
  site.status = 500;
  const { code, output } = await check();
  expect(code).toBe(1);
  expect(output).toMatch(/^check: version new does not serve after 1 s: \/suggest\?q=&k=12 answered 500: [^\n]*\n$/);
});

it("sends the token where there is one", async () => {
  site.token = "secret";
  expect((await check({ SEARCH_TOKEN: "secret" })).code).toBe(0);
  expect((await check({ SEARCH_TOKEN: "wrong" })).output).toContain("answered 401");
});
