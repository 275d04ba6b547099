/** Hooks of somebody else's Worker: who may ask, what is asked, what was answered, what went wrong. */
import { env } from "cloudflare:workers";
import { InputError } from "@poeem/pq-core";
import type { Hono } from "hono";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  createWorker,
  type HookContext,
  type Hooks,
  kvStore,
  type LogEntry,
  Problem,
  parseFilter,
  type SearchRequest,
  type SearchResponse,
  type Store,
} from "../src/index.ts";
import { dim, type Fixture, setOf } from "./fixture.ts";
import { ask, expectAnswerOf, type OwnEnv, post, publishOwn, search, store } from "./own-worker.ts";

let books: Fixture;
let films: Fixture;
beforeAll(async () => {
  ({ books, films } = await publishOwn());
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
    // Nor is what it answers itself, unless it says so.
    expect(sent.headers.get("cache-control")).toBe("no-store");
    const headers = { "if-none-match": answer.headers.get("etag")!, "x-user": "carl" };
    expect((await ask(worker, search(), { headers })).status).toBe(401);
  });

  it("authorize comes on top of tokens", async () => {
    const worker = createWorker({ store, config: { tokens: ["t1"] }, hooks: { authorize: () => true } });
    expect((await ask(worker, search())).headers.get("www-authenticate")).toContain("Bearer");
    expect((await ask(worker, search(), { headers: { authorization: "Bearer t1" } })).status).toBe(200);
  });

  it("each may read the body, byte for byte, and so may middleware before them", async () => {
    // Blanks, and what is no UTF-8: a signature is of these very bytes.
    const text = new TextEncoder().encode('{ "q":  "birthday cake", "exclude": ["');
    const body = new Uint8Array([...text, 0xff, 0x22, 0x5d, 0x7d]);
    const seen: string[] = [];
    const read = async (who: string, { request }: HookContext<OwnEnv>) => {
      expect(request.headers.get("x-user")).toBe("ann");
      expect(new URL(request.url).pathname).toBe("/search");
      expect(new Uint8Array(await request.arrayBuffer())).toEqual(body);
      seen.push(who);
    };
    const hooks: Hooks<OwnEnv> = {
      authorize: async (context) => {
        await read("authorize", context);
        return true;
      },
      beforeSearch: (_, context) => read("beforeSearch", context),
      afterSearch: async (_, __, context) => {
        await read("afterSearch", context);
        throw new Error("then fails");
      },
      onError: (_, context) => read("onError", context),
    };
    const headers = { "content-type": "application/json", "x-user": "ann" };
    const log = vi.fn();
    for (const only of [hooks, ...Object.entries(hooks).map(([name, hook]) => ({ [name]: hook }))]) {
      seen.length = 0;
      const worker = createWorker({ store, log, hooks: only });
      const { status } = await ask(worker, "/search", { method: "POST", headers, body });
      expect(status).toBe("afterSearch" in only ? 500 : 200);
      if (only === hooks) expect(seen).toEqual(Object.keys(hooks));
      else if (!("onError" in only)) expect(seen).toEqual(Object.keys(only));
    }
    const routes = (app: Hono<{ Bindings: OwnEnv }>) =>
      app.use(async (c, next) => {
        expect(new Uint8Array(await c.req.arrayBuffer())).toEqual(body);
        await next();
      });
    const behind = createWorker({ store, hooks: { authorize: hooks.authorize! }, routes: (app) => void routes(app) });
    expect((await ask(behind, "/search", { method: "POST", headers, body })).status).toBe(200);
  });

  it("authorize is given no body beyond the limit", async () => {
    const authorize = vi.fn(() => true);
    const worker = createWorker({ store, hooks: { authorize } });
    const large = post({ q: "x".repeat(1_100_000) });
    expect((await ask(worker, "/search", large)).status).toBe(413);
    // Of a length that no header says.
    const stream = new Response(large.body).body!;
    expect((await ask(worker, "/search", { ...large, body: stream })).status).toBe(413);
    expect(authorize).not.toHaveBeenCalled();
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

  describe.each(["authorize", "beforeSearch", "afterSearch", "onError"] as const)("%s that throws", (name) => {
    it.each<[string, unknown]>([
      ["a text", "down"],
      ["undefined", undefined],
      ["null", null],
      ["a number", 7],
      ["an object without a text", Object.create(null)],
      ["a symbol", Symbol("x")],
      ["an error that is a client's elsewhere", new InputError("k", "expected NaN times")],
      ["an error", new TypeError("broken")],
    ])("%s is a 500 that is logged, and no more", async (_, thrown) => {
      const logged: LogEntry[] = [];
      const fail = () => {
        throw thrown;
      };
      const hooks: Hooks<OwnEnv> = name === "onError" ? { beforeSearch: fail, onError: fail } : { [name]: fail };
      const worker = createWorker({ store, hooks, log: (entry) => logged.push(entry) });
      for (const { status, body, headers } of [
        await ask(worker, search()),
        await ask(worker, "/search", post({ q: "cake" })),
      ]) {
        expect([status, body.type]).toEqual([500, "urn:poeem-edge:problem:internal-error"]);
        expect([headers.get("x-request-id"), headers.get("x-content-type-options")]).toEqual([
          body.requestId,
          "nosniff",
        ]);
      }
      expect(logged.filter(({ event }) => event === "fault")).toHaveLength(2);
      expect(logged.filter(({ event }) => event === "hook")).toHaveLength(name === "onError" ? 2 : 0);
    });
  });

  it("whatever middleware before the routes throws is a 500, and may be answered otherwise there", async () => {
    for (const thrown of ["x", undefined, null, 7]) {
      const routes = (app: Hono<{ Bindings: OwnEnv }>) => {
        app.use("/search", () => {
          throw thrown;
        });
      };
      const quiet = vi.spyOn(console, "error").mockReturnValue(undefined);
      expect((await ask(createWorker({ store, routes }), search())).status).toBe(500);
      expect(quiet).toHaveBeenCalled();
      quiet.mockRestore();
      const own = createWorker({
        store,
        routes: (app) => {
          routes(app);
          app.onError(({ message }, c) => c.text(message, 418));
        },
      });
      expect((await ask(own, search())).status).toBe(418);
    }
    const settings = createWorker({
      store,
      log: vi.fn(),
      config: () => {
        throw "no settings";
      },
    });
    expect((await ask(settings, search())).body.type).toBe("urn:poeem-edge:problem:misconfigured");
  });

  it.each<[string, object]>([
    ["nprobe", { nprobe: -1 }],
    ["nprobe", { nprobe: Number.NaN }],
    ["k", { k: 0 }],
    ["k", { k: "10" }],
    ["k", { k: 1e9 }],
    ["index", { index: "../x" }],
    ["index", { index: "a/../current" }],
    ["filter", { filter: "set:even" }],
    ["filter", { filter: { set: "even" } }],
    ["filter", { filter: { and: [{ facet: "set", in: [7] }] } }],
    ["filter", { filter: { not: { number: "year", min: Number.NaN } } }],
    ["vector", { q: undefined, vector: [1, 2] }],
    ["vector", { q: undefined, vector: new Float32Array([Number.NaN]) }],
    ["q", { q: "" }],
    ["q", { q: undefined }],
    ["exclude", { exclude: "item:1" }],
    ["diversity", { diversity: 2 }],
    ["limit", { limit: 3 }],
  ])(
    "a search with a wrong %s is beforeSearch's mistake, not the client's, and nothing is read for it: %j",
    async (name, wrong) => {
      const logged: LogEntry[] = [];
      const keys: string[] = [];
      const watched = (bindings: OwnEnv) => {
        const own = store(bindings);
        return {
          ...own,
          getText: (key: string, options: never) => {
            keys.push(key);
            return own.getText(key, options);
          },
        } as Store;
      };
      const hooks: Hooks<OwnEnv> = { beforeSearch: (asked) => ({ ...asked, ...wrong }) };
      const worker = createWorker({ store: watched, hooks, log: (entry) => logged.push(entry) });
      for (const { status, text } of [
        await ask(worker, search()),
        await ask(worker, "/search", post([{ q: "cake" }])),
      ]) {
        expect(status).toBe(500);
        expect(text).not.toMatch(/NaN|expected/);
      }
      expect(keys).toEqual([]);
      const fault = logged.find(({ event }) => event === "fault");
      expect(JSON.stringify(fault)).toMatch(new RegExp(`beforeSearch gave .*${name}`));
    },
  );

  it("may make any search that a client could ask", async () => {
    const filter = {
      and: [{ facet: "set", in: ["even"] }, { not: { number: "year", max: Number.NEGATIVE_INFINITY } }],
    };
    const vector = new Float32Array(dim).fill(0.1);
    const hooks: Hooks<OwnEnv> = {
      beforeSearch: ({ q, ...others }) => ({ ...others, vector, filter, exclude: ["item:1", 2], context: undefined }),
    };
    const { status, body } = await ask(createWorker({ store, hooks }), search());
    expect([status, body.query, body.results.length]).toEqual([200, null, 10]);
    const wrong = createWorker({ store, log: vi.fn(), hooks: { afterSearch: () => "text" as never } });
    expect((await ask(wrong, search())).status).toBe(500);
    const unknown = () => new Problem("nonsense" as never, "x");
    const thrower = createWorker({ store, log: vi.fn(), hooks: { beforeSearch: () => Promise.reject(unknown()) } });
    expect((await ask(thrower, search())).status).toBe(500);
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
