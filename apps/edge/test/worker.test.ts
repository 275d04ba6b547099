/** The Worker itself, inside workerd, on a real KV binding: first without an index, then with one. */
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { bruteForce, type Fixture, makeFixture, nlist, publish } from "./fixture.ts";

type Result = { readonly id: string; readonly score: number };

const fetchJson = async (path: string, init?: RequestInit) => {
  const response = await exports.default.fetch(`https://edge.test${path}`, init);
  // biome-ignore lint/suspicious/noExplicitAny: bodies are checked member by member
  return { status: response.status, headers: response.headers, body: (await response.json()) as any };
};

let fixture: Fixture;

describe("before the first publish", () => {
  it.each(["/search?q=cake", "/readyz"])("answers %s with 503 and says what to do", async (path) => {
    const { status, headers, body } = await fetchJson(path);
    expect(status).toBe(503);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(headers.get("retry-after")).toBe("2");
    expect(body).toMatchObject({ type: "urn:poeem-edge:problem:index-unavailable", status: 503 });
    expect(body.detail).toBe("No index has been published yet. Run: poeem publish");
    expect(body.requestId).toBe(headers.get("x-request-id"));
  });

  it("is alive, and says so without an index", async () => {
    expect(await fetchJson("/healthz")).toMatchObject({ status: 200, body: { status: "ok" } });
    expect(await fetchJson("/version")).toMatchObject({
      status: 200,
      body: { name: "poeem-edge", index: null, refreshFailure: expect.stringMatching(/^missing since /) },
    });
  });
});

describe("with an index", () => {
  beforeAll(async () => {
    fixture = await makeFixture(1);
    await publish(env.INDEX, fixture);
    // The cold start above failed; its answer stands for a second.
    await scheduler.wait(1_100);
  });

  it("serves concurrent cold requests, each with the whole answer", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetchJson("/search?q=birthday%20cake")));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toEqual(answers[0]?.body);
    }
  });

  it.each(["birthday cake", "gâteau d'anniversaire", "誕生日", "a", "🎂", "x y z"])(
    "answers %j as brute force over decoded vectors does",
    async (query) => {
      for (const k of [1, 7, 300]) {
        const { body } = await fetchJson(
          `/search?${new URLSearchParams({ q: query, k: String(k), nprobe: String(nlist) })}`,
        );
        const expected = bruteForce(fixture, query, k);
        expect(body).toMatchObject({
          query,
          k,
          nprobe: nlist,
          listsProbed: nlist,
          codesScanned: 300,
          indexVersion: fixture.artifact.version,
        });
        // Scores decide, not ids: float32 may order two items the other way whose scores differ in the eighth digit.
        const scoreOf = new Map(bruteForce(fixture, query, 300).map(({ id, score }) => [id, score]));
        expect(new Set(body.results.map(({ id }: Result) => id)).size).toBe(k);
        for (const [rank, { id, score }] of (body.results as Result[]).entries()) {
          expect(score).toBeCloseTo(expected[rank]!.score, 4);
          expect(score).toBeCloseTo(scoreOf.get(id)!, 4);
        }
      }
    },
  );

  it("visits the cells asked for, and the index's default when none are", async () => {
    const all = await fetchJson("/search?q=cake&nprobe=all&k=300");
    expect(all.body).toMatchObject({ nprobe: nlist, listsProbed: nlist });
    expect(all.body.results).toEqual((await fetchJson(`/search?q=cake&nprobe=${nlist}&k=300`)).body.results);
    const one = await fetchJson("/search?q=cake&nprobe=1&k=300");
    const usual = await fetchJson("/search?q=cake&k=300");
    expect(one.body).toMatchObject({ nprobe: 1, listsProbed: 1 });
    expect(usual.body).toMatchObject({ nprobe: 3, listsProbed: 3 });
    expect(one.body.codesScanned).toBeLessThan(usual.body.codesScanned);
    expect(one.body.results).toHaveLength(one.body.codesScanned);
  });

  it("gives ten results of id, score, title and fields when k is left out", async () => {
    const { body, headers } = await fetchJson("/search?q=%20%20cake%20");
    expect(body.query).toBe("cake");
    expect(body.results).toHaveLength(10);
    const [first] = body.results;
    expect(first).toEqual({
      id: first.id,
      score: first.score,
      confidence: null,
      matched: [],
      title: `title of ${first.id}`,
      fields: { set: expect.stringMatching(/even|odd/), glyph: "🎂", seed: 1 },
    });
    expect(headers.get("content-type")).toContain("application/json");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  });

  it("gives all items when k is above their number, and none when no word is known", async () => {
    expect((await fetchJson(`/search?q=cake&k=1000&nprobe=${nlist}`)).body.results).toHaveLength(300);
    expect((await fetchJson("/search?q=%3F!")).body).toMatchObject({ codesScanned: 0, results: [] });
  });

  it("is ready, and tells what it serves and with which kernel", async () => {
    expect(await fetchJson("/readyz")).toMatchObject({
      status: 200,
      body: { status: "ready", indexVersion: fixture.artifact.version },
    });
    const { body } = await fetchJson("/version");
    expect(body.index).toMatchObject({
      version: fixture.artifact.version,
      numItems: 300,
      dim: 16,
      nlist,
      numSubQuantizers: 8,
      nbits: 4,
      bytesPerItem: 4,
      metric: "innerProduct",
    });
    // The scalar kernel would give the same answers, only slower: without this, nobody would notice.
    expect(body.index.kernel).toMatch(/simd/);
  });

  it("answers HEAD like GET, without a body", async () => {
    const response = await exports.default.fetch("https://edge.test/search?q=cake", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });
});

