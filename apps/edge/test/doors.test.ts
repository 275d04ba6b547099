/** Who may ask, and what those learn who may not: tokens and probes. */
import { env } from "cloudflare:workers";
import { pointerKey } from "@poeem/pq-core/kv";
import { beforeAll, describe, expect, it } from "vitest";
import { kvStore } from "../src/index/kv-store.ts";
import { createWorker, type Hooks } from "../src/index.ts";
import { type Fixture, makeFixture, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";
import { ask } from "./own-worker.ts";

const names = ["current", "books", "films"] as const;
const fixtures = new Map<string, Fixture>();
beforeAll(async () => {
  for (const [i, name] of names.entries()) {
    const fixture = await makeFixture(31 + i);
    fixtures.set(name, fixture);
    await publish(env.INDEX, fixture, undefined, name);
  }
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const versionOf = (name: string) => fixtures.get(name)!.artifact.version;

/** A Worker over KV, and the keys that it reads. */
function watched(variables: object, hooks: Hooks<object> = {}) {
  const reads: string[] = [];
  const kv = kvStore(env.INDEX);
  const noting = (key: string) => {
    reads.push(key);
    return key;
  };
  const store = () => ({
    getText: (key: string) => kv.getText(noting(key)),
    getBytes: (key: string) => kv.getBytes(noting(key)),
  });
  const worker = createWorker<object>({ store, hooks, log: () => undefined });
  const get = (path: string, init?: RequestInit) => ask(worker, path, init, variables);
  const post = (body: unknown, headers: Record<string, string>) =>
    get("/search", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return { get, post, reads };
}

describe("tokens", () => {
  const { get } = makeIsolate({ SEARCH_TOKENS: "first-token, second-token" });

  it.each([
    undefined,
    "",
    "Bearer",
    "Bearer wrong",
    "Bearer first-token2",
    "Bearer first-toke",
    "Basic first-token",
    "first-token",
  ])("%j is not enough", async (authorization) => {
    for (const path of ["/search?q=cake", "/suggest?q=cake", "/items/item:1"]) {
      const { status, headers, body } = await get(path, {
        headers: authorization === undefined ? {} : { authorization },
      });
      expect(status).toBe(401);
      expect(headers.get("www-authenticate")).toBe('Bearer realm="poeem-edge"');
      expect(body.type).toBe("urn:poeem-edge:problem:unauthorized");
    }
  });

  it("each of them opens searches, whose answers no shared cache keeps; probes stay open", async () => {
    for (const token of ["first-token", "second-token"]) {
      const { status, headers } = await get("/search?q=cake", { headers: { authorization: `Bearer ${token}` } });
      expect(status).toBe(200);
      expect(headers.get("cache-control")).toBe("private, max-age=30");
    }
    for (const path of ["/healthz", "/readyz", "/version", "/readyz?index=current", "/openapi.json"])
      expect((await get(path)).status).toBe(200);
  });
});

describe("a token of one index", () => {
  const variables = { SEARCH_TOKENS: "books=b,films=f==,books=both,films=both,all" };
  const paths = (name: string) => [
    `/search?q=cake&index=${name}`,
    `/search?like=item:1&index=${name}`,
    `/suggest?q=&index=${name}`,
    `/items/item:1?index=${name}`,
    `/facets?index=${name}`,
    `/readyz?index=${name}`,
    `/version?index=${name}`,
  ];
  /** All that a client can tell two answers apart by. */
  const seen = ({ status, headers, body }: Awaited<ReturnType<ReturnType<typeof watched>["get"]>>, name: string) => {
    const { requestId, ...others } = body;
    const told = [...headers].filter(([header]) => header !== "x-request-id");
    return JSON.parse(JSON.stringify([status, told, others]).replaceAll(name, "NAME")) as unknown;
  };

  it("opens that index on every path, and a token of all opens all", async () => {
    const { get, post } = watched(variables);
    for (const [token, opened] of [
      ["b", ["books"]],
      ["f==", ["films"]],
      ["both", ["books", "films"]],
      ["all", ["current", "books", "films"]],
    ] as const)
      for (const name of names) {
        const isOpen = (opened as readonly string[]).includes(name);
        const headers = bearer(token);
        const { status, body } = await get(`/search?q=cake&index=${name}`, { headers });
        expect([token, name, status]).toEqual([token, name, isOpen ? 200 : 404]);
        if (isOpen) expect(body.indexVersion).toBe(versionOf(name));
        if (isOpen) for (const path of paths(name)) expect((await get(path, { headers })).status, path).toBe(200);
        expect((await post([{ q: "cake", index: name }], headers)).status).toBe(isOpen ? 200 : 404);
      }
    expect((await get("/search?q=cake", { headers: bearer("b") })).status).toBe(404);
  });

  it("answers for what it does not open as for what is not there, without a read", async () => {
    const { get, post, reads } = watched(variables);
    const headers = bearer("b");
    // Somebody else has it loaded.
    expect((await get("/search?q=cake&index=films", { headers: bearer("all") })).status).toBe(200);
    expect((await get("/search?q=cake&index=books", { headers })).status).toBe(200);
    reads.length = 0;
    for (const i of paths("films").keys()) {
      const answers = ["films", "absent", "other"].map(async (name) =>
        seen(await get(paths(name)[i]!, { headers }), name),
      );
      const [hidden, absent, other] = await Promise.all(answers);
      expect(hidden).toEqual(absent);
      expect(hidden).toEqual(other);
      expect(JSON.stringify(hidden)).toContain("not-found");
    }
    for (const name of ["films", "absent"]) {
      const batch = await post(
        [
          { q: "cake", index: "books" },
          { q: "cake", index: name },
        ],
        headers,
      );
      expect([batch.status, batch.body.detail]).toEqual([404, `No index is called "${name}"`]);
    }
    const etag = (await get("/search?q=cake&index=films", { headers: bearer("all") })).headers.get("etag")!;
    for (const tag of [etag, "*"])
      expect((await get("/search?q=cake&index=films", { headers: { ...headers, "if-none-match": tag } })).status).toBe(
        404,
      );
    expect(reads).toEqual([]);
  });

  it("leaves a hook free to choose another index", async () => {
    const { get } = watched(variables, { beforeSearch: (search) => ({ ...search, index: "films" }) });
    expect((await get("/search?q=cake&index=books", { headers: bearer("b") })).body.indexVersion).toBe(
      versionOf("films"),
    );
    expect((await get("/search?q=cake&index=films", { headers: bearer("b") })).status).toBe(404);
  });
});

describe("probes", () => {
  const probes = ["/readyz", "/version"];

  it("of a named index read nothing, and know only what serves here", async () => {
    const { get, reads } = watched({});
    for (const probe of probes)
      for (const name of ["books", "absent"]) expect((await get(`${probe}?index=${name}`)).status).toBe(404);
    expect(reads).toEqual([]);
    await get("/search?q=cake&index=books");
    reads.length = 0;
    expect((await get("/readyz?index=books")).body.indexVersion).toBe(versionOf("books"));
    expect((await get("/version?index=books")).body.index.version).toBe(versionOf("books"));
    expect((await get("/readyz?index=absent")).status).toBe(404);
    expect(reads).toEqual([]);
  });

  it("of a name that the settings list say that nobody has read it, or how its load failed", async () => {
    const { get, reads } = watched({ INDEXES: "books,broken", SEARCH_TOKENS: "books=b,broken=c" });
    const askedBy = (token: string, name: string, probe: string) =>
      get(`${probe}?index=${name}`, { headers: bearer(token) });
    for (const probe of probes) {
      const unread = await askedBy("b", "books", probe);
      expect({ status: unread.status, detail: unread.body.detail }).toEqual({
        status: 503,
        detail: 'Index "books" was not read in this isolate yet: a search reads it',
      });
      expect((await askedBy("c", "books", probe)).status).toBe(404);
    }
    expect(reads).toEqual([]);
    await env.INDEX.put(pointerKey("broken"), "no pointer");
    expect((await get("/search?q=cake&index=broken", { headers: bearer("c") })).status).toBe(503);
    for (const probe of probes) {
      const failed = await askedBy("c", "broken", probe);
      expect(failed.body.detail).toMatch(/^Index "broken" cannot be read now: damaged since /);
      expect(failed.headers.get("index-refresh-failure")).toMatch(/^damaged since /);
      expect((await askedBy("b", "broken", probe)).status).toBe(404);
    }
    await env.INDEX.delete(pointerKey("broken"));
  });

  it("of a default index that cannot be read say how, in header and /version", async () => {
    const pointer = (await env.INDEX.get(pointerKey("current")))!;
    await env.INDEX.put(pointerKey("current"), "no pointer");
    const { get } = makeIsolate();
    const ready = await get("/readyz");
    await env.INDEX.put(pointerKey("current"), pointer);
    expect({ status: ready.status, failure: ready.headers.get("index-refresh-failure") }).toEqual({
      status: 503,
      failure: expect.stringMatching(/^damaged since /),
    });
    const { body, headers } = await get("/version");
    expect(body).toMatchObject({ index: null, refreshFailure: expect.stringMatching(/^damaged since /) });
    expect(headers.get("index-refresh-failure")).toBe(body.refreshFailure);
  });

  it("of an index that serves tell the share of searches that is turned away", async () => {
    expect((await makeIsolate({ LIMITS: "shed=1" }).get("/readyz")).body).toMatchObject({ status: "ready", shed: 1 });
    expect(Object.keys((await makeIsolate().get("/readyz")).body)).toEqual(["status", "indexVersion"]);
  });

  it("of the default index: /readyz reads it as a search would, /version does not", async () => {
    const { get, reads } = watched({ SEARCH_TOKENS: "t" });
    expect((await get("/version")).body.index).toBeNull();
    expect(reads).toEqual([]);
    expect((await get("/readyz")).body.indexVersion).toBe(versionOf("current"));
    expect((await get("/version")).body.index.version).toBe(versionOf("current"));
  });

  it("of a named index pass tokens and hooks, whatever its name is", async () => {
    const { get, reads } = watched({ SEARCH_TOKENS: "books=t" }, { authorize: () => true });
    const guarded = watched({}, { authorize: () => false });
    for (const probe of probes)
      for (const name of ["books", "films", "absent"]) {
        expect((await get(`${probe}?index=${name}`)).status).toBe(401);
        expect((await get(`${probe}?index=${name}`, { headers: bearer("wrong") })).status).toBe(401);
        expect((await guarded.get(`${probe}?index=${name}`)).status).toBe(401);
        for (const spelt of [`%69ndex=${name}`, `index=%${name.charCodeAt(0).toString(16)}${name.slice(1)}`])
          expect((await get(`${probe}?${spelt}`)).status, spelt).toBe(401);
        expect((await get(`${probe}?index=current&index=${name}`)).status).toBe(400);
      }
    expect(reads).toEqual([]);
  });
});
