/** Workers as others write them, on createWorker and createApp, inside workerd on real bindings. */
import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { beforeAll, describe, expect, expectTypeOf, it, vi } from "vitest";
import {
  createApp,
  createWorker,
  kvStore,
  type Limits,
  r2Store,
  SettingError,
  type Settings,
  type Store,
  type Worker,
} from "../src/index.ts";
import { type Fixture, nlist } from "./fixture.ts";
import { ask, expectAnswerOf, type OwnEnv, post, publishOwn, search, store } from "./own-worker.ts";

let books: Fixture;
let films: Fixture;
beforeAll(async () => {
  ({ books, films } = await publishOwn());
});

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
    const log = vi.fn();
    expect((await ask(createWorker({ log }), search(), {}, {} as never)).body.type).toContain("misconfigured");
    expect(log.mock.calls[0]![0].message).toContain(
      "[edge] binding INDEX expected a KV namespace, got none, nor an R2 bucket INDEX_BUCKET: " +
        "add it to wrangler.jsonc, or give createWorker a store",
    );
    await ask(createWorker({ log }), search(), {}, { INDEX: "0123" } as never);
    expect(log.mock.lastCall![0].message).toContain("binding INDEX expected a KV namespace, got something else");
    await ask(createWorker({ log }), search(), {}, { INDEX_BUCKET: "index" } as never);
    expect(log.mock.lastCall![0].message).toContain("binding INDEX_BUCKET expected an R2 bucket, got something else");
    const both = { INDEX: env.CATALOGUE, INDEX_BUCKET: env.BUCKET };
    expect((await ask(createWorker({ log }), search(), {}, both)).body.type).toContain("misconfigured");
    expect(log.mock.lastCall![0].message).toContain(
      "[edge] bindings INDEX and INDEX_BUCKET expected one of them, got both: remove one from wrangler.jsonc",
    );
    await ask(createWorker({ store: () => ({ get: vi.fn() }) as never, log }), search());
    expect(log.mock.lastCall![0].message).toContain(
      '"store" expected to make a store, got a value without the function',
    );
    const empty = createWorker({ log, store: () => ({ getText: async () => null, getBytes: async () => null }) });
    expect((await ask(empty, search())).body.detail).toBe("No index has been published yet. Run: poeem publish");
    expect(JSON.stringify(log.mock.calls)).toContain('the store has no key \\"index/current\\"');
    const hollow = createWorker({
      log,
      store: ({ BUCKET }: OwnEnv) => ({ ...r2Store(BUCKET), getBytes: (key) => r2Store(BUCKET).getBytes(`${key}?`) }),
    });
    expect(await ask(hollow, search())).toMatchObject({ status: 503 });
    expect(JSON.stringify(log.mock.calls)).toContain('R2 has no key \\"chunk/manifest-');
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

describe("settings", () => {
  it("that cannot be are told by their class, and limits have a type", () => {
    const limits: Partial<Limits> = { nprobe: 0 };
    expect(() => createApp({ store: () => store(env as never), config: { limits } })).toThrow(SettingError);
    expect(() => createWorker({ config: { limits: { shed: 2 } } })).toThrow(SettingError);
    expectTypeOf<NonNullable<Settings["limits"]>>().toEqualTypeOf<Partial<Limits>>();
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
