/** Search by words beside codes: modes, what a text may say, suggestions, and indexes that have no words. */
import { env } from "cloudflare:workers";
import { chunkKey } from "@poeem/pq-core/kv";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createClient } from "../src/client.ts";
import { type Fixture, makeFixture, makeShop, nlist, publish, setOf } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";
import { codeOf, colourOf, POPULAR, shopTitle, thingOf, wordFacts } from "./word-fixture.ts";

interface Result {
  readonly id: string;
  readonly score: number;
  readonly confidence: number;
  readonly matched: readonly string[];
  readonly title: string;
}

const all = `&nprobe=${nlist}`;
const path = (q: string, more = "") => `/search?q=${encodeURIComponent(q)}${more}`;
const titlesOf = ({ body }: { body: { results: Result[] } }) => body.results.map(({ title }) => title);
const { get, post } = makeIsolate();
let shop: Fixture;
beforeAll(async () => {
  shop = await makeShop(71);
  await publish(env.INDEX, shop);
  await publish(env.INDEX, await makeFixture(72), undefined, "codes");
  await publish(env.INDEX, await makeShop(73, 300, "mean"), undefined, "mean");
});

describe("mode=", () => {
  it("is hybrid for a text, dense for all else, and part of the ETag", async () => {
    const etagOf = async (more: string) => (await get(path("red jacket", more))).headers.get("etag");
    const usual = await get(path("red jacket"));
    expect(usual).toMatchObject({ status: 200, body: { mode: "hybrid" } });
    expect(await etagOf("&mode=hybrid")).toBe(usual.headers.get("etag"));
    const etags = new Set([usual.headers.get("etag"), await etagOf("&mode=dense"), await etagOf("&mode=words")]);
    expect(etags.size).toBe(3);
    for (const question of ["like=item:1", "history=item:1,item:2", "like=item:1&filter=set:none"])
      expect((await get(`/search?${question}`)).body).toMatchObject({ mode: "dense", confidence: null });
    expect((await post({ q: "red jacket", mode: "words" })).body.mode).toBe("words");
  });

  it.each(["birthday cake", "gateau", "誕生日"])(
    "orders %j by the weights of /version times the scores of the other two modes",
    async (q) => {
      const scoresIn = async (mode: string) => {
        const { body } = await get(path(q, `&k=300&mode=${mode}${all}`));
        expect(body).toMatchObject({ mode });
        const { results } = body as { results: Result[] };
        for (const [i, { score }] of results.entries())
          expect(score).toBeLessThanOrEqual(results[i - 1]?.score ?? score);
        return new Map(results.map(({ id, score }) => [id, score]));
      };
      const [hybrid, dense, words] = [await scoresIn("hybrid"), await scoresIn("dense"), await scoresIn("words")];
      const { weights } = (await get("/version")).body.index.words;
      expect(weights).toEqual({ dense: wordFacts.dense, words: wordFacts.words });
      expect(hybrid.size).toBe(300);
      expect(words.size).toBeGreaterThan(5);
      for (const share of words.values()) expect(share).toBeLessThanOrEqual(1);
      for (const [id, score] of hybrid)
        expect(score).toBeCloseTo(weights.dense * dense.get(id)! + weights.words * (words.get(id) ?? 0), 3);
    },
  );

  it.each([
    ["/search?q=a&mode=fast", "mode", 'expected one of hybrid, dense, words, got "fast"'],
    ["/search?q=a&mode=", "mode", 'expected one of hybrid, dense, words, got ""'],
    ["/search?like=item:1&mode=words", "mode", "expected dense, got words: words need a text"],
    ["/search?like=item:1&mode=hybrid", "mode", "expected dense, got hybrid: words need a text"],
    [
      "/search?q=a&history=item:1&mode=words",
      "mode",
      "expected hybrid or dense, got words, which read no history; exclude leaves items out",
    ],
    ["/search?q=a&mode=words&index=codes", "mode", "cannot be used: this index was published without words"],
    ["/search?q=a&mode=hybrid&index=codes", "mode", "cannot be used: this index was published without words"],
    ["/suggest?q=a&index=codes", "q", "cannot be used: this index was published without words"],
    ["/suggest", "q", "expected text, got nothing"],
    ["/suggest?q=a&k=51", "k", "expected a whole number from 1 to 50, got 51"],
    [`/suggest?q=${"a".repeat(513)}`, "q", "expected at most 512 bytes of UTF-8, got 513"],
  ])("%s is 400", async (path, parameter, detail) => {
    expect(await get(path)).toMatchObject({ status: 400, body: { errors: [{ parameter, detail }] } });
  });

  it("without words is dense, and says nothing of confidence", async () => {
    const { body } = await get(path("cake", "&index=codes"));
    expect(body).toMatchObject({ mode: "dense", confidence: null });
    for (const result of body.results) expect(result).toMatchObject({ confidence: null, matched: [] });
    expect((await get("/version?index=codes")).body.index.words).toBeNull();
    expect((await get("/version")).body.index.words.terms).toBeGreaterThan(300);
  });
});

