/** The server of Node, on ports of its own, from folders as `poeem train` and `poeem encode` write them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { UserError } from "@poeem/offline/errors";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { openArtifact, scalarKernel } from "@poeem/pq-core";
import { chunkKey, pointerKey } from "@poeem/pq-core/kv";
import { writeDelta } from "@poeem/pq-core/write";
import { Hono } from "hono";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { createApp } from "../src/app.ts";
import { failureKindOf } from "../src/index/failures.ts";
import {
  folderStore,
  type IndexServer,
  openAiEmbeddings,
  PortInUseError,
  type ServeOptions,
  serveIndex,
} from "../src/node/index.ts";
import { pageFiles } from "../src/site/files.ts";
import { openAiStandIn } from "../test/encoder-stand-ins.ts";
import { bruteForce, type Fixture, makeFixture, makeShop, nlist } from "../test/fixture.ts";
import { shopTitle, wordFacts } from "../test/word-fixture.ts";

const root = mkdtempSync(join(tmpdir(), "edge-node-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const [books, films, shop] = await Promise.all([makeFixture(1), makeFixture(2), makeShop(3)]);
/** The shop with its pages in tables. */
const tables = await makeShop(3, 300, undefined, wordFacts, { cellsPerPage: 2 });
let folders = 0;

/** A new index folder. */
async function folderOf({ artifact }: Fixture): Promise<string> {
  const folder = join(root, String(folders++));
  await writeIndexDirectory(folder, artifact);
  return folder;
}

