/** Options and settings: what they say is done, and what they cannot mean is refused before anything is served. */
import { env } from "cloudflare:workers";
import { scalarKernel } from "@poeem/pq-core";
import { beforeAll, describe, expect, it } from "vitest";
import { readConfig, type Variables } from "../src/config.ts";
import { createWorker, type LogEntry } from "../src/index.ts";
import { readTokens } from "../src/tokens.ts";
import { type Fixture, makeFixture, publish } from "./fixture.ts";
import { ask, bindingsWith, expectAnswerOf, publishOwn, search, store } from "./own-worker.ts";

let books: Fixture;
beforeAll(async () => {
  ({ books } = await publishOwn());
});

/** The problem that a Worker answers to everything with such settings, and what its log says about them. */
async function misconfigured(options: object, variables: object = {}, paths = [search()]): Promise<string> {
  const logged: Extract<LogEntry, { event: "fault" }>[] = [];
  const log = (entry: LogEntry) => entry.event === "fault" && logged.push(entry);
  const worker = createWorker({ store, log, ...options });
  for (const [i, path] of paths.entries()) {
    const { status, headers, body } = await ask(worker, path, {}, bindingsWith(variables));
    expect([path, status, body.type]).toEqual([path, 500, "urn:poeem-edge:problem:misconfigured"]);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(body.detail).toBe("The log names it");
    // One line, however many ask.
    expect(logged).toHaveLength(1);
    const requestId = i === 0 ? headers.get("x-request-id") : logged[0]!.requestId;
    expect(logged[0]).toMatchObject({ level: "error", event: "fault", requestId, count: 1 });
  }
  return logged[0]!.message;
}

const every = (value: string) => ({ value, indexes: undefined });
const only = (value: string, ...indexes: string[]) => ({ value, indexes: new Set(indexes) });

