/** Workers as others write them, on createWorker and createApp, inside workerd on real bindings. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { scalarKernel } from "@poeem/pq-core";
import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { beforeAll, describe, expect, expectTypeOf, it, vi } from "vitest";
import {
  createApp,
  createWorker,
  type HookContext,
  type Hooks,
  kvStore,
  type LogEntry,
  Problem,
  parseFilter,
  r2Store,
  type SearchRequest,
  type SearchResponse,
  type Store,
  type Worker,
} from "../src/index.ts";
import { bruteForce, type Fixture, makeFixture, nlist, publish, setOf } from "./fixture.ts";

interface OwnEnv {
  readonly CATALOGUE: KVNamespace;
  readonly BUCKET: R2Bucket;
}

const store = ({ CATALOGUE }: OwnEnv): Store => kvStore(CATALOGUE);
let books: Fixture;
let films: Fixture;

beforeAll(async () => {
  [books, films] = await Promise.all([makeFixture(41), makeFixture(42)]);
  await publish(env.CATALOGUE, books);
  await publish(env.CATALOGUE, films, undefined, "films");
  await publish({ put: async (key, value) => void (await env.BUCKET.put(key, value)), delete: vi.fn() }, films);
});

/** Asks a Worker as the platform does. */
async function ask<Env>(worker: Worker<Env>, path: string, init?: RequestInit, bindings: Env = env as unknown as Env) {
  const ctx = createExecutionContext();
  const response = await worker.fetch(new Request(`https://own.test${path}`, init), bindings, ctx);
  await waitOnExecutionContext(ctx);
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  // biome-ignore lint/suspicious/noExplicitAny: bodies are checked member by member
  return { status: response.status, headers: response.headers, text, body: (isJson ? JSON.parse(text) : null) as any };
}

const search = (q = "birthday cake") => `/search?${new URLSearchParams({ q, nprobe: String(nlist) })}`;
const post = (body: unknown) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

/** The answer is what brute force over this index gives. */
function expectAnswerOf(fixture: Fixture, body: SearchResponse, q = "birthday cake"): void {
  expect(body.indexVersion).toBe(fixture.artifact.version);
  const expected = bruteForce(fixture, q, body.k);
  for (const [rank, { score }] of body.results.entries()) expect(score).toBeCloseTo(expected[rank]!.score, 4);
}

describe("stores", () => {
  it("serves from KV under another name, from R2 and from two verbs of one's own", async () => {
    expectAnswerOf(books, (await ask(createWorker({ store }), search())).body);
    expectAnswerOf(films, (await ask(createWorker({ store: ({ BUCKET }: OwnEnv) => r2Store(BUCKET) }), search())).body);
    const read: Store = {
      getText: (key) => env.CATALOGUE.get(key),
      getBytes: async (key) => new Uint8Array((await env.CATALOGUE.get(key, "arrayBuffer"))!),
    };
    expectAnswerOf(books, (await ask(createWorker({ store: () => read }), search())).body);
  });

  it("says what it misses: a binding, an index, a value", async () => {
    await expect(ask(createWorker(), search(), {}, {} as never)).rejects.toThrow(
      "[edge] binding INDEX expected a KV namespace, got none: add it to wrangler.jsonc, or give createWorker a store",
    );
    const logged: LogEntry[] = [];
    const log = (entry: LogEntry) => logged.push(entry);
    const empty = createWorker({ log, store: () => ({ getText: async () => null, getBytes: async () => null }) });
    expect((await ask(empty, search())).body.detail).toBe("No index has been published yet. Run: poeem publish");
    expect(JSON.stringify(logged)).toContain('the store has no key \\"index/current\\"');
    const hollow = createWorker({
      log,
      store: ({ BUCKET }: OwnEnv) => ({ ...r2Store(BUCKET), getBytes: (key) => r2Store(BUCKET).getBytes(`${key}?`) }),
    });
    expect(await ask(hollow, search())).toMatchObject({ status: 503 });
    expect(JSON.stringify(logged)).toContain('R2 has no key \\"chunk/manifest-');
  });

  it("tells a bucket that hangs from one that answers, and tries a failed read again", async () => {
    const hangs = r2Store({ get: () => new Promise(() => {}) }, 20);
    await expect(hangs.getText("index/current")).rejects.toThrow(
      '[edge] R2 key "index/current" did not come within 20 ms',
    );
    let failures = 1;
    const shaky = r2Store({
      get: async (key) => {
        if (failures-- > 0) throw new Error("reset");
        return env.BUCKET.get(key);
      },
    });
    const [{ key }] = (await env.BUCKET.list({ prefix: "chunk/", limit: 1 })).objects as [R2Object];
    expect((await shaky.getBytes(key))!.length).toBeGreaterThan(0);
    expect(await r2Store(env.BUCKET).getBytes("chunk/none")).toBeNull();
    expect(await r2Store(env.BUCKET).getText("index/none")).toBeNull();
  });
});

