/** Searches by embeddings: the Worker asks an encoder for them, or callers give them; and what happens without. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { createClient, encodeVector } from "../src/client.ts";
import { createWorker, type Encoder, type LogEntry, openAiEmbeddings, type Settings, workersAi } from "../src/index.ts";
import { aiStandIn, embeddingOf, openAiStandIn } from "./encoder-stand-ins.ts";
import { type Fixture, makeFixture, nlist, publish, rank } from "./fixture.ts";
import { ask, bindingsWith, post, store } from "./own-worker.ts";
import { shopTitle, wordFacts } from "./word-fixture.ts";

const LENGTH = 24;
const MODEL = "@cf/own/model";
const COLUMN = { name: "vec", encoder: MODEL, length: LENGTH };
const KEY = "sk-very-secret-1234";

const fixtureOf = (seed: number, columns: readonly object[], isAlone: boolean, hasWords = false) =>
  makeFixture(seed, 300, undefined, 4, hasWords ? shopTitle : undefined, hasWords ? wordFacts : undefined, 0, {
    columns: columns as (typeof COLUMN)[],
    isAlone,
  });
/** By the names under which they are published. */
let indexes: Readonly<Record<"alone" | "beside" | "worded" | "several" | "unnamed", Fixture>>;
beforeAll(async () => {
  indexes = {
    alone: await fixtureOf(81, [COLUMN], true),
    beside: await fixtureOf(82, [COLUMN], false),
    worded: await fixtureOf(83, [COLUMN], true, true),
    several: await fixtureOf(84, [COLUMN, { name: "image", length: 3 }], true),
    unnamed: await fixtureOf(85, [{ name: "vec", length: LENGTH }], true),
  };
  for (const [name, fixture] of Object.entries(indexes)) await publish(env.CATALOGUE, fixture, undefined, name);
});

/** A Worker with a stand-in of Workers AI, whose vectors are kept apart from those of other tests. */
function makeWorker(more: { readonly encoder?: Encoder; readonly config?: Settings } = {}) {
  const ai = aiStandIn(LENGTH);
  const logged: LogEntry[] = [];
  const input = { test: crypto.randomUUID() };
  const encoder = workersAi(ai, MODEL, { length: LENGTH, input });
  const worker = createWorker({ store, encoder, log: (entry) => logged.push(entry), ...more });
  const texts = () => ai.calls.map(({ input }) => input["text"]);
  return { worker, ai, logged, texts, get: (path: string, init?: RequestInit) => ask(worker, path, init) };
}

const path = (index: string, more: Record<string, string>) =>
  `/search?${new URLSearchParams({ index, nprobe: String(nlist), ...more })}`;
/** The answer is the exact one for what the tower makes of a text and its embedding. */
function expectExact(name: keyof typeof indexes, body: { readonly results: { score: number }[] }, text: string) {
  const embedded = indexes[name].tower.embed({ text, embedding: { vec: embeddingOf(text, LENGTH) } }) as Float32Array;
  const expected = rank(indexes[name], embedded).slice(0, body.results.length);
  expect(body.results.length).toBeGreaterThan(0);
  for (const [i, { score }] of body.results.entries()) expect(score).toBeCloseTo(expected[i]!.score, 4);
}