describe("options", () => {
  it("name the indexes that are served, and override variables", async () => {
    expect((await ask(createWorker({ store }), `${search()}&index=films`)).status).toBe(200);
    const bindings = bindingsWith({ CORS_ORIGINS: "https://a.example", LOG: "errors" });
    const own = createWorker({
      store,
      indexes: ["books"],
      config: (given) => ({ corsOrigins: [(given as Variables).CORS_ORIGINS!.replace("a", "b")] }),
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
    await publish(env.CATALOGUE, await makeFixture(44, 12_000), undefined, "large");
    const small = createWorker({ store, maxIndexBytes: 1024 * 1024, log: (entry) => logged.push(entry) });
    expect((await ask(small, `${search()}&index=large`)).body.detail).toBe("The index cannot be read now");
    expect(JSON.stringify(logged)).toContain("expected at most 1048576 bytes");
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
    [{ config: { tokens: [] } }, '"tokens" expected at least one token, or to be left out, got an empty list'],
    [{ config: { tokens: ["Books=abc"] } }, '"tokens" expected TOKEN or INDEX=TOKEN, as in books=abc; *=TOKEN for any'],
    [{ config: { tokens: ["a", "a"] } }, '"tokens" expected each token once, or once for each of several indexes'],
    [{ maxIndexBytes: 0 }, '"maxIndexBytes" expected a number from 1048576, got 0'],
    [{ maxIndexBytes: 48 }, '"maxIndexBytes" expected a number from 1048576, got 48'],
    [{ maxIndexBytes: "64MB" }, '"maxIndexBytes" expected a number from 1048576, got 64MB'],
    [{ refreshMs: 0.5 }, '"refreshMs" expected a number from 1, got 0.5'],
    [{ refreshMs: Number.NaN }, '"refreshMs" expected a number from 1, got NaN'],
    [{ tokens: ["a"] }, "the app expected no other options than store, indexes, encoder, hooks, config, "],
    [{ hooks: { authorise: () => false } }, '"hooks" expected no other functions than authorize, beforeSearch, after'],
    [{ hooks: { authorize: true } }, 'hook "authorize" expected a function, got a value of type boolean'],
    [{ hooks: () => false }, '"hooks" expected a value of type object, got function'],
    [{ store: "INDEX" }, '"store" expected a value of type function, got string'],
    [{ encoder: "bge-m3" }, '"encoder" expected an encoder, or a function of env that makes one, got a value of'],
    [{ encoder: { name: "bge-m3", length: 0 } }, 'encoder "bge-m3", length, expected a whole number from 1 to 4096, g'],
    [{ kernel: "scalar" }, '"kernel" expected a WebAssembly module or a kernel of pq-core, got string'],
    [{ log: console }, '"log" expected a value of type function, got object'],
    [{ routes: [] }, '"routes" expected a function that takes a Hono app, got object'],
  ])("are checked where they are written: %j", async (options, message) => {
    expect(() => createWorker({ store, ...(options as object) })).toThrow(`[edge] ${message}`);
    const { config } = options as { readonly config?: object };
    if (config === undefined) return;
    expect(await misconfigured({ config: () => config })).toContain(`[edge] ${message}`);
  });

  it("open nothing when a secret is missing: an empty one, none, one that comes later", async () => {
    const key = (env as { readonly KEY?: string }).KEY;
    for (const config of [
      () => ({ tokens: [key ?? ""] }),
      () => ({ tokens: [key] }),
      () => ({ tokens: [] }),
      () => ({ tokens: [`books=${key ?? ""}`] }),
    ])
      expect(await misconfigured({ config })).toContain('"tokens" expected');
    for (const config of [() => undefined, async () => ({ tokens: ["a"] }), () => null])
      expect(await misconfigured({ config })).toContain("expected an object of settings");
    expect(await misconfigured({ config: () => key!.length })).toContain("TypeError");
  });

  it("that cannot be are looked at once: nothing mends them but another deploy", async () => {
    let looks = 0;
    const config = () => {
      looks++;
      return { tokens: [] };
    };
    await misconfigured({ config }, {}, [search(), search(), "/version"]);
    expect(looks).toBe(1);
  });

  const everyPath = [
    "/search?q=cake",
    "/items/1",
    "/facets",
    "/suggest?q=a",
    "/version",
    "/readyz",
    "/healthz",
    "/nowhere",
  ];
  const TOKENS = "variable SEARCH_TOKENS";

  it.each<[object, string]>([
    ...["", " ", ",", ",,", " , ,"].map((SEARCH_TOKENS): [object, string] => [
      { SEARCH_TOKENS },
      `${TOKENS} expected bear`,
    ]),
    ...["a,,b", "a,", ",a", "books=a,"].map((SEARCH_TOKENS): [object, string] => [
      { SEARCH_TOKENS },
      "got an empty one",
    ]),
    ...["a b", "a,b c", "ä", "books=a b"].map((SEARCH_TOKENS): [object, string] => [
      { SEARCH_TOKENS },
      "with other chara",
    ]),
    ...["a,b,a", "books=a,books=a", "a,books=a", "books=a,a", "*=a,a"].map((SEARCH_TOKENS): [object, string] => [
      { SEARCH_TOKENS },
      "got one twice",
    ]),
    ...["books=", "a,films=", "*=", "*==", "=", "==", "a,==="].map((SEARCH_TOKENS): [object, string] => [
      { SEARCH_TOKENS },
      "without a token",
    ]),
    ...["=a", "Books=a", "YWJj=ZGVm", "a/b=c"].map((SEARCH_TOKENS): [object, string] => [
      { SEARCH_TOKENS },
      "no such pair",
    ]),
    [{ SEARCH_TOKENS: ["a"] }, `${TOKENS} expected text, got a list`],
    [
      { SEARCH_TOKENS: "films=a", INDEXES: "books" },
      "variable SEARCH_TOKENS expected tokens of indexes that are served: current, books",
    ],
    ...["", ",", "https://a.example,", "https://a.example/", "*.example"].map((CORS_ORIGINS): [object, string] => [
      { CORS_ORIGINS },
      "variable CORS_ORIGINS expected origins",
    ]),
    ...["", " ", "books,", "Books", "a b"].map((INDEXES): [object, string] => [
      { INDEXES },
      "variable INDEXES expected names",
    ]),
    ...["", " ", "NaN", "0x1", "-0.1", "1,5", "2", "1e999", "half"].map((CANARY_SHARE): [object, string] => [
      { CANARY_SHARE },
      "variable CANARY_SHARE expected a number from 0 to 1",
    ]),
    ...["", "ALL", "true"].map((LOG): [object, string] => [{ LOG }, 'variable LOG expected "all" or "errors"']),
    [{ CORS_ORIGINS: "https://a.b/" }, 'got "https://a.b/", whose slash at the end has to go'],
    [{ RATE_LIMIT: "600" }, "binding RATE_LIMIT expected a rate limiter"],
    [{ TOKEN_RATE_LIMIT: {} }, "binding TOKEN_RATE_LIMIT expected a rate limiter"],
    [{ ANALYTICS: "poeem_edge" }, "binding ANALYTICS expected an Analytics Engine data set"],
  ])("of variables that mean nothing serve nothing: %j", async (variables, message) => {
    expect(await misconfigured({}, variables, everyPath)).toContain(message);
  });

  it("say nothing of a token, in the answer or in the log", async () => {
    for (const SEARCH_TOKENS of ["sec ret", "Secret=x", "secret,secret", "secret="]) {
      const logged: LogEntry[] = [];
      const worker = createWorker({ store, log: (entry) => logged.push(entry) });
      const { text } = await ask(worker, search(), {}, bindingsWith({ SEARCH_TOKENS }));
      for (const said of [text, ...logged.map(String), JSON.stringify(logged)]) expect(said).not.toMatch(/sec ?ret/i);
    }
  });

  it.each<[string, ReturnType<typeof readTokens>]>([
    ["abc==,YWJj=,a+/b==", [every("abc=="), every("YWJj="), every("a+/b==")]],
    ["books=abc, films=def,xyz", [only("abc", "books"), only("def", "films"), every("xyz")]],
    ["books=abc==,films=abc==,books=d", [only("abc==", "books", "films"), only("d", "books")]],
    ["*=abc=,*=a=b", [every("abc="), every("a=b")]],
  ])("read the tokens %j, whatever equals signs they have", (SEARCH_TOKENS, expected) => {
    expect(readTokens(readConfig({ SEARCH_TOKENS }).tokens)).toEqual(expected);
  });

  it("of a number need not be text", () => {
    const variables = { CANARY_SHARE: 0.25 } as unknown as Variables;
    expect(readConfig(variables).canaryShare).toBe(0.25);
    expect(["0", "1", ".5", "1e-3"].map((CANARY_SHARE) => readConfig({ CANARY_SHARE }).canaryShare)).toEqual([
      0, 1, 0.5, 0.001,
    ]);
  });

  it("leave what variables say where a member is undefined", async () => {
    const bindings = bindingsWith({ SEARCH_TOKENS: "a", CORS_ORIGINS: "*" });
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