describe("a text", () => {
  it.each([
    [codeOf(17), 17],
    ["ab1017x", 17],
    ["ab 1017 x", 17],
    ["item:123", 123],
    [shopTitle(60), 60],
    [shopTitle(60).toUpperCase(), 60],
    [shopTitle(3).replaceAll(" ", "  "), 3],
  ])("%j finds what has this name first, sure of it", async (q, i) => {
    for (const nprobe of [1, nlist]) {
      const { body } = await get(path(q, `&nprobe=${nprobe}`));
      expect(body.results[0]).toMatchObject({ id: `item:${i}`, title: shopTitle(i), confidence: 1 });
      expect(body.confidence).toBe(1);
    }
  });

  it("finds items with all its words before others, and says which words they have", async () => {
    const { body } = await get(path("red jacket"));
    for (const result of body.results.slice(0, 10) as Result[]) {
      expect(result.title).toMatch(/^red jacket /);
      expect([...result.matched].sort()).toEqual(["jacket", "red"]);
    }
  });

  it("takes misspelt words and an unfinished last one", async () => {
    for (const q of ["red jaket", "red jakcet", "red jack", "yellow roc", "yelow rocket"]) {
      const [colour, thing] = q.startsWith("red") ? ["red", "jacket"] : ["yellow", "rocket"];
      const [best] = titlesOf(await get(path(q)));
      expect(best, q).toContain(`${colour} ${thing}`);
    }
  });

  it("requires what is in quotes, and leaves out what has a minus", async () => {
    const quoted = await get(path('"red" jacket', "&k=300"));
    expect(quoted.body.results.length).toBeGreaterThan(0);
    for (const title of titlesOf(quoted)) expect(title).toMatch(/\bred\b/);
    for (const mode of ["hybrid", "words"]) {
      const without = await get(path("jacket -red", `&k=300&mode=${mode}${all}`));
      expect(without.body.results.length, mode).toBeGreaterThan(9);
      for (const title of titlesOf(without)) expect(title).not.toMatch(/\bred\b/);
      expect(titlesOf(without)[0]).toContain("jacket");
    }
  });

  it.each(["-red", "-red -jacket", '-"red jacket"'])("%j, which only excludes, is 400 and names q", async (q) => {
    const { status, body } = await get(path(q));
    expect(status).toBe(400);
    expect(body.errors[0].parameter).toBe("q");
    expect((await post([{ q: "red" }, { q }])).status).toBe(400);
  });

  it.each(["a", "r", "the of and", "?!", "-", '"', '""', "é".repeat(256), "x ".repeat(256), "red ".repeat(128)])(
    "%j is answered in every mode",
    async (q) => {
      for (const mode of ["hybrid", "dense", "words"]) {
        const { status, body } = await get(path(q, `&mode=${mode}`));
        expect(status, `${mode} ${JSON.stringify(body)}`).toBe(200);
        expect(body.confidence).toBe(body.results[0]?.confidence ?? 0);
      }
      expect((await get(`/suggest?q=${encodeURIComponent(q)}`)).status).toBe(200);
    },
  );

  it("of which nothing is known finds nothing, and is sure of nothing", async () => {
    expect((await get(path("qqqqqzzzz"))).body).toMatchObject({ mode: "hybrid", confidence: 0, results: [] });
  });
});

