/** The typed client against the app: the types are checked by the compiler, the rest here. */
import { env } from "cloudflare:workers";
import { beforeAll, expect, expectTypeOf, it } from "vitest";
import { createClient, encodeVector } from "../src/client.ts";
import { bruteForce, dim, type Fixture, makeFixture, nlist, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const { request } = makeIsolate({ SEARCH_TOKENS: "secret" });
const options = {
  headers: { Authorization: "Bearer secret" },
  fetch: (input: RequestInfo | URL, init?: RequestInit) => {
    const { pathname, search } = new URL(input instanceof Request ? input.url : input);
    return request(pathname + search, init);
  },
};
const client = createClient("https://edge.test", options);
let fixture: Fixture;
beforeAll(async () => {
  fixture = await makeFixture(61);
  await publish(env.INDEX, fixture);
});

it("searches, and the answer has the type that the route declares", async () => {
  const response = await client.search.$get({ query: { q: "birthday cake", k: "5", nprobe: String(nlist) } });
  if (response.status !== 200) return expect.unreachable(String(response.status));
  const { results, indexVersion } = await response.json();
  expectTypeOf(results[0]!.score).toEqualTypeOf<number>();
  expectTypeOf(results[0]!.title).toEqualTypeOf<string | null>();
  expect(indexVersion).toBe(fixture.artifact.version);
  expect(results.map(({ id }) => id)).toEqual(bruteForce(fixture, "birthday cake", 5).map(({ id }) => id));
});

it("posts batches, looks items up, and reads what is served", async () => {
  const vector = encodeVector(Float32Array.from({ length: dim }, (_, d) => d + 1));
  const batch = await client.search.$post({
    json: [
      { q: "cake", k: 2 },
      { vector, k: 3 },
    ],
  });
  expect(((await batch.json()) as { results: unknown[] }[]).map(({ results }) => results.length)).toEqual([2, 3]);
  const item = await client.items[":id"].$get({ param: { id: "item:4" }, query: {} });
  expect(await item.json()).toMatchObject({ id: "item:4", title: "title of item:4" });
  const version = await client.version.$get({ query: { index: "current" } });
  expect(await version.json()).toMatchObject({ index: { numItems: 300 } });
});

it("gives problems as they are", async () => {
  const response = await client.search.$get({ query: { q: "cake", k: "0" } });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ type: "urn:poeem-edge:problem:invalid-request" });
  const anonymous = createClient("https://edge.test", { fetch: options.fetch });
  expect((await anonymous.search.$get({ query: { q: "cake" } })).status).toBe(401);
});