describe("a text", () => {
  it.each(["alone", "beside"] as const)("is embedded for a model that reads embeddings %s", async (index) => {
    const { get, texts } = makeWorker();
    const { status, headers, body } = await get(path(index, { q: " birthday cake " }));
    expect(status).toBe(200);
    expectExact(index, body, "birthday cake");
    expect(headers.get("x-poeem-fallback")).toBeNull();
    expect(headers.get("etag")).not.toBeNull();
    expect(headers.get("server-timing")).toContain("encoder;dur=");
    expect(texts()).toEqual([["birthday cake"]]);
    // From the cache, and from the ETag.
    expectExact(index, (await get(path(index, { q: "birthday cake" }))).body, "birthday cake");
    const again = await get(path(index, { q: "other" }), { headers: { "if-none-match": headers.get("etag")! } });
    expect(again.status).toBe(200);
    const known = { headers: { "if-none-match": again.headers.get("etag")! } };
    expect((await get(path(index, { q: "other" }), known)).status).toBe(304);
    expect(texts()).toEqual([["birthday cake"], ["other"]]);
  });

  it("is asked for once in a list of searches, all of them in one call", async () => {
    const { get, texts } = makeWorker();
    const list = ["a", "b", "a", "c"].map((q) => ({ q, index: "alone", nprobe: nlist }));
    const answered = await get("/search", post([...list, { q: "b", index: "beside" }]));
    expect(answered.status).toBe(200);
    for (const [i, { q }] of list.entries()) expectExact("alone", answered.body[i], q);
    expect(texts()).toEqual([["a", "b", "c"]]);
  });

  it("goes by its words, too, where the index has them, without what is for words alone", async () => {
    const { get, texts } = makeWorker();
    const { body } = await get(path("worded", { q: '"red jacket" -lamp' }));
    expect(body).toMatchObject({ mode: "hybrid" });
    expect(body.results[0].matched).toContain("jacket");
    expect(texts()).toEqual([["red jacket"]]);
    expectExact("worded", (await get(path("worded", { q: "zeppelin", mode: "dense" }))).body, "zeppelin");
  });

  it("is not embedded where nothing would read it", async () => {
    const { get, texts } = makeWorker();
    const vector = encodeVector(new Float32Array(16).fill(1));
    const embedding = encodeVector(embeddingOf("cake", LENGTH));
    for (const [index, more] of [
      ["worded", { q: "red jacket", mode: "words" }],
      ["worded", { q: "red jacket", embedding }],
      ["alone", { like: "item:3" }],
      ["alone", { history: "item:3" }],
      ["alone", { vector }],
    ] as const)
      expect((await get(path(index, more))).status).toBe(200);
    for (const [index, more] of [
      ["alone", { q: "cake", like: "item:3" }],
      ["alone", { q: "cake", k: "0" }],
      ["alone", { q: "cake", nprobe: "7" }],
      ["unnamed", { q: "cake" }],
    ] as const)
      expect((await get(path(index, more))).status).toBe(400);
    expect((await get("/suggest?q=cake&index=worded")).status).toBe(200);
    expect(texts()).toEqual([]);
  });
});

describe("an encoder that fails", () => {
  const down: Encoder = { name: MODEL, length: LENGTH, embed: async () => [], settings: "down" };

  it("leaves the words or the text to the model, which a header says, and no cache keeps", async () => {
    const { get, logged } = makeWorker({ encoder: down });
    const plain = createWorker({ store });
    for (const [index, q] of [
      ["worded", "red jacket"],
      ["beside", "birthday cake"],
    ] as const) {
      const { status, headers, body } = await get(path(index, { q }));
      expect([status, headers.get("x-poeem-fallback")]).toEqual([200, "encoder"]);
      expect([headers.get("cache-control"), headers.get("etag"), headers.get("cache-tag")]).toEqual([
        "no-store",
        null,
        null,
      ]);
      expect(body).toEqual((await ask(plain, path(index, { q }))).body);
    }
    const list = await get("/search", post([{ q: "red jacket", index: "worded" }]));
    expect([list.status, list.headers.get("x-poeem-fallback")]).toEqual([200, "encoder"]);
    const [line, ...others] = logged.filter(({ event }) => event === "encoder-failed");
    expect(line).toEqual({
      ...{ level: "warn", event: "encoder-failed", encoder: MODEL, kind: "malformed", count: 1 },
      ...{ index: "worded", indexVersion: indexes.worded.artifact.version },
      causes: [`EncoderError: [edge] encoder "${MODEL}" expected 1 vectors, got 0`],
    });
    expect(others).toEqual([]);
  });

  it("is a 503 where nothing else reads a text", async () => {
    const { get } = makeWorker({ encoder: down });
    const { status, headers, body } = await get(path("alone", { q: "cake" }));
    expect([status, body.type]).toEqual([503, "urn:poeem-edge:problem:encoder-unavailable"]);
    expect([headers.get("retry-after"), headers.get("cache-control")]).toEqual(["2", "no-store"]);
    const dense = await get(path("worded", { q: "red jacket", mode: "dense" }));
    expect(dense.body.type).toBe("urn:poeem-edge:problem:encoder-unavailable");
    const embedding = encodeVector(embeddingOf("cake", LENGTH));
    expectExact("alone", (await get(path("alone", { embedding }))).body, "cake");
  });

  it("tells nobody its key, nor what it was asked", async () => {
    const { fetch, asked } = openAiStandIn(LENGTH, "another key");
    const logged: LogEntry[] = [];
    const settings = { url: "https://embed.test/v1", model: MODEL, length: LENGTH, key: "EMBED_KEY", fetch };
    const log = (entry: LogEntry) => logged.push(entry);
    const worker = createWorker({ store, encoder: openAiEmbeddings(settings), log, config: { logRequests: true } });
    const q = "a very private question";
    const said = await Promise.all(
      ["worded", "alone"].map((index) => ask(worker, path(index, { q }), {}, bindingsWith({ EMBED_KEY: KEY }))),
    );
    expect(said.map(({ status }) => status)).toEqual([200, 503]);
    expect(asked[0]!.headers.get("authorization")).toBe(`Bearer ${KEY}`);
    for (const text of [JSON.stringify(logged), said[1]!.text, JSON.stringify(said.map((one) => [...one.headers]))])
      for (const secret of [KEY, "another key", q]) expect(text).not.toContain(secret);
    expect(JSON.stringify(logged)).toContain("answered 401");
    // A secret that is not there is a setting.
    const { status, body } = await ask(createWorker({ store, encoder: openAiEmbeddings(settings), log }), "/version");
    expect([status, body.type]).toEqual([500, "urn:poeem-edge:problem:misconfigured"]);
    expect(JSON.stringify(logged)).toContain("secret EMBED_KEY expected");
  });

  it("of another name, or of other vectors, serves nothing, and the log says which", async () => {
    const embed: Encoder["embed"] = async (texts) => texts.map((text) => embeddingOf(text, LENGTH));
    for (const [encoder, message] of [
      [
        { name: "bge-m3", length: LENGTH, embed },
        `input "vec", expected encoder "${MODEL}", got "bge-m3": give the Worker that encoder, or train for this one`,
      ],
      [
        { name: MODEL, length: 25, embed },
        `input "vec", expected encoder "${MODEL}" with vectors of ${LENGTH} numbers, got one of 25`,
      ],
    ] as const) {
      const { get, logged } = makeWorker({ encoder });
      const { status, body } = await get(path("alone", { q: "cake" }));
      expect([status, body.type]).toEqual([503, "urn:poeem-edge:problem:index-unavailable"]);
      expect(logged.flatMap((entry) => ("causes" in entry ? entry.causes : [])).join()).toContain(message);
      // What names none is for callers who embed texts themselves.
      const embedding = encodeVector(embeddingOf("cake", LENGTH));
      expectExact("unnamed", (await get(path("unnamed", { embedding }))).body, "cake");
    }
    // One of several is enough.
    const encoder = [
      { name: "bge-m3", length: 4, embed },
      { name: MODEL, length: LENGTH, embed },
    ];
    const worker = createWorker({ store, encoder });
    expectExact("alone", (await ask(worker, path("alone", { q: "cake" }))).body, "cake");
  });

  it("of another name than a new version wants leaves the old one serving, as a header and the log say", async () => {
    const { get, logged } = makeWorker();
    const index = "renewed";
    await publish(env.CATALOGUE, indexes.alone, undefined, index);
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      expectExact("alone", (await get(path(index, { q: "cake" }))).body, "cake");
      const other = { ...COLUMN, encoder: "another model" };
      await publish(env.CATALOGUE, await fixtureOf(86, [other], true), undefined, index);
      vi.advanceTimersByTime(600_000);
      await get(path(index, { q: "cake" }));
      const { headers } = await get(`/readyz?index=${index}`);
      expect(headers.get("index-refresh-failure")).toMatch(/^unreadable since /);
      expectExact("alone", (await get(path(index, { q: "cake" }))).body, "cake");
    } finally {
      vi.useRealTimers();
    }
    const failed = logged.flatMap((entry) => (entry.event === "refresh-failed" ? entry.causes : []));
    expect(failed.join()).toContain(`input "vec", expected encoder "another model", got "${MODEL}": give the Worker`);
  });
});