describe("with words, too,", () => {
  it("filter, exclude and fields hold", async () => {
    const filtered = await get(path("red jacket", "&filter=set:even&k=300"));
    const { results } = filtered.body as { results: Result[] };
    for (const { id } of results) expect(setOf(Number(id.slice(5)))).toBe("even");
    expect(results[0]!.title).toMatch(/^red jacket /);
    const best = results.slice(0, 3).map(({ id }) => id);
    const rest = await get(path("red jacket", `&filter=set:even&k=297&exclude=${best.join()}`));
    expect(rest.body.results.map(({ id }: Result) => id)).toEqual(
      results
        .slice(3)
        .map(({ id }) => id)
        .slice(0, 297),
    );
    expect((await get(path(codeOf(5), "&exclude=item:5&k=300"))).body.results).not.toContainEqual(
      expect.objectContaining({ id: "item:5" }),
    );
    expect((await get(path("red", "&k=1&fields=set"))).body.results[0].fields).toEqual({ set: expect.any(String) });
  });

  it("diversity keeps the best first, and an item that was named does not make all others alike", async () => {
    for (const q of ["red jacket", `${codeOf(8)}`]) {
      const plain = (await get(path(q))).body.results;
      const diverse = (await get(path(q, "&diversity=0.5"))).body.results;
      expect(diverse[0]).toEqual(plain[0]);
      expect(new Set(diverse.map(({ id }: Result) => id)).size).toBe(10);
    }
  });

  it("a history goes with a text, and its items stay out", async () => {
    const history = Array.from({ length: 300 }, (_, i) => i)
      .filter((i) => colourOf(i) === "red" && thingOf(i) === "jacket")
      .slice(0, 2)
      .map((i) => `item:${i}`);
    const { status, body } = await get(path("red jacket", `&history=${history.join()}&index=mean`));
    expect({ status, mode: body.mode }).toEqual({ status: 200, mode: "hybrid" });
    expect(body.results[0].title).toMatch(/^red jacket /);
    for (const { id } of body.results) expect(history).not.toContain(id);
  });

  it("POST answers as GET does, in batches of all modes", async () => {
    const searches = ["hybrid", "dense", "words"].map((mode) => ({ q: "birthday cake", mode, k: 5 }));
    const { body } = await post(searches);
    for (const [i, { q, mode, k }] of searches.entries())
      expect(body[i]).toEqual((await get(path(q, `&mode=${mode}&k=${k}`))).body);
  });

  it("as many results come as were asked for", async () => {
    for (const k of [1, 31, 300])
      expect((await get(path("birthday cake", `&k=${k}${all}`))).body.results).toHaveLength(k);
  });

  it("the canary compares codes with codes", async () => {
    const { get, logged } = makeIsolate({ CANARY_SHARE: "1" });
    await get(path("birthday cake", all));
    await get(path("birthday cake", "&nprobe=1&k=50"));
    await get(path("birthday cake", "&mode=words"));
    const overlaps = logged.filter((entry) => entry.event === "canary").map(({ overlapAtK }) => overlapAtK);
    expect(overlaps).toHaveLength(2);
    expect(overlaps[0]).toBe(1);
    expect(overlaps[1]).toBeLessThan(1);
    expect(overlaps[1]).toBeGreaterThan(0);
  });
});

