/**
 * Malformed requests, made by a seeded generator: never a 500, never an answer that is not JSON. `FUZZ=50000` runs as
 * many.
 */
import { env } from "cloudflare:workers";
import { beforeAll, expect, inject, it } from "vitest";
import { SEARCH_MEMBERS } from "../src/http/requests.ts";
import { makeFixture, makeShop, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

beforeAll(async () => {
  await publish(env.INDEX, await makeFixture(41));
  // Also asked, because some of the words are names: one whose model reads histories and contexts, and has words.
  for (const name of ["cake", "true"]) await publish(env.INDEX, await makeShop(42, 300, "mean"), undefined, name);
});

let state = 20261122;
function below(n: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}
const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;

const words = [
  "",
  " ",
  "cake",
  "🎂",
  "\u0000",
  "\ud800",
  "%",
  "%zz",
  "%E0%A4%A",
  "a".repeat(600),
  "é".repeat(300),
  "__proto__",
  "constructor",
  "item:1",
  "item:1,item:2",
  ",,,",
  "../../etc",
  "<script>",
  "'\"`;--",
  "null",
  "undefined",
  "true",
  "[]",
  "{}",
  "[1,2",
  "\r\nX: y",
  "ﷺ",
  "\u202e",
  "1".repeat(400),
  "red jaket",
  '"red jacket" -lamp ab-1017',
  "-red",
  '-"',
  "- - -",
  '"'.repeat(512),
  "-a ".repeat(170),
  "ab".repeat(256),
  "the of",
  "words",
  "hybrid",
];
const numbers = [
  "0",
  "1",
  "10",
  "1000",
  "1001",
  "-1",
  "1.5",
  "1e3",
  "0x10",
  "NaN",
  "Infinity",
  "9".repeat(30),
  "٣",
  " 5",
  "+5",
  "",
  "1,2",
  "99999",
];
const vectors = [
  "AAAA",
  "AAAAAA",
  "=",
  "[NaN]",
  "[1e400]",
  `[${"0,".repeat(15)}0]`,
  `[${"1,".repeat(15)}1]`,
  "AACAfwAAgH8",
  "A".repeat(88),
  "[[]]",
  "[null]",
  '["1"]',
  "[".repeat(500),
];
const names = [
  "q",
  "like",
  "vector",
  "embedding",
  "k",
  "mode",
  "index",
  "nprobe",
  "exclude",
  "fields",
  "history",
  "diversity",
  "Q",
  "__proto__",
  "toString",
  "q[]",
  "q.x",
  "",
  "k\u0000",
  "filter",
  "index",
  "context",
  "context.",
  "context.device",
  "context.__proto__",
  "embedding.vec",
  "embedding.__proto__",
];
const paths = [
  "/search",
  "/search",
  "/search",
  "/search",
  "/suggest",
  "/items/x",
  "/items/",
  "/items/%FF",
  "/items/%2e%2e",
  "/version",
  "/readyz",
  "/healthz",
  "/openapi.json",
  "//search",
  "/search//",
  "/SEARCH",
  "/%73earch",
  "/nowhere",
  "/.",
  "/__proto__",
];
const filters = [
  "set:even",
  "(",
  "NOT NOT set:odd",
  "nothing:x",
  "year>1e999",
  "set:even AND",
  'tag:"',
  "year<2000 OR year>2000",
];
const valueFor = (name: string): string =>
  name === "filter"
    ? pick(filters)
    : name === "vector"
      ? pick(vectors)
      : name === "k" || name === "nprobe" || name === "diversity"
        ? pick(numbers)
        : pick(words);
const encode = (text: string): string =>
  below(8) === 0 ? text.replace(/[#\s\ud800-\udfff]/gu, "") : encodeURIComponent(text.toWellFormed());

function anyJson(depth = 0): unknown {
  const kind = below(depth > 3 ? 6 : 9);
  if (kind < 2) return pick(words);
  if (kind === 2) return pick([0, -0, 1, -1, 1.5, 1e308, 2 ** 53, 10, null, true]);
  if (kind === 3) return Array.from({ length: 16 }, () => pick([0, 1, -1, 1e39, 1e-45]));
  if (kind < 6) return pick([null, [], {}, "item:1", 5]);
  if (kind === 6) return Array.from({ length: below(40) }, () => anyJson(depth + 1));
  return Object.fromEntries(Array.from({ length: below(5) }, () => [pick(names), anyJson(depth + 1)]));
}

function anyBody(): string {
  const text = JSON.stringify(below(3) === 0 ? anyJson() : { q: pick(words), ...(anyJson() as object) });
  if (below(4) > 0) return text;
  // Broken JSON: a cut, or one character changed.
  const at = below(text.length + 1);
  return below(2)
    ? text.slice(0, at)
    : text.slice(0, at) + pick(["{", "}", "\\u0000", "\u0000", "'", ","]) + text.slice(at + 1);
}

function anyRequest(): [path: string, init: RequestInit] {
  const query = Array.from({ length: below(5) }, () => pick(names)).map(
    (name) => `${encode(name)}=${encode(valueFor(name))}`,
  );
  const path = pick(paths) + (query.length > 0 ? `?${query.join("&")}` : "");
  const method = pick(["GET", "GET", "GET", "HEAD", "POST", "POST", "OPTIONS", "PUT", "DELETE"]);
  const headers: Record<string, string> = {
    [pick(["if-none-match", "x-request-id", "authorization", "origin", "accept"])]: pick([
      "*",
      '"x"',
      "W/",
      "a b",
      "Bearer x",
      "x".repeat(300),
    ]),
  };
  if (method !== "POST" && method !== "PUT") return [path, { method, headers }];
  headers["content-type"] = pick([
    "application/json",
    "application/json",
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "application/jsonp",
    "",
  ]);
  if (headers["content-type"] === "") delete headers["content-type"];
  return [path, { method, headers, body: anyBody() }];
}

it("answers everything with JSON and a status of its own making", async () => {
  const { request, logged } = makeIsolate();
  const statuses = new Map<number, number>();
  for (let i = 0; i < inject("fuzzRequests"); i++) {
    const [path, init] = anyRequest();
    const response = await request(path, init);
    const text = await response.text();
    const what = `${init.method} ${path} ${init.body ?? ""}`.slice(0, 300);
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    expect([200, 204, 304, 400, 404, 405, 414, 415], what).toContain(response.status);
    if (init.method !== "HEAD" && text !== "") expect(() => JSON.parse(text), what).not.toThrow();
    if (response.status >= 400) expect(response.headers.get("content-type"), what).toBe("application/problem+json");
  }
  // The generator reaches what it is meant to reach; a fuzz that only makes 404s would pass for ever.
  for (const status of [200, 204, 400, 404, 405, 415])
    expect(statuses.get(status) ?? 0, `status ${status}`).toBeGreaterThan(0);
  expect(logged.filter(({ level }) => level === "error")).toEqual([]);
});

it("says what it got of each member of a body, also what refuses to become a string or is long", async () => {
  const { post, logged } = makeIsolate();
  const hostile = [{ toString: 1 }, [{ toString: 1, valueOf: 1 }], [5], "9".repeat(5000), null, 1e300];
  for (const member of SEARCH_MEMBERS)
    for (const value of hostile)
      for (const body of [{ q: "cake", [member]: value }, [{ q: "cake", [member]: value }]]) {
        const { status, body: answer } = await post(body);
        expect([200, 400], `${member} ${JSON.stringify(value)}`).toContain(status);
        expect(JSON.stringify(answer).length).toBeLessThan(5000);
      }
  expect(logged.filter(({ level }) => level === "error")).toEqual([]);
  const got = async (nprobe: unknown) => (await post({ q: "cake", nprobe })).body.errors[0].detail;
  const expected = "expected a whole number from 1 to 1000000, or all, got";
  expect(await got({ toString: 1 })).toBe(`${expected} an object`);
  expect(await got([5])).toBe(`${expected} a list of 1`);
  expect(await got("7")).toBe(`${expected} "7"`);
  expect(await got("7".repeat(50))).toBe(`${expected} "${"7".repeat(40)}…"`);
});