describe("embedding=", () => {
  const plain = createWorker({ store });
  const vector = () => embeddingOf("cake", LENGTH);

  it("is what the encoder would have given, however it is spelled", async () => {
    const list = Array.from(vector());
    const got = [
      await ask(plain, path("alone", { embedding: encodeVector(vector()) })),
      await ask(plain, path("alone", { embedding: JSON.stringify(list) })),
      await ask(plain, path("alone", { "embedding.vec": encodeVector(vector()) })),
    ];
    for (const { body } of got) expectExact("alone", body, "cake");
    expect(new Set(got.slice(0, 2).map(({ headers }) => headers.get("etag"))).size).toBe(1);
    for (const embedding of [encodeVector(vector()), list, { vec: list }])
      expectExact(
        "alone",
        (await ask(plain, "/search", post({ embedding, index: "alone", nprobe: nlist }))).body,
        "cake",
      );
    const hooked = createWorker({
      store,
      hooks: { beforeSearch: (search) => ({ ...search, embedding: { vec: vector() } }) },
    });
    expectExact("alone", (await ask(hooked, path("alone", { q: "any" }))).body, "cake");
    const client = createClient("https://own.test", {
      fetch: async (input: string | URL | Request, init?: RequestInit) => {
        const request = new Request(input, init);
        const { text, status } = await ask(plain, request.url.replace("https://own.test", ""));
        return new Response(text, { status, headers: { "content-type": "application/json" } });
      },
    });
    const query = { embedding: encodeVector(vector()), index: "alone", nprobe: String(nlist) };
    const response = await client.search.$get({ query });
    if (response.status !== 200) expect.fail(`got ${response.status}`);
    expectExact("alone", await response.json(), "cake");
  });

  it("of several inputs has their names", async () => {
    const image = new Float32Array([1, 2, 3]);
    const { tower } = indexes.several;
    const wanted = rank(indexes.several, tower.embed({ embedding: { vec: vector(), image } }) as Float32Array);
    const more = { "embedding.vec": encodeVector(vector()), "embedding.image": "[1,2,3]" };
    expect((await ask(plain, path("several", more))).body.results[0].score).toBeCloseTo(wanted[0]!.score, 4);
    const body = { embedding: { vec: Array.from(vector()), image: [1, 2, 3] }, index: "several", nprobe: nlist };
    expect((await ask(plain, "/search", post(body))).body.results[0].score).toBeCloseTo(wanted[0]!.score, 4);
    const one = await ask(plain, path("several", { embedding: "[1,2,3]" }));
    expect(one.body.errors).toEqual([
      { parameter: "embedding", detail: "expected a vector for each of vec, image, got one of no name" },
    ]);
  });

  it.each<[string, Record<string, string>, string, string]>([
    ["too short", { embedding: "[1,2]" }, "embedding", `expected ${LENGTH} numbers, got 2`],
    [
      "all zero",
      { embedding: JSON.stringify(new Array(LENGTH).fill(0)) },
      "embedding",
      "expected a number other than 0",
    ],
    ["text", { embedding: "not numbers" }, "embedding", "expected float32 as base64url or a list of numbers"],
    [
      "of another input",
      { "embedding.image": "[1]" },
      "embedding.image",
      "is unknown; the model of this index reads vec",
    ],
    ["beside a vector", { embedding: "[1]", vector: "[1]" }, "q", "expected like, vector, or any of q, history"],
    ["in words", { embedding: JSON.stringify(new Array(LENGTH).fill(1)), mode: "words" }, "mode", ""],
    ["both ways", { embedding: "[1]", "embedding.vec": "[1]" }, "embedding", "expected embedding or embedding.NAME"],
  ])("is refused that is %s", async (_, more, parameter, detail) => {
    const { status, body } = await ask(plain, path("alone", more));
    expect([status, body.errors[0].parameter]).toEqual([400, parameter]);
    expect(body.errors[0].detail).toContain(detail);
  });

  it("is refused by a model that reads none, and texts by one that reads nothing else", async () => {
    const { body } = await ask(plain, path("films", { embedding: "[1]" }));
    expect(body.status).toBe(404);
    const text = await ask(plain, path("alone", { q: "cake" }));
    expect(text.body.errors).toEqual([
      {
        parameter: "q",
        detail: "cannot be used: this index reads no text, only embeddings (vec): use embedding instead",
      },
    ]);
  });
});