const searchParameters =
  "q, like, history, vector, embedding, mode, k, nprobe, filter, diversity, exclude, fields, index, " +
  "context.*, embedding.*";

describe("a bad request", () => {
  const long = "a".repeat(10_000);
  it.each([
    ["/search", [["q", "Nothing to search for: give q, history, context, embedding, like or vector"]]],
    ["/search?q=", [["q", "expected some text, got none"]]],
    ["/search?q=%20%09", [["q", "expected some text, got none"]]],
    ["/search?q=cake&k=abc", [["k", 'expected a whole number from 1 to 1000, got "abc"']]],
    ["/search?q=cake&k=0", [["k", "expected a whole number from 1 to 1000, got 0"]]],
    ["/search?q=cake&k=100000", [["k", "expected a whole number from 1 to 1000, got 100000"]]],
    ["/search?q=cake&k=-1", [["k", 'expected a whole number from 1 to 1000, got "-1"']]],
    ["/search?q=cake&k=1.5", [["k", 'expected a whole number from 1 to 1000, got "1.5"']]],
    ["/search?q=cake&k=1e2", [["k", 'expected a whole number from 1 to 1000, got "1e2"']]],
    ["/search?q=cake&k=", [["k", 'expected a whole number from 1 to 1000, got ""']]],
    [
      "/search?q=cake&k=99999999999999999999",
      [["k", 'expected a whole number from 1 to 1000, got "99999999999999999999"']],
    ],
    ["/search?q=cake&nprobe=0", [["nprobe", "expected a whole number from 1 to 1000000, got 0"]]],
    ["/search?q=cake&nprobe=most", [["nprobe", 'expected a whole number from 1 to 1000000, or all, got "most"']]],
    ["/search?q=cake&nprobe=7", [["nprobe", "expected a whole number from 1 to 6, the cells of this index, got 7"]]],
    [`/search?q=${"a".repeat(513)}`, [["q", "expected at most 512 bytes of UTF-8, got 513"]]],
    [`/search?q=${encodeURIComponent("é".repeat(257))}`, [["q", "expected at most 512 bytes of UTF-8, got 514"]]],
    ["/search?q=cake&K=5", [["K", `is unknown; this path accepts ${searchParameters}`]]],
    ["/search?q=cake&__proto__=5", [["__proto__", `is unknown; this path accepts ${searchParameters}`]]],
    ["/search?q=cake&q=pie", [["q", "expected once, got 2 times"]]],
    [
      "/search?k=0&q=",
      [
        ["q", "expected some text, got none"],
        ["k", "expected a whole number from 1 to 1000, got 0"],
      ],
    ],
    ["/version?x=1", [["x", "is unknown; this path accepts index"]]],
    ["/healthz?index=current", [["index", "is unknown; this path accepts no parameters"]]],
  ])("%s is 400 and names the parameter", async (path, errors) => {
    const { status, headers, body } = await fetchJson(path);
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body.errors).toEqual(errors.map(([parameter, detail]) => ({ parameter, detail })));
    // A detail that is a sentence by itself stands without the name.
    for (const [parameter, detail] of errors)
      expect(body.detail).toContain(/^[A-Z]/.test(detail!) ? detail : `"${parameter}" ${detail}`);
  });

  it("with 10 kB of q is a clean 400, not a search", async () => {
    const { status, body } = await fetchJson(`/search?q=${long}`);
    expect(status).toBe(400);
    expect(body.detail).toBe('"q" expected at most 512 bytes of UTF-8, got 10000');
  });

  it("with an endless address is 414", async () => {
    expect(await fetchJson(`/search?q=${long.repeat(4)}`)).toMatchObject({
      status: 414,
      body: { type: "urn:poeem-edge:problem:uri-too-long" },
    });
  });

  it.each(["/nowhere", "/search/", "/search/x", "/__proto__", "/%00", "/%E0%A4%A"])("for %s is 404", async (path) => {
    expect(await fetchJson(path)).toMatchObject({
      status: 404,
      body: { type: "urn:poeem-edge:problem:not-found", status: 404 },
    });
  });

  it.each(["PUT", "DELETE", "PATCH"])("with method %s is 405 and lists what the path takes", async (method) => {
    const { status, headers, body } = await fetchJson("/search?q=cake", { method });
    expect(status).toBe(405);
    expect(headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS");
    expect(body.detail).toBe(`/search accepts GET, HEAD, POST, OPTIONS, got ${method}`);
  });
});