describe("routes and middleware of one's own", () => {
  const worker = createWorker({
    store,
    routes: (app) => {
      app.use("/admin/*", basicAuth({ username: "ann", password: "secret" }));
      app.use("*", async (c, next) => {
        await next();
        c.header("X-Shop", "own");
      });
      app.get("/admin/keys", async (c) => c.json((await c.env.CATALOGUE.list()).keys.length));
      app.get("/facets", (c) => c.text("mine"));
      app.get("/broken", () => {
        throw new Error("mine too");
      });
    },
  });

  it("come first, with bindings, their own errors and everything around the retrieval routes", async () => {
    expect(await ask(worker, "/admin/keys")).toMatchObject({ status: 401, body: null });
    const headers = { authorization: `Basic ${btoa("ann:secret")}` };
    expect((await ask(worker, "/admin/keys", { headers })).body).toBeGreaterThan(5);
    expect((await ask(worker, "/facets")).text).toBe("mine");
    expect(await ask(worker, "/broken")).toMatchObject({ status: 500, body: null });
    const answer = await ask(worker, search());
    expectAnswerOf(books, answer.body);
    expect(answer.headers.get("x-shop")).toBe("own");
  });

  it("may let in some and not others: no shared cache keeps what they let through", async () => {
    const open = createWorker({ store });
    const scope = async (own: Worker<OwnEnv>, path: string, headers = {}) =>
      (await ask(own, path, { headers })).headers.get("cache-control")!.split(",")[0];
    for (const path of [search(), "/items/item:1", "/facets", "/openapi.json"]) {
      expect(await scope(open, path), path).toBe("public");
      for (const headers of [{ authorization: "Basic YTpi" }, { cookie: "session=1" }])
        expect(await scope(open, path, headers), path).toBe("private");
      const behind = createWorker({ store, routes: (app) => app.use(async (_, next) => next()) });
      expect(await scope(behind, path), path).toBe("private");
    }
  });

  it("leave what they do not answer to the retrieval routes, errors included", async () => {
    expect(await ask(worker, "/nowhere")).toMatchObject({
      status: 404,
      body: { type: "urn:poeem-edge:problem:not-found" },
    });
    const refused = await ask(worker, "/search", { method: "DELETE" });
    expect(refused).toMatchObject({ status: 405, body: { type: "urn:poeem-edge:problem:method-not-allowed" } });
    expect(refused.headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS");
    expectAnswerOf(books, (await ask(worker, "/search", post({ q: "birthday cake", nprobe: nlist }))).body);
    const etag = (await ask(worker, search())).headers.get("etag")!;
    expect((await ask(worker, search(), { headers: { "if-none-match": etag } })).status).toBe(304);
  });
});

describe("hooks", () => {
  it("authorize guards what answers from the index, and fails closed", async () => {
    const guarded = [search(), "/suggest?q=a", "/items/item:1", "/facets"];
    for (const refusal of [false, undefined, null, "yes", 1, {}] as unknown as boolean[]) {
      const worker = createWorker({ store, hooks: { authorize: async () => refusal } });
      for (const path of guarded)
        expect(await ask(worker, path), path).toMatchObject({
          status: 401,
          body: { type: "urn:poeem-edge:problem:unauthorized" },
        });
      expect((await ask(worker, "/search", post({ q: "cake" }))).status).toBe(401);
      expect((await ask(worker, "/readyz")).status).toBe(200);
    }
    const throws = createWorker({
      store,
      log: vi.fn(),
      hooks: {
        authorize: () => {
          throw new Error("no key");
        },
      },
    });
    expect((await ask(throws, search())).status).toBe(500);
  });

  it("authorize decides by the request and the bindings, and may answer itself", async () => {
    const worker = createWorker({
      store,
      hooks: {
        authorize: async ({ request, env: bindings, requestId }) => {
          expect(requestId).toMatch(/^[\w-]+$/);
          if (request.headers.get("x-user") === "bob") return Response.redirect("https://own.test/login", 303);
          return (await bindings.CATALOGUE.get("index/current")) !== null && request.headers.get("x-user") === "ann";
        },
      },
    });
    const as = (user: string) => ask(worker, search(), { headers: { "x-user": user }, redirect: "manual" });
    const answer = await as("ann");
    expectAnswerOf(books, answer.body);
    // What one may see another may not: nothing is taken from a cache without being asked for.
    expect(answer.headers.get("cache-control")).toBe("private, no-cache");
    expect((await as("carl")).status).toBe(401);
    const sent = await as("bob");
    expect([sent.status, sent.headers.get("location")]).toEqual([303, "https://own.test/login"]);
    expect(sent.headers.get("x-request-id")).not.toBeNull();
    const headers = { "if-none-match": answer.headers.get("etag")!, "x-user": "carl" };
    expect((await ask(worker, search(), { headers })).status).toBe(401);
  });

  it("authorize comes on top of tokens", async () => {
    const worker = createWorker({ store, config: { tokens: ["t1"] }, hooks: { authorize: () => true } });
    expect((await ask(worker, search())).headers.get("www-authenticate")).toContain("Bearer");
    expect((await ask(worker, search(), { headers: { authorization: "Bearer t1" } })).status).toBe(200);
  });

  it("beforeSearch rewrites text, filter and index, of GET and of each search of a list", async () => {
    const beforeSearch = (asked: SearchRequest, { request }: HookContext<OwnEnv>): SearchRequest | undefined => {
      if (asked.q === "plain") return undefined;
      const index = request.headers.get("x-index") ?? asked.index;
      const own = parseFilter("set:even");
      const filter = asked.filter === undefined ? own : { and: [asked.filter, own] };
      return { ...asked, q: "birthday cake", filter, index };
    };
    const worker = createWorker({ store, hooks: { beforeSearch } });
    const even = (body: SearchResponse) =>
      body.results.length > 0 &&
      body.results.every(({ id }) => setOf(Number(String(id).slice("item:".length))) === "even");
    const asked = await ask(worker, search("brithday cakes"));
    expect(asked.body.query).toBe("birthday cake");
    expect(even(asked.body)).toBe(true);
    expect((await ask(worker, `${search("x")}&filter=set:odd`)).body.results).toEqual([]);
    const { body } = await ask(worker, search(), { headers: { "x-index": "films" } });
    expect(body.indexVersion).toBe(films.artifact.version);
    const many = await ask(worker, "/search", post([{ q: "x" }, { q: "plain", like: undefined }]));
    expect(many.body.map(({ query }: SearchResponse) => query)).toEqual(["birthday cake", "plain"]);
    expect(even(many.body[0])).toBe(true);
  });

  it("makes the ETag from the search that was run", async () => {
    let text = "birthday cake";
    const worker = createWorker({ store, hooks: { beforeSearch: (asked) => ({ ...asked, q: text }) } });
    const first = await ask(worker, search());
    expect(first.headers.get("cache-control")).toBe("private, no-cache");
    const headers = { "if-none-match": first.headers.get("etag")! };
    expect((await ask(worker, search(), { headers })).status).toBe(304);
    text = "誕生日";
    expect((await ask(worker, search(), { headers })).body.query).toBe("誕生日");
  });

  it("answers a Problem that a hook throws, and checks what it returns", async () => {
    const refuses = createWorker({
      store,
      hooks: {
        beforeSearch: () => {
          throw new Problem("not-found", "Closed on Sundays");
        },
      },
    });
    expect(await ask(refuses, search())).toMatchObject({ status: 404, body: { detail: "Closed on Sundays" } });
    const wrong = createWorker({ store, hooks: { beforeSearch: (asked) => ({ ...asked, nprobe: 9_999 }) } });
    expect((await ask(wrong, search())).body.errors[0].parameter).toBe("nprobe");
  });

  it("afterSearch sees every answer and may change it, so that no cache keeps one", async () => {
    const seen: string[] = [];
    const worker = createWorker({
      store,
      hooks: {
        afterSearch: (answer, asked, { waitUntil }) => {
          waitUntil(Promise.resolve().then(() => seen.push(`${asked.q}: ${answer.results.length}`)));
          return asked.k === 1 ? { ...answer, results: [] } : undefined;
        },
      },
    });
    for (let i = 0; i < 2; i++) {
      const { headers, body } = await ask(worker, search(), { headers: { "if-none-match": "*" } });
      expectAnswerOf(books, body);
      expect([headers.get("etag"), headers.get("cache-control")]).toEqual([null, "no-store"]);
    }
    expect((await ask(worker, `${search()}&k=1`)).body.results).toEqual([]);
    expect(seen).toEqual(["birthday cake: 10", "birthday cake: 10", "birthday cake: 1"]);
  });

  it("onError is told of faults and of a missing index, not of a caller's mistakes", async () => {
    const told: string[] = [];
    const logged: LogEntry[] = [];
    const hooks: Hooks<OwnEnv> = {
      onError: (error, { request }) => {
        told.push(`${new URL(request.url).pathname}: ${error.message}`);
        throw new Error("hook down");
      },
      beforeSearch: ({ q }) => {
        if (q === "fault") throw new Error("broken");
      },
    };
    const worker = createWorker({ store, hooks, log: (entry) => logged.push(entry) });
    expect((await ask(worker, search("fault"))).body.detail).toBe("The error is logged with this request id");
    expect((await ask(worker, "/search")).status).toBe(400);
    expect(told).toEqual(["/search: broken"]);
    expect(logged.map(({ event }) => event)).toEqual(["fault", "hook", "request"]);
    const empty = createWorker({
      store: () => kvStore(env.INDEX),
      hooks: { onError: ({ name }) => void told.push(name) },
    });
    expect((await ask(empty, search())).status).toBe(503);
    expect(told[1]).toBe("IndexUnavailableError");
  });
});

describe("options", () => {
  it("name the indexes that are served, and override variables", async () => {
    expect((await ask(createWorker({ store }), `${search()}&index=films`)).status).toBe(200);
    const bindings = { ...(env as unknown as OwnEnv), CORS_ORIGINS: "https://a.example", LOG: "errors" };
    const own = createWorker({
      store,
      indexes: ["books"],
      config: (given: typeof bindings) => ({ corsOrigins: [given.CORS_ORIGINS.replace("a", "b")] }),
    });
    const headers = { origin: "https://b.example" };
    expect((await ask(own, `${search()}&index=films`, {}, bindings)).status).toBe(404);
    const { headers: got } = await ask(own, search(), { headers }, bindings);
    expect(got.get("access-control-allow-origin")).toBe("https://b.example");
    const plain = createWorker({ store });
    const { headers: without } = await ask(plain, search(), { headers }, bindings);
    expect(without.get("access-control-allow-origin")).toBeNull();
  });

  it("take another kernel, and a budget that refuses what is too large", async () => {
    const scalar = createWorker({ store, kernel: scalarKernel });
    expectAnswerOf(books, (await ask(scalar, search())).body);
    expect((await ask(scalar, "/version")).body.index.kernel).toBe("scalar");
    const logged: LogEntry[] = [];
    const log = (entry: LogEntry) => logged.push(entry);
    const small = createWorker({ store, maxIndexBytes: 1024 * 1024, log });
    expect((await ask(small, search())).status).toBe(503);
    expect(logged[0]).toMatchObject({ kind: "memory", causes: [/expected at most 1048576 bytes/] });
  });

  it.each([
    [{ config: { corsOrigins: ["https://a.example/"] } }, '"corsOrigins" expected origins'],
    [{ config: { canaryShare: 2 } }, '"canaryShare" expected a number from 0 to 1, got 2'],
    [{ config: { canaryShare: "1" } }, '"canaryShare" expected a number from 0 to 1, got "1"'],
    [
      { config: { corsOrigins: "*" } },
      '"corsOrigins" expected a list of origins such as https://example.com, got a va',
    ],
    [{ config: { logRequests: 1 } }, '"logRequests" expected true or false, got 1'],
    [
      { config: { tokens: "secret" } },
      '"tokens" expected a list of tokens of visible ASCII characters, got a value of',
    ],
    [{ config: { tokens: [""] } }, '"tokens" expected tokens of visible ASCII characters, got an empty one'],
    [{ config: { tokens: ["a", undefined] } }, '"tokens" expected tokens of visible ASCII characters, got undefined'],
    [{ config: { tokens: ["sec ret"] } }, '"tokens" expected tokens of visible ASCII characters, got one with other'],
    [{ config: { token: ["a"] } }, '"config" expected no other members than corsOrigins, tokens, '],
    [{ config: "secret" }, '"config" expected an object of settings, got "secret"'],
    [{ indexes: ["Books"] }, '"indexes" expected names of 1 to 40'],
    [{ indexes: "books" }, '"indexes" expected a list of names'],
    [{ maxIndexBytes: 0 }, '"maxIndexBytes" expected a number above 0, got 0'],
    [{ refreshMs: Number.NaN }, '"refreshMs" expected a number above 0, got NaN'],
  ])("are checked where they are written: %j", async (options, message) => {
    expect(() => createWorker({ store, ...(options as object) })).toThrow(`[edge] ${message}`);
    const { config } = options as { readonly config?: object };
    if (config === undefined) return;
    const late = createWorker({ store, config: () => config });
    await expect(ask(late, search())).rejects.toThrow(`[edge] ${message}`);
  });

  it("open nothing when a secret is missing: an empty one, none, one that comes later", async () => {
    const missing = (config: () => unknown) => ask(createWorker({ store, config: config as () => object }), search());
    const key = (env as { readonly KEY?: string }).KEY;
    await expect(missing(() => ({ tokens: [key ?? ""] }))).rejects.toThrow('"tokens" expected');
    await expect(missing(() => ({ tokens: [key] }))).rejects.toThrow('"tokens" expected');
    await expect(missing(() => undefined)).rejects.toThrow("expected an object of settings, got undefined");
    await expect(missing(async () => ({ tokens: ["a"] }))).rejects.toThrow("expected an object of settings");
    for (const SEARCH_TOKENS of ["", " , "]) {
      const bindings = { ...(env as unknown as OwnEnv), SEARCH_TOKENS };
      await expect(ask(createWorker({ store }), search(), {}, bindings)).rejects.toThrow(
        "variable SEARCH_TOKENS expec",
      );
    }
  });

  it("leave what variables say where a member is undefined", async () => {
    const bindings = { ...(env as unknown as OwnEnv), SEARCH_TOKENS: "a", CORS_ORIGINS: "*" };
    const config = { tokens: undefined, corsOrigins: undefined, canaryShare: undefined } as object;
    for (const options of [{ config }, { config: () => config }]) {
      const worker = createWorker({ store, ...options });
      expect((await ask(worker, search(), {}, bindings)).status).toBe(401);
      const headers = { authorization: "Bearer a", origin: "https://b.example" };
      const allowed = await ask(worker, search(), { headers }, bindings);
      expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
    }
  });
});

describe("mounted in a Hono app of one's own", () => {
  const app = new Hono<{ Bindings: OwnEnv }>();
  app.get("/", (c) => c.text("home"));
  app.route("/retrieval", createApp({ store }));
  const worker: Worker<OwnEnv> = {
    fetch: async (request, bindings, ctx) => app.fetch(request, bindings, ctx as never),
  };

  it("has every route below its path", async () => {
    expect((await ask(worker, "/")).text).toBe("home");
    expectAnswerOf(books, (await ask(worker, `/retrieval${search()}`)).body);
    expect((await ask(worker, "/retrieval/items/item:7")).body.id).toBe("item:7");
    expect((await ask(worker, "/retrieval/search", post({ q: "cake" }))).status).toBe(200);
    expect((await ask(worker, "/retrieval/openapi.json")).body.paths["/search"]).toBeDefined();
    expect((await ask(worker, "/retrieval/version")).body.index.version).toBe(books.artifact.version);
  });

  it("answers its errors itself, and leaves other paths to the app around it", async () => {
    const { status, body } = await ask(worker, "/retrieval/search?k=0&q=cake");
    expect([status, body.errors[0].parameter]).toEqual([400, "k"]);
    expect((await ask(worker, "/retrieval/search", { method: "PUT" })).status).toBe(405);
    expect(await ask(worker, "/search?q=cake")).toMatchObject({ status: 404, text: "404 Not Found" });
    expect(await ask(worker, "/retrieval/nowhere")).toMatchObject({ status: 404, text: "404 Not Found" });
  });
});

it("is typed by the bindings that it is given", () => {
  const inferred = createWorker({ store: (bindings: OwnEnv) => kvStore(bindings.CATALOGUE) });
  expectTypeOf(inferred).toEqualTypeOf<Worker<OwnEnv>>();
  expectTypeOf(inferred).toExtend<ExportedHandler<OwnEnv>>();
  createWorker<OwnEnv>({
    store: ({ CATALOGUE }) => kvStore(CATALOGUE),
    hooks: {
      authorize: ({ env: bindings }) => {
        expectTypeOf(bindings).toEqualTypeOf<OwnEnv>();
        return true;
      },
      // @ts-expect-error a search has no such member
      beforeSearch: (asked) => ({ ...asked, fileds: 1, k: asked.kk }),
    },
    routes: (app) =>
      app.get("/", (c) => {
        expectTypeOf(c.env).toEqualTypeOf<OwnEnv>();
        return c.text("");
      }),
  });
  // @ts-expect-error a namespace is no store
  createWorker<OwnEnv>({ store: ({ CATALOGUE }) => CATALOGUE });
});