describe("what an encoder costs", () => {
  const list = (count: number) => Array.from({ length: count }, (_, i) => ({ q: `text ${i % 20}`, index: "alone" }));

  it("is limited by the different texts of a request, before it is asked", async () => {
    const { get, texts } = makeWorker({ config: { limits: { texts: 3 } } });
    const refused = await get("/search", post(list(4)));
    expect([refused.status, refused.body.type]).toEqual([400, "urn:poeem-edge:problem:too-expensive"]);
    expect(refused.body.errors).toEqual([
      { parameter: "q", detail: "expected at most 3 different texts to embed in one request, got 4" },
    ]);
    expect(texts()).toEqual([]);
    const same = await get("/search", post([...list(3), ...list(3)]));
    expect([same.status, texts()]).toEqual([200, [["text 0", "text 1", "text 2"]]]);
  });

  it("counts in the budget of rates", async () => {
    let units = 0;
    const RATE_LIMIT = { limit: async () => ({ success: ++units > 0 }) };
    const asked = async (body: unknown, worker: ReturnType<typeof makeWorker>["worker"]) => {
      units = 0;
      expect((await ask(worker, "/search", post(body), bindingsWith({ RATE_LIMIT }))).status).toBe(200);
      return units;
    };
    const { worker } = makeWorker();
    const likes = Array.from({ length: 32 }, (_, i) => ({ like: `item:${i}`, index: "alone" }));
    expect(await asked(list(32), worker)).toBeGreaterThan((await asked(likes, worker)) + 1);
  });
});

describe("/version", () => {
  it("says which embeddings the model reads, and whether its encoder is asked", async () => {
    const { worker, get } = makeWorker();
    await get(path("alone", { q: "a" }));
    await get(path("unnamed", { like: "item:1" }));
    const embeddings = async (index: string) =>
      (await ask(worker, `/version?index=${index}`)).body.index.reads.embeddings;
    expect(await embeddings("alone")).toEqual([{ ...COLUMN, isAsked: true }]);
    expect(await embeddings("unnamed")).toEqual([{ ...COLUMN, encoder: null, isAsked: false }]);
  });
});
