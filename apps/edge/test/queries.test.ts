/** What can be asked, each kind against brute force over decoded vectors. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeVector } from "../src/http/vector.ts";
import { dim, type Fixture, makeFixture, nlist, publish, rank, setOf, tagsOf, textVector, yearOf } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

type Result = { readonly id: string; readonly score: number };

const { get, post } = makeIsolate();
const all = `&nprobe=${nlist}`;
let fixture: Fixture;
beforeAll(async () => {
  fixture = await makeFixture(21);
  await publish(env.INDEX, fixture);
});

/** Same scores rank by rank, and each id with its own score. */
function expectRanking(results: readonly Result[], expected: readonly Result[]) {
  expect(results).toHaveLength(expected.length);
  const scoreOf = new Map(expected.map(({ id, score }) => [id, score]));
  for (const [i, { id, score }] of results.entries()) {
    expect(score).toBeCloseTo(expected[i]!.score, 4);
    expect(score).toBeCloseTo(scoreOf.get(id) ?? Number.NaN, 4);
  }
}
const vectorOf = (id: string) => fixture.decoded[fixture.ids.indexOf(id)]!;

describe("like=", () => {
  it.each(["item:0", "item:17", "item:299"])(
    "%s gives what is nearest to its decoded vector, without itself",
    async (id) => {
      const { status, body } = await get(`/search?like=${id}&k=300${all}`);
      expect(status).toBe(200);
      expect(body).toMatchObject({ query: null, codesScanned: 300 });
      expectRanking(
        body.results,
        rank(fixture, vectorOf(id)).filter((item) => item.id !== id),
      );
      expect((await get(`/search?like=${id}&k=5${all}`)).body.results).toHaveLength(5);
    },
  );

  it("an unknown id is 400", async () => {
    expect(await get("/search?like=item:300")).toMatchObject({
      status: 400,
      body: { errors: [{ parameter: "like", detail: 'expected ids of items of this index, got "item:300"' }] },
    });
  });
});

describe("vector=", () => {
  const vector = Float32Array.from({ length: dim }, (_, d) => Math.sin(d * 12.9898) * 2);

  it("takes base64url and JSON, as GET and as POST, to the same answer", async () => {
    const expected = rank(fixture, vector).slice(0, 20);
    const answers = [
      await get(`/search?vector=${encodeVector(vector)}&k=20${all}`),
      await get(`/search?vector=${encodeURIComponent(JSON.stringify([...vector]))}&k=20${all}`),
      await post({ vector: [...vector], k: 20, nprobe: nlist }),
      await post({ vector: encodeVector(vector), k: 20, nprobe: nlist }),
    ];
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expectRanking(body.results, expected);
      expect(body).toEqual(answers[0]!.body);
    }
  });

  it.each([
    ["AAAA", "expected float32 as base64url or a list of numbers, got something else"],
    ["A*", "expected float32 as base64url or a list of numbers, got something else"],
    ["[1,2", "expected float32 as base64url or a list of numbers, got something else"],
    ["[]", "expected float32 as base64url or a list of numbers, got something else"],
    ['[1,"2"]', "expected float32 as base64url or a list of numbers, got something else"],
    ["[1,2]", "expected 16 numbers, the dim of this index, got 2"],
    ["[0,1e-50]", "expected zeros alone or a number that is not 0 in float32, got smaller ones"],
    [
      JSON.stringify(Array.from({ length: dim }, (_, d) => 1e-38 * (d - 3))),
      expect.stringMatching(/^expected a vector of a length \(norm\) of 0, or 1e-30 to 1000000000000000000, got \d/),
    ],
    ["[1e39]", "expected finite float32 numbers, got Infinity at 0"],
    [encodeVector(Float32Array.of(0, Number.NaN)), "expected finite float32 numbers, got NaN at 1"],
  ])("%s is 400", async (text, detail) => {
    expect(await get(`/search?vector=${encodeURIComponent(text)}`)).toMatchObject({
      status: 400,
      body: { errors: [{ parameter: "vector", detail }] },
    });
  });
});