const servers: IndexServer[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** A server on a free port, and what it answers. */
async function serve(directory: ServeOptions["directory"], options: Partial<ServeOptions> = {}) {
  const server = await serveIndex({ directory, port: 0, variables: {}, ...options });
  servers.push(server);
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${server.address}${path}`, { redirect: "manual", ...init });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      text,
      // biome-ignore lint/suspicious/noExplicitAny: bodies are checked member by member
      body: (isJson && text !== "" ? JSON.parse(text) : null) as any,
    };
  };
  return { server, get };
}

/** A server as those of OpenAI's kind are, and an index for it. */
async function serveEncoder() {
  const columns = [{ name: "vec", encoder: "own", length: 8 }];
  const shop = await makeFixture(6, 300, undefined, 4, shopTitle, wordFacts, 0, { columns, isAlone: true });
  vi.stubEnv("EMBED_KEY", "sk-secret");
  const { asked, fetch } = openAiStandIn(8, "sk-secret");
  const server = createServer(async (request, response) => {
    const { method, headers, url } = request;
    const init = { method, headers: headers as Record<string, string>, body: await text(request) };
    const answer = await fetch(`http://localhost${url}`, init as RequestInit);
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const encoder = openAiEmbeddings({ url: address, model: "m", name: "own", length: 8, key: "EMBED_KEY" });
  const close = () =>
    new Promise<void>((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  return {
    ...{ encoder, shop, address, close },
    get asked() {
      return asked.map(({ body }) => body["input"]);
    },
  };
}

const search = (q: string) => `/search?${new URLSearchParams({ q, k: "10", nprobe: String(nlist) })}`;

describe("a server of an index folder", () => {
  it("answers as brute force does, with Node's kernel", async () => {
    const { get } = await serve(await folderOf(books));
    for (const q of ["birthday cake", "誕生日"]) {
      const { status, headers, body } = await get(search(q));
      expect(status).toBe(200);
      expect(headers.get("cache-control")).toBe("public, max-age=30, s-maxage=30");
      const expected = bruteForce(books, q, 10);
      for (const [rank, { score }] of body.results.entries()) expect(score).toBeCloseTo(expected[rank]!.score, 4);
    }
    const { body } = await get("/version");
    expect(body.index).toMatchObject({ name: "current", version: books.artifact.version });
    expect(body.index.kernel).not.toBe("scalar");
  });

  it.each([shop, tables])("has every route of the Worker", async (shop) => {
    const { get } = await serve(await folderOf(shop));
    expect((await get("/suggest?q=red%20ja")).body.suggestions[0].text).toBe("red jacket");
    expect((await get("/items/item:3")).body.id).toBe("item:3");
    expect((await get("/facets")).body.facets).toBeDefined();
    expect((await get("/readyz")).body).toEqual({ status: "ready", indexVersion: shop.artifact.version });
    expect((await get("/openapi.json")).body.openapi).toBe("3.1.0");
    const post = { method: "POST", headers: { "content-type": "application/json" }, body: '[{"q":"cake","k":1}]' };
    expect((await get("/search", post)).body[0].results).toHaveLength(1);
    expect((await get("/search?q=cake", { method: "HEAD" })).text).toBe("");
    expect((await get("/search", { method: "DELETE" })).headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS");
    expect((await get("/nowhere")).body.type).toBe("urn:poeem-edge:problem:not-found");
    expect((await get(`/search?q=${"a".repeat(33_000)}`)).body.type).toBe("urn:poeem-edge:problem:uri-too-long");
    const etag = (await get("/search?q=cake")).headers.get("etag")!;
    expect((await get("/search?q=cake", { headers: { "if-none-match": etag } })).status).toBe(304);
  });

  it("asks an encoder over HTTP, with the key of the environment, and does without it when it is gone", {
    timeout: 60_000,
  }, async () => {
    const upstream = await serveEncoder();
    const { encoder, shop, close } = upstream;
    const { get } = await serve(await folderOf(shop), { encoder });
    const ask = async (q: string) => (await get(search(q))).headers.get("x-poeem-fallback");
    expect([await ask("red jacket"), await ask("red jacket"), await ask("lamp")]).toEqual([null, null, null]);
    // The second one comes from the cache of the process.
    expect(upstream.asked).toEqual([["red jacket"], ["lamp"]]);
    await close();
    expect([await ask("red jacket"), await ask("green jacket")]).toEqual([null, "encoder"]);
  });

  it("does not start with another encoder than its index names, nor without the key of one", async () => {
    const { shop, address, close } = await serveEncoder();
    await close();
    const other = openAiEmbeddings({ url: address, model: "m", name: "another", length: 8 });
    await expect(serve(await folderOf(shop), { encoder: other })).rejects.toThrow(
      'input "vec", expected encoder "own", got "another": give the Worker that encoder, or train for this one',
    );
    const keyless = openAiEmbeddings({ url: address, model: "m", name: "own", length: 8, key: "NO_SUCH_KEY" });
    await expect(serve(await folderOf(shop), { encoder: keyless })).rejects.toThrow(
      new UserError("[edge] secret NO_SUCH_KEY expected a key of visible ASCII characters, got undefined"),
    );
  });

  it("takes over a version that is written into the folder, and what is written beside it", async () => {
    const folder = await folderOf(books);
    const { get } = await serve(folder, { refreshMs: 1 });
    expect((await get(search("cake"))).body.indexVersion).toBe(books.artifact.version);
    await writeIndexDirectory(folder, films.artifact);
    const changed = async () => (await get(search("cake"))).body.indexVersion === films.artifact.version;
    await vi.waitUntil(changed, { timeout: 20_000 });
    const { body } = await get(search("birthday cake"));
    const expected = bruteForce(films, "birthday cake", 10);
    for (const [rank, { score }] of body.results.entries()) expect(score).toBeCloseTo(expected[rank]!.score, 4);
  });

  it("keeps the old version, and says why, when the new one is damaged", async () => {
    const folder = await folderOf(books);
    const logged: string[] = [];
    const { get } = await serve(folder, { refreshMs: 1, log: (entry) => logged.push(JSON.stringify(entry)) });
    writeFileSync(join(folder, "manifest.json"), "{");
    const failed = async () => (await get(search("cake"))).headers.get("index-refresh-failure");
    // A client learns what kind of failure it is; where, the log says.
    expect(await vi.waitUntil(failed, { timeout: 20_000 })).toMatch(/^\w+ since [-\d:TZ.]+$/);
    expect(logged.join()).toContain(`${folder}: [pq-core] manifest`);
    expect(await get(search("cake"))).toMatchObject({ status: 200, body: { indexVersion: books.artifact.version } });
  });

  it("serves changes of poeem encode over the folder", async () => {
    const chunks = new Map(books.artifact.chunks.map(({ key, bytes }) => [key, bytes]));
    const source = { get: async (key: string) => chunks.get(key)! };
    const index = await openArtifact(source, books.artifact.manifestBytes, { kernel: scalarKernel });
    const changes = await writeDelta(index, { remove: ["item:7"] });
    const delta = join(root, "changes");
    await writeIndexDirectory(delta, changes);
    const { get } = await serve({ current: { directory: await folderOf(books), delta } });
    expect((await get("/items/item:7")).status).toBe(404);
    expect((await get("/items/item:8")).status).toBe(200);
    expect((await get("/version")).body.index.version).toBe(changes.version);
  });

  it("serves several folders by their names, and one that memory does not keep whole", async () => {
    const directory = { current: await folderOf(books), films: await folderOf(films) };
    const least = 8 * 1024 * 1024;
    for (const maxIndexBytes of [undefined, least]) {
      const { get } = await serve(directory, { ...(maxIndexBytes && { maxIndexBytes }) });
      expect((await get(search("cake"))).body.indexVersion).toBe(books.artifact.version);
      const { body } = await get(`${search("cake")}&index=films`);
      expect(body.indexVersion).toBe(films.artifact.version);
      expect(body.results[0].score).toBeCloseTo(bruteForce(films, "cake", 1)[0]!.score, 4);
      expect((await get(`${search("cake")}&index=unknown`)).status).toBe(404);
    }
  });

  it("serves the page with its headers", async () => {
    const page = await pageFiles({ title: "My shop", imageHosts: ["images.example.com"] });
    const { get } = await serve(await folderOf(books), { page });
    const home = await get("/");
    expect(home.text).toContain("<title>My shop");
    expect(home.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(home.headers.get("content-security-policy")).toContain("https://images.example.com");
    expect((await get("/page.js")).headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect((await get("/reference")).status).toBe(200);
    expect((await get("/_headers")).status).toBe(404);
    const etag = home.headers.get("etag")!;
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, `"other",W/${etag}`, "*"])
      expect((await get("/", { headers: { "if-none-match": tags } })).status, tags).toBe(304);
    for (const tags of ['"other"', etag.slice(1, -1)])
      expect((await get("/", { headers: { "if-none-match": tags } })).status, tags).toBe(200);
    expect((await get("/", { method: "HEAD" })).text).toBe("");
    expect((await get("/", { method: "POST" })).status).not.toBe(200);
    expect((await get(search("cake"))).headers.get("content-security-policy")).toContain("default-src 'none'");
  });

  it("takes routes, hooks and variables of one's own", async () => {
    const { get } = await serve(await folderOf(books), {
      variables: { CORS_ORIGINS: "https://shop.example.com" },
      routes: (app) => app.get("/hello", (c) => c.text(c.env.incoming.method ?? "")),
      hooks: { authorize: ({ request }) => request.headers.get("x-user") === "ann" },
    });
    expect((await get("/hello")).text).toBe("GET");
    expect((await get(search("cake"))).status).toBe(401);
    const headers = { "x-user": "ann", origin: "https://shop.example.com" };
    const allowed = await get(search("cake"), { headers });
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://shop.example.com");
  });
});

it("lets hooks and routes read the body of a POST", async () => {
  const body = '{ "q":  "cake" }';
  const { get } = await serve(await folderOf(books), {
    routes: (app) => app.use(async (c, next) => ((await c.req.text()) === body ? next() : c.text("no", 400))),
    hooks: {
      authorize: async ({ request }) => (await request.text()) === body,
      beforeSearch: async (asked, { request }) => ({ ...asked, k: (await request.text()) === body ? 1 : 2 }),
    },
  });
  const headers = { "content-type": "application/json" };
  expect((await get("/search", { method: "POST", headers, body })).body.results).toHaveLength(1);
});

describe("a server that cannot start says why in one line, and leaves nothing behind", () => {
  const fails = async (options: Parameters<typeof serve>) => {
    const error = await serve(...options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(UserError);
    const { message } = error as UserError;
    expect(message).not.toContain("\n");
    return message;
  };

  it("a folder without an index, and none at all", async () => {
    expect(await fails([root])).toBe(`no index in ${root}: manifest.json not found; \`poeem train\` makes one`);
    expect(await fails([join(root, "none")])).toMatch(/^no index in .*none: manifest\.json not found/);
  });

  it("an index of a newer format", async () => {
    const folder = await folderOf(books);
    const manifest = JSON.parse(new TextDecoder().decode(books.artifact.manifestBytes)) as { formatVersion: number };
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ ...manifest, formatVersion: 99 }));
    const message = await fails([folder]);
    expect(message).toContain(folder);
    expect(message).toMatch(/format.*99/i);
  });

  it.each(["codebook", "lists", "items", "words", "postings", "lookup", "filters", "query-tower"])(
    "an index with damaged %s, or without",
    async (kind) => {
      const { key } = shop.artifact.chunks.find((chunk) => chunk.key.startsWith(kind))!;
      for (const damage of [(path: string) => truncateSync(path, 5), (path: string) => rmSync(path)]) {
        const folder = await folderOf(shop);
        damage(join(folder, key));
        expect(await fails([folder])).toContain(folder);
      }
    },
  );

  it("a FIFO in the place of a file, which nobody writes to, and a manifest of 1.5 GB", async () => {
    for (const file of ["manifest.json", books.artifact.chunks[0]!.key]) {
      const folder = await folderOf(books);
      rmSync(join(folder, file));
      execFileSync("mkfifo", [join(folder, file)]);
      expect(await fails([folder])).toMatch(/expected a file, got a FIFO/);
    }
    const folder = await folderOf(books);
    truncateSync(join(folder, "manifest.json"), 1.5 * 1024 ** 3);
    expect(await fails([folder])).toMatch(/manifest\.json expected at most 8388608 bytes, got 1610612736/);
  });

  it("a manifest that is none", async () => {
    const folder = await folderOf(books);
    writeFileSync(join(folder, "manifest.json"), '{"name":"a web page"}');
    expect(await fails([folder])).toContain(`${folder}: [pq-core] manifest`);
  });

  it.each([
    [{ SEARCH_TOKENS: "books=abc" }, "variable SEARCH_TOKENS expected tokens of indexes that are served: current, got"],
    [{ INDEXES: "books" }, 'variable INDEXES expected names of indexes that are served: current, got "books"'],
  ])("settings of an index that it has not: %j", async (variables, message) => {
    await expect(serve(await folderOf(books), { variables })).rejects.toThrow(message);
  });

  it("a port in use, which another server keeps", async () => {
    const other = createServer((_, response) => response.end("other"));
    await new Promise<void>((listening) => other.listen(0, "localhost", listening));
    const { port } = other.address() as AddressInfo;
    const folder = await folderOf(books);
    expect(await fails([folder, { port }])).toBe(`port ${port} of localhost is in use: choose another one`);
    await expect(serve(folder, { port })).rejects.toBeInstanceOf(PortInUseError);
    expect(await (await fetch(`http://localhost:${port}`)).text()).toBe("other");
    other.close();
  });

  it.each([Number.NaN, -1, 65_536, 80.5])("port %s", async (port) => {
    expect(await fails([root, { port }])).toBe(`port: expected a whole number from 0 to 65535, got ${port}`);
  });

  it("a host that is not of this machine", async () => {
    const folder = await folderOf(books);
    expect(await fails([folder, { host: "192.0.2.1" }])).toBe(
      "host: expected a name or an address of this machine, got 192.0.2.1",
    );
  });

  it.each([
    [{ LOG: "loud" }, 'LOG expected "all" or "errors", got "loud"'],
    [{ CORS_ORIGINS: "bad" }, 'CORS_ORIGINS expected origins such as https://example.com, got "bad"'],
    [{ CANARY_SHARE: "2" }, 'CANARY_SHARE expected a number from 0 to 1, got "2"'],
    [{ INDEXES: "A" }, 'INDEXES expected names of 1 to 40 of the characters a-z, 0-9 and -, got "A"'],
    [{ INDEXES: "" }, 'INDEXES expected names of 1 to 40 of the characters a-z, 0-9 and -, got ""'],
    [{ CORS_ORIGINS: "" }, 'CORS_ORIGINS expected origins such as https://example.com, got ""'],
    [{ LIMITS: "k=2000" }, "LIMITS, k, expected a whole number from 10 to 1000, got 2000"],
    [{ LIMITS: "" }, 'LIMITS expected name=number, separated by commas, got ""'],
    [{ CANARY_SHARE: "" }, 'CANARY_SHARE expected a number from 0 to 1, got ""'],
    [{ SEARCH_TOKENS: "a,,b" }, "SEARCH_TOKENS expected tokens of visible ASCII characters, got an empty one"],
    [{ SEARCH_TOKENS: "" }, "SEARCH_TOKENS expected bearer tokens separated by commas, or not to be set, got none"],
  ])("a variable that means nothing, given or of the environment: %j", async (variables, message) => {
    expect(await fails([root, { variables }])).toBe(`[edge] variable ${message}`);
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    expect(await fails([root, { variables: undefined as never }])).toBe(`[edge] variable ${message}`);
    vi.unstubAllEnvs();
  });

  it("an option that is not what was expected", async () => {
    expect(await fails([root, { config: { tokens: [""] } }])).toContain('"tokens" expected');
    expect(await fails([root, { config: () => ({ tokens: [""] }) }])).toContain('"tokens" expected');
    expect(await fails([root, { refreshMs: 0 }])).toBe('[edge] "refreshMs" expected a number from 1, got 0');
  });
});

it("a file that is gone from a folder is missing, not unreadable", async () => {
  const folder = await folderOf(books);
  const store = folderStore(folder);
  await store.getText(pointerKey("current"));
  const { key } = books.artifact.manifest.chunks[0]!;
  rmSync(join(folder, key));
  const error = await store.getBytes(chunkKey(key)).catch((error: unknown) => error);
  expect(failureKindOf(error)).toBe("missing");
});

it("closes only when the answers under way are out", async () => {
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
  const { promise: goOn, resolve: letGo } = Promise.withResolvers<void>();
  const beforeSearch = async () => {
    isAsked();
    await goOn;
  };
  const { server, get } = await serve(await folderOf(books), { hooks: { beforeSearch } });
  const answer = get(search("cake"));
  await asked;
  const closed = server.close();
  letGo();
  expect((await answer).status).toBe(200);
  await closed;
  await expect(fetch(server.address)).rejects.toThrow();
});

it("mounts in a Hono app of one's own, where nothing keeps a request alive", async () => {
  const folder = await folderOf(books);
  const app = new Hono().route("/retrieval", createApp({ store: () => folderStore(folder) }));
  const response = await app.request(`/retrieval${search("cake")}`);
  expect(response.status).toBe(200);
  expect((await response.json()) as object).toMatchObject({ indexVersion: books.artifact.version });
});
