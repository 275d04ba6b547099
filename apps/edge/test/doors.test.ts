/** Who may ask, how often, and what those learn who may not: tokens, rate limits and probes. */
import { env } from "cloudflare:workers";
import { pointerKey } from "@poeem/pq-core/kv";
import { beforeAll, describe, expect, it } from "vitest";
import { clientAddress, networkOf } from "../src/http/client-address.ts";
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

/** A budget of so many units for each client, and what each has taken. */
function budget(units: number) {
  const taken = new Map<string, number>();
  const mayProceed = async (client: string) => {
    taken.set(client, (taken.get(client) ?? 0) + 1);
    return taken.get(client)! <= units;
  };
  return { taken, mayProceed };
}

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

describe("a rate limit", () => {
  const from = (ip: string, headers = {}) => ({ headers: { "cf-connecting-ip": ip, ...headers } });
  const everyPath = [
    "/search?q=cake",
    "/search?nope=1",
    "/suggest?q=a",
    "/items/item:1",
    "/facets",
    "/readyz",
    "/version",
    "/openapi.json",
    "/nowhere",
    `/search?q=${"a".repeat(17_000)}`,
  ];

  it("turns clients away one by one, by their address", async () => {
    const { get } = makeIsolate({}, budget(2));
    const statusFrom = async (ip: string) => (await get("/search?q=cake", from(ip))).status;
    expect([await statusFrom("a"), await statusFrom("a"), await statusFrom("b")]).toEqual([200, 200, 200]);
    const { status, headers, body } = await get("/search?q=cake", from("a"));
    expect({ status, retryAfter: headers.get("retry-after"), type: body.type }).toEqual({
      status: 429,
      retryAfter: "60",
      type: "urn:poeem-edge:problem:rate-limited",
    });
    expect(await statusFrom("b")).toBe(200);
  });

  it.each(everyPath)("counts %s, whatever becomes of it", async (path) => {
    const { taken, mayProceed } = budget(1);
    const { get } = makeIsolate({}, { mayProceed });
    await get(path, from("192.0.2.1"));
    expect([...taken]).toEqual([["address:192.0.2.1", 1]]);
    expect((await get(path, from("192.0.2.1"))).status).toBe(429);
  });

  it("counts no /healthz, which does nothing, and neither turns it away", async () => {
    const { taken, mayProceed } = budget(0);
    const { get } = makeIsolate({}, { mayProceed });
    expect((await get("/healthz", from("a"))).status).toBe(200);
    expect([...taken]).toEqual([]);
    expect((await get("/items/healthz", from("a"))).status).toBe(429);
  });

  it("says how long, and that a search can never pass, where the limiter knows", async () => {
    let left = 1;
    const mayProceed = async () => left-- > 0 || { retryAfter: 17, most: 3 };
    const { get } = makeIsolate({ LIMITS: "work=4000000" }, { mayProceed });
    const dear = await get("/search?like=item:1&k=300&diversity=0.5", from("a"));
    expect(dear.headers.get("retry-after")).toBe("17");
    expect(dear.body.detail).toMatch(/^This request counts for \d+ of the 3 that a client has: it can never pass$/);
    expect((await get("/search?q=cake", from("a"))).body.detail).toContain("more requests than");
  });

  it("counts a 304, a POST, a wrong method and HEAD", async () => {
    const { taken, mayProceed } = budget(100);
    const { get, post } = makeIsolate({}, { mayProceed });
    await get("/search?q=cake", from("a", { "if-none-match": "*" }));
    await post({ q: "cake" }, { "cf-connecting-ip": "a" });
    await post("{", { "cf-connecting-ip": "a" });
    await get("/search", { method: "PUT", ...from("a") });
    await get("/search?q=cake", { method: "HEAD", ...from("a") });
    expect([...taken]).toEqual([["address:a", 5]]);
  });

  it("counts preflights, which are answered with 429 once it is used up", async () => {
    const { taken, mayProceed } = budget(2);
    const preflight = { origin: "https://a.example", "access-control-request-method": "POST" };
    for (const CORS_ORIGINS of ["*", "https://a.example", undefined]) {
      taken.clear();
      const { get } = makeIsolate({ ...(CORS_ORIGINS !== undefined && { CORS_ORIGINS }) }, { mayProceed });
      const ask = () => get("/search", { method: "OPTIONS", ...from("a", preflight) });
      expect([(await ask()).status, (await ask()).status]).toEqual([204, 204]);
      const { status, headers } = await ask();
      expect([status, headers.get("x-content-type-options")]).toEqual([429, "nosniff"]);
      expect([...taken]).toEqual([["address:a", 3]]);
    }
  });

  it("counts a long body by its length, whatever is wrong with it", async () => {
    const { taken, mayProceed } = budget(100);
    const { post } = makeIsolate({}, { mayProceed });
    const address = { "cf-connecting-ip": "a" };
    expect((await post(`{"q":"a","x":"${"y".repeat(1_000_000)}"}`, address)).status).toBe(400);
    const long = taken.get("address:a")!;
    expect(long).toBeGreaterThanOrEqual(3);
    expect((await post(`{"q":"a","x":1}`, address)).status).toBe(400);
    expect(taken.get("address:a")).toBe(long + 1);
  });

  it("is not multiplied by the header Authorization, where there are no tokens", async () => {
    const { get } = makeIsolate({}, budget(5));
    const statuses = [];
    for (let i = 0; i < 50; i++)
      statuses.push((await get("/search?q=cake", from("192.0.2.9", { authorization: `Bearer ${i}` }))).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
  });

  it("ends guesses of tokens", async () => {
    const { get } = makeIsolate({ SEARCH_TOKENS: "right" }, budget(5));
    const guess = async (token: string) => (await get("/search?q=cake", from("192.0.2.9", bearer(token)))).status;
    for (let i = 0; i < 5; i++) expect(await guess(`wrong-${i}`)).toBe(401);
    expect(await guess("wrong")).toBe(429);
    expect(await guess("right")).toBe(429);
  });

  it("is one for a token, from whatever address and however its header is written", async () => {
    const { taken, mayProceed } = budget(4);
    const { get } = makeIsolate({ SEARCH_TOKENS: "books=one,one-too,films=one" }, { mayProceed });
    const status = async (i: number, scheme: string) =>
      (await get("/search?q=cake&index=books", from(`192.0.2.${i}`, { authorization: `${scheme} one` }))).status;
    const schemes = ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer"];
    expect(await Promise.all(schemes.map((scheme, i) => status(i, scheme)))).toEqual([200, 200, 200, 200, 429]);
    expect(taken.get("token:0")).toBe(5);
    expect((await get("/search?q=cake", from("192.0.2.1", bearer("one-too")))).status).toBe(200);
    expect([...taken.keys()].filter((key) => key.includes("one"))).toEqual([]);
  });

  it("has a limiter of its own for tokens when one is bound", async () => {
    const limiter = (limit: number) => {
      const { mayProceed } = budget(limit);
      return { limit: async ({ key }: { key: string }) => ({ success: await mayProceed(key) }) };
    };
    const { get } = watched({ SEARCH_TOKENS: "t", RATE_LIMIT: limiter(100), TOKEN_RATE_LIMIT: limiter(2) });
    const status = async () => (await get("/search?q=cake", from("192.0.2.1", bearer("t")))).status;
    expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
    const shared = watched({ SEARCH_TOKENS: "t", RATE_LIMIT: limiter(2) });
    expect((await shared.get("/search?q=cake", from("a", bearer("t")))).status).toBe(200);
    expect((await shared.get("/search?q=cake", from("b", bearer("t")))).status).toBe(200);
    expect((await shared.get("/search?q=cake", from("c", bearer("t")))).status).toBe(429);
  });

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1:443", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:1:2::", "2001:db8:1:2"],
    ["2001:0db8:0001:0002:ffff::1", "2001:db8:1:2"],
    ["[2001:db8:1:2::9]:443", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0"],
    ["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"],
    ["::1::", "::1::"],
    ["x".repeat(100), "x".repeat(64)],
  ])("counts %s as %s", (address, expected) => {
    expect(networkOf(address)).toBe(expected);
  });

  it("goes by Cloudflare's word for an address, and by no other header; under Node by the socket's", () => {
    const headers = { "x-forwarded-for": "192.0.2.7", "x-real-ip": "192.0.2.8" };
    const request = (more = {}) => new Request("https://edge.test/", { headers: { ...headers, ...more } });
    expect(clientAddress(request(), {})).toBeUndefined();
    expect(clientAddress(request({ "cf-connecting-ip": "192.0.2.1" }), {})).toBe("192.0.2.1");
    const incoming = { socket: { remoteAddress: "192.0.2.2" } };
    expect(clientAddress(request({ "cf-connecting-ip": "192.0.2.1" }), { incoming })).toBe("192.0.2.2");
  });
});