describe("GET /suggest", () => {
  it("finishes the last word, with as many items as have all words, and is cached", async () => {
    const { status, headers, body } = await get("/suggest?q=red%20ja");
    expect(status).toBe(200);
    expect(body).toMatchObject({ query: "red ja", indexVersion: shop.artifact.version });
    const items = Array.from({ length: 300 }, (_, i) => shopTitle(i)).filter((title) => /^red jacket /.test(title));
    expect(body.suggestions[0]).toEqual({ text: "red jacket", items: items.length });
    expect(headers.get("cache-control")).toBe("public, max-age=30, s-maxage=30");
    const again = { headers: { "if-none-match": headers.get("etag")! } };
    expect((await get("/suggest?q=red%20ja&k=8", again)).status).toBe(304);
    expect((await get("/suggest?q=red%20ja&k=7", again)).status).toBe(200);
    expect((await get("/suggest?q=red%20jac", again)).status).toBe(200);
  });

  it("gives at most k, and what it gives finds something", async () => {
    const { suggestions } = (await get("/suggest?q=ab&k=3")).body;
    expect(suggestions.length).toBeGreaterThan(0);
    expect(suggestions.length).toBeLessThanOrEqual(3);
    for (const { text } of suggestions) expect((await get(path(text))).body.results.length, text).toBeGreaterThan(0);
  });

  it("of an empty text gives what people search most, with as many items as have all words", async () => {
    const { status, headers, body } = await get("/suggest?q=");
    expect({ status, body }).toEqual({
      status: 200,
      body: { query: "", indexVersion: shop.artifact.version, suggestions: expect.anything() },
    });
    const titles = Array.from({ length: 300 }, (_, i) => shopTitle(i));
    const counts = [/^white lamp/, /jacket/, /誕生日ケーキ/, /zeppelin/].map(
      (form) => titles.filter((title) => form.test(title)).length,
    );
    expect(body.suggestions).toEqual(POPULAR.map((text, i) => ({ text, items: counts[i] })));
    expect((await get("/suggest?q=%20")).body).toEqual(body);
    expect((await get("/suggest?q=&k=2")).body.suggestions).toEqual(body.suggestions.slice(0, 2));
    expect((await get("/suggest?q=", { headers: { "if-none-match": headers.get("etag")! } })).status).toBe(304);
  });

  it("of an empty text gives the same where the index has no words, and counts no items", async () => {
    const { suggestions } = (await get("/suggest?q=&index=codes")).body;
    expect(suggestions).toEqual(POPULAR.map((text) => ({ text, items: 0 })));
  });

  it("needs a token where searches do, and has a typed client", async () => {
    const guarded = makeIsolate({ SEARCH_TOKENS: "secret" });
    expect((await guarded.get("/suggest?q=red")).status).toBe(401);
    const client = createClient("https://edge.test", {
      headers: { Authorization: "Bearer secret" },
      fetch: (input: RequestInfo | URL, init?: RequestInit) => {
        const { pathname, search } = new URL(input instanceof Request ? input.url : input);
        return guarded.request(pathname + search, init);
      },
    });
    const response = await client.suggest.$get({ query: { q: "jack", k: "2" } });
    if (response.status !== 200) return expect.unreachable(String(response.status));
    const { suggestions } = await response.json();
    expect(suggestions[0]!.text satisfies string).toBe("jacket");
  });
});

describe("damaged words", () => {
  beforeEach(() => publish(env.INDEX, shop));
  const flip = (bytes: Uint8Array) => bytes.map((byte, i) => (i === bytes.length - 40 ? byte ^ 1 : byte));

  it.each(["words", "postings"] as const)("of kind %s leave the version before serving", async (kind) => {
    const { get, refresh } = makeIsolate();
    const before = await get(path("red jacket"));
    expect(before.body.results[0].title).toMatch(/^red jacket /);
    const next = await makeShop(74);
    const [chunk] = next.artifact.manifest.chunks.filter((entry) => entry.kind === kind);
    const key = chunkKey(chunk!.key);
    for (const damage of [
      (bytes: Uint8Array) => flip(bytes),
      (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 16),
      () => null,
    ]) {
      await publish(env.INDEX, next, (name, bytes) => (name === key ? damage(bytes) : bytes));
      await refresh();
      const after = await get(path("red jacket"));
      expect(after.body).toEqual(before.body);
      expect(after.headers.get("index-refresh-failure")).not.toBeNull();
    }
    await publish(env.INDEX, next);
    await refresh();
    expect((await get(path("red jacket"))).body.indexVersion).toBe(next.artifact.version);
  });

  it("by rules that this Worker does not know are refused like damaged ones", async () => {
    const { get, refresh, reported } = makeIsolate();
    const before = await get(path("red jacket"));
    await publish(env.INDEX, await makeShop(75, 300, undefined, { ...wordFacts, rules: 99 }));
    await refresh();
    const after = await get(path("red jacket"));
    expect(after.body).toEqual(before.body);
    expect(after.headers.get("index-refresh-failure")).toMatch(/^unreadable since /);
    expect(reported.at(-1)).toMatchObject({ event: "refresh-failed", causes: [/expected rules 1, got 99/] });
  });

  it("at a cold start are a 503, and the log names the chunk", async () => {
    const [chunk] = shop.artifact.manifest.chunks.filter(({ kind }) => kind === "words");
    await publish(env.INDEX, shop, (name, bytes) => (name === chunkKey(chunk!.key) ? flip(bytes) : bytes));
    const { get, reported } = makeIsolate();
    expect((await get(path("red jacket"))).status).toBe(503);
    expect(JSON.stringify(reported)).toContain(chunk!.key);
  });
});