describe("history=", () => {
  it("gives what is near to any of its items, without them", async () => {
    const history = ["item:5", "item:140", "item:77"];
    const rankings = history.map((id) => new Map(rank(fixture, vectorOf(id)).map((item) => [item.id, item.score])));
    const expected = fixture.ids
      .filter((id) => !history.includes(id))
      .map((id) => ({ id, score: Math.max(...rankings.map((ranking) => ranking.get(id)!)) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 50);
    const asGet = await get(`/search?history=${history.join(",")}&k=50${all}`);
    expectRanking(asGet.body.results, expected);
    expect((await post({ history, k: 50, nprobe: nlist })).body).toEqual(asGet.body);
  });

  it.each([
    ["", "expected at least one id, got none"],
    [",", "expected at least one id, got none"],
    ["item:1,nobody", 'expected ids of items of this index, got "nobody"'],
    [Array(1001).fill("item:1").join(","), "expected at most 1000 values, got 1001"],
  ])("%j is 400", async (text, detail) => {
    expect(await get(`/search?history=${text}`)).toMatchObject({
      status: 400,
      body: { errors: [{ parameter: "history", detail }] },
    });
  });
});

describe("filter=", () => {
  it.each(["q=qzxwvk", "q=cake&mode=dense", 'q="qzxwvk"', `vector=[${Array(16).fill(0)}]`])(
    "that is wrong is a 400 also where %s finds nothing",
    async (query) => {
      const { status, body } = await get(`/search?${encodeURI(query)}&filter=couleur:red`);
      expect({ status, parameter: body.errors?.[0].parameter }).toEqual({ status: 400, parameter: "filter" });
    },
  );

  it("takes more values of a facet in a body than an address has room for, and says what is too much", async () => {
    const ticked = (n: number) => Array.from({ length: n }, (_, i) => `set:some-value-${i}`).join(" OR ");
    expect((await post({ q: "cake", filter: `set:even OR ${ticked(250)}` })).status).toBe(200);
    const inAddress = await get(`/search?q=cake&filter=${encodeURIComponent(ticked(250))}`);
    expect(inAddress.body.errors[0].detail).toMatch(/^expected at most 2000 bytes of UTF-8, got \d{4}$/);
    const { body } = await post({ q: "cake", filter: ticked(500) });
    expect(body.errors[0].detail).toMatch(/^expected at most 8000 bytes of UTF-8, got \d{5}$/);
  });

  it.each<[string, (i: number) => boolean]>([
    ["set:even", (i) => setOf(i) === "even"],
    ["NOT set:even", (i) => setOf(i) !== "even"],
    ['tag:"by (5)"', (i) => tagsOf(i).includes("by (5)")],
    [
      'set:odd AND tag:"by 3" OR year>=2015',
      (i) => (setOf(i) === "odd" && tagsOf(i).includes("by 3")) || yearOf(i) >= 2015,
    ],
    [
      'set:odd AND (tag:"by 3" OR year<1983)',
      (i) => setOf(i) === "odd" && (tagsOf(i).includes("by 3") || yearOf(i) < 1983),
    ],
    ["year>1990 AND year<=1992", (i) => yearOf(i) > 1990 && yearOf(i) <= 1992],
    ["NOT year<2000", (i) => !(yearOf(i) < 2000)],
    ["year=1999", (i) => yearOf(i) === 1999],
    ["set:neither", () => false],
  ])("%s keeps exactly the items for which it holds", async (filter, holds) => {
    const kept = new Set(fixture.ids.filter((_, i) => holds(i)));
    const expected = rank(fixture, textVector(fixture, "cake")).filter(({ id }) => kept.has(id));
    const { status, body } = await get(`/search?q=cake&k=300&filter=${encodeURIComponent(filter)}${all}`);
    expect(status).toBe(200);
    expectRanking(body.results, expected);
    const [asPost] = (await post([{ q: "cake", k: 300, filter, nprobe: nlist }])).body;
    expect(asPost).toEqual(body);
  });

  it("goes together with history and exclude", async () => {
    const { body } = await get(`/search?history=item:2,item:4&filter=set:even&exclude=item:6&k=300${all}`);
    const expected = fixture.ids.filter((id, i) => i % 2 === 0 && !["item:2", "item:4", "item:6"].includes(id));
    expect(body.results.map(({ id }: Result) => id).sort()).toEqual(expected.sort());
  });

  it.each([
    ["colour:red", 'expected one of set, tag, got "colour"'],
    ["size>3", 'expected one of year, got "size"'],
    ["set:", "expected a value after set: at character 5, got the end"],
    ["(set:even", "expected ) at character 10, got the end"],
  ])("%s is 400 and says what is wrong", async (filter, detail) => {
    const { status, body } = await get(`/search?q=cake&filter=${encodeURIComponent(filter)}`);
    expect(status).toBe(400);
    expect(body.errors[0]).toMatchObject({ parameter: "filter", detail: detail });
  });
});

describe("exclude= and fields=", () => {
  it("leave out exactly the ids named, and fill up with the next best", async () => {
    const query = "birthday cake";
    const ranking = rank(fixture, textVector(fixture, query));
    const exclude = ranking.slice(0, 40).filter((_, i) => i % 2 === 0);
    const ids = exclude.map(({ id }) => id);
    const expected = ranking.filter(({ id }) => !ids.includes(id)).slice(0, 30);
    const asGet = await get(`/search?q=${query}&k=30&exclude=${ids.join(",")},unknown${all}`);
    const asPost = await post({ q: query, k: 30, exclude: [...ids, "unknown", 7], nprobe: nlist });
    expectRanking(asGet.body.results, expected);
    expect(asPost.body).toEqual(asGet.body);
  });

  it("return the fields named, in any case the title", async () => {
    const [result] = (await get("/search?q=cake&k=1&fields=set,missing")).body.results;
    expect(result).toEqual({ ...result, title: `title of ${result.id}`, fields: { set: expect.any(String) } });
    expect((await get("/search?q=cake&k=1&fields=")).body.results[0].fields).toEqual({});
    expect((await post({ q: "cake", k: 1, fields: ["__proto__", "seed"] })).body.results[0].fields).toEqual({
      seed: 21,
    });
  });
});

describe("POST /search", () => {
  it("answers a list in order, each as it would be alone", async () => {
    const searches = [
      { q: "cake" },
      { like: "item:3", k: 3 },
      { q: "?!" },
      { q: "誕生日", nprobe: 1, exclude: ["item:1"] },
    ];
    const { status, body } = await post(searches);
    expect(status).toBe(200);
    expect(body).toHaveLength(4);
    for (const [i, search] of searches.entries()) expect(body[i]).toEqual((await post(search)).body);
  });

  it.each([
    ["nothing", "", 400, "The body expected JSON, got something else"],
    ["half of JSON", '{"q":', 400, "The body expected JSON, got something else"],
    ["an empty list", [], 400, "The body expected at least one search, got an empty list"],
    ["33 searches", Array(33).fill({ q: "a" }), 400, "The body expected at most 32 searches, got 33"],
    [
      "too many results",
      Array(3).fill({ q: "a", k: 1000 }),
      400,
      '"k" expected at most 2000 in all searches together, got 3000',
    ],
    ["an unknown member", { q: "a", K: 3 }, 400, '"K" is unknown'],
    ["k as text", { q: "a", k: "3" }, 400, '"k" expected a whole number from 1 to 1000, got "3"'],
    ["k as a fraction", { q: "a", k: 1.5 }, 400, '"k" expected a whole number from 1 to 1000, got 1.5'],
    [
      "a wrong search in a list",
      [{ q: "a" }, { q: "a", nprobe: 0 }],
      400,
      '"1.nprobe" expected a whole number from 1 to 1000000, got 0',
    ],
    [
      "two queries in one",
      { q: "a", like: "item:1" },
      400,
      '"q" expected like, vector, or any of q, history, context and embedding, got q and like',
    ],
    ["q as a list", { q: ["a"] }, 400, '"q" expected text, got a list of 1'],
    ["exclude as text", { q: "a", exclude: "item:1" }, 400, '"exclude" expected a list of ids, got "item:1"'],
    [
      "1001 excluded ids",
      { q: "a", exclude: Array(1001).fill("x") },
      400,
      '"exclude" expected at most 1000 values, got 1001',
    ],
    [
      "more than a megabyte",
      { q: "a", exclude: ["x".repeat(1_048_576)] },
      413,
      "The body expected at most 1048576 bytes",
    ],
  ])("with %s is refused whole", async (_, body, status, detail) => {
    const answer = await post(body);
    expect(answer).toMatchObject({ status, body: { status } });
    expect(answer.body.detail).toBe(detail);
  });

  it("in another type than JSON is 415", async () => {
    expect((await post("q=cake", { "content-type": "application/x-www-form-urlencoded" })).status).toBe(415);
  });
});

describe("GET /items/{id}", () => {
  it("gives the item, its title and its fields", async () => {
    const { status, headers, body } = await get("/items/item%3A7");
    expect(status).toBe(200);
    expect(body).toEqual({
      id: "item:7",
      indexVersion: fixture.artifact.version,
      title: "title of item:7",
      fields: { set: "odd", glyph: "🎂", seed: 21 },
    });
    expect((await get("/items/item:7", { headers: { "if-none-match": headers.get("etag")! } })).status).toBe(304);
  });

  it.each(["item:300", "__proto__", "%F0%9F%8E%82", "a%2Fb"])("%s, which is not there, is 404", async (id) => {
    const { status, body } = await get(`/items/${id}`);
    expect(status).toBe(404);
    expect(body.detail).toContain("has no item");
  });
});

describe("diversity=", () => {
  const cosine = (a: string, b: string) => {
    const [x, y] = [vectorOf(a), vectorOf(b)];
    const dot = (u: Float32Array, v: Float32Array) => u.reduce((sum, value, d) => sum + value * v[d]!, 0);
    return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
  };

  it.each([0.2, 0.5, 1])(
    "%d picks as maximal marginal relevance does among four times as many candidates",
    async (diversity) => {
      const k = 12;
      const candidates = rank(fixture, textVector(fixture, "cake")).slice(0, 4 * k);
      const [best, worst] = [candidates[0]!.score, candidates.at(-1)!.score];
      const expected = [candidates[0]!.id];
      while (expected.length < k) {
        const value = ({ id, score }: Result) =>
          (1 - diversity) * ((score - worst) / (best - worst)) -
          diversity * Math.max(...expected.map((other) => cosine(id, other)));
        const rest = candidates.filter(({ id }) => !expected.includes(id));
        expected.push(rest.reduce((a, b) => (value(b) > value(a) ? b : a)).id);
      }
      const { body } = await get(`/search?q=cake&k=${k}&diversity=${diversity}${all}`);
      expect(body.results.map(({ id }: Result) => id)).toEqual(expected);
      expect((await post({ q: "cake", k, diversity, nprobe: nlist })).body).toEqual(body);
    },
  );

  it("0 is the plain ranking, and more of it makes results less alike", async () => {
    const ids = async (diversity: number): Promise<string[]> =>
      (await get(`/search?q=cake&k=12&diversity=${diversity}${all}`)).body.results.map(({ id }: Result) => id);
    expect(await ids(0)).toEqual(
      rank(fixture, textVector(fixture, "cake"))
        .slice(0, 12)
        .map(({ id }) => id),
    );
    const alike = (list: string[]) =>
      list.flatMap((a, i) => list.slice(i + 1).map((b) => cosine(a, b))).reduce((sum, value) => sum + value, 0);
    expect(alike(await ids(1))).toBeLessThan(alike(await ids(0)));
  });

  it.each(["-0.1", "1.5", "2", "x", "", "1e-3", ".5"])("%j is 400", async (text) => {
    const { status, body } = await get(`/search?q=cake&diversity=${text}`);
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      { parameter: "diversity", detail: `expected a number from 0 to 1, got ${JSON.stringify(text)}` },
    ]);
  });
});

describe("GET /facets", () => {
  it("counts the items of each value, and what it names can be filtered by", async () => {
    const { status, body, headers } = await get("/facets");
    expect(status).toBe(200);
    expect(body).toEqual({
      indexVersion: fixture.artifact.version,
      facets: { set: { even: 150, odd: 150 }, tag: { "by 3": 100, "by (5)": 60 } },
      numbers: ["year"],
    });
    expect((await get("/facets", { headers: { "if-none-match": headers.get("etag")! } })).status).toBe(304);
    for (const [facet, values] of Object.entries(body.facets as Record<string, Record<string, number>>)) {
      for (const [value, count] of Object.entries(values)) {
        const filter = encodeURIComponent(`${facet}:"${value}"`);
        expect((await get(`/search?q=cake&k=300&filter=${filter}${all}`)).body.results).toHaveLength(count);
      }
    }
  });
});
