/** Encoders by themselves: what they ask, what they take for an answer, and what they never say. */
import { describe, expect, it } from "vitest";
import { askEncoder } from "../src/encoder/ask.ts";
import { EncoderDesk } from "../src/encoder/desk.ts";
import { type Encoder, EncoderError, type EncoderMaker, readEncoders } from "../src/encoder/encoder.ts";
import { openAiEmbeddings } from "../src/encoder/open-ai.ts";
import { memoryCache, platformCache, type VectorCache } from "../src/encoder/vector-cache.ts";
import { workersAi } from "../src/encoder/workers-ai.ts";
import { aiStandIn, embeddingOf, openAiStandIn } from "./encoder-stand-ins.ts";

const KEY = "sk-very-secret-1234";
const TEXTS = ["birthday cake", "誕生日", "gâteau"];
const URL_V1 = "https://embed.test/v1";

const made = (encoder: Encoder | EncoderMaker, env: object = {}) =>
  typeof encoder === "function" ? encoder(env) : encoder;
const own = (embed: Encoder["embed"], more: Partial<Encoder> = {}): Encoder => ({
  name: "own",
  length: 4,
  embed,
  ...more,
});
/** The error of asking for one text. */
const failureOf = (encoder: Encoder, texts: readonly string[] = ["cake"]): Promise<EncoderError> =>
  askEncoder(encoder, texts).then(
    () => expect.fail("expected it to fail"),
    (error) => {
      expect(error).toBeInstanceOf(EncoderError);
      return error as EncoderError;
    },
  );

describe("Workers AI", () => {
  it("is asked for all texts at once, with what the model takes besides", async () => {
    const ai = aiStandIn(1024);
    const options = { gateway: { id: "default" } };
    const encoder = workersAi(ai, "@cf/baai/bge-m3", { input: { pooling: "cls" }, options });
    expect([encoder.name, encoder.length]).toEqual(["@cf/baai/bge-m3", 1024]);
    const vectors = await askEncoder(encoder, TEXTS);
    expect(vectors).toEqual(TEXTS.map((text) => embeddingOf(text, 1024)));
    expect(ai.calls).toHaveLength(1);
    expect(ai.calls[0]).toMatchObject({ model: "@cf/baai/bge-m3", input: { text: TEXTS, pooling: "cls" }, options });
  });

  it("takes the binding as the platform types it", () => {
    const typed = (ai: Ai): Encoder => workersAi(ai, "@cf/baai/bge-m3");
    expect(typed(aiStandIn(1024) as unknown as Ai).length).toBe(1024);
  });

  it("is found by the name of its binding, and missed by it", async () => {
    const AI = aiStandIn(3);
    const make = workersAi("AI", "@cf/own/model", { length: 3, name: "own" });
    expect(made(make, { AI })).toMatchObject({ name: "own", length: 3 });
    expect(() => made(make)).toThrow("[edge] binding AI expected a binding of Workers AI, got undefined");
    expect(() => workersAi("AI", "@cf/own/model")).toThrow(
      '[edge] encoder "@cf/own/model", length, expected how many numbers its vectors have, got nothing',
    );
  });

  it.each([
    ["3040: Capacity temporarily exceeded, please try again.", "busy", 2],
    ["error code: 1031", "busy", 2],
    ["5004: Invalid data: birthday cake", "refused", 1],
    ["Network connection lost", "unreachable", 2],
  ])("that throws %j is %s", async (message, kind, tries) => {
    let calls = 0;
    const run = async () => {
      calls++;
      throw new Error(message);
    };
    const failure = await failureOf(workersAi({ run }, "@cf/baai/bge-m3"));
    expect([failure.kind, calls]).toEqual([kind, tries]);
    const [code] = /\d{4}/.exec(message) ?? [];
    const failed = code === undefined ? "failed" : `failed with code ${code}`;
    expect(failure.message).toBe(`[edge] encoder "@cf/baai/bge-m3" ${failed}`);
  });

  it.each([null, undefined, {}, { data: "x" }, { request_id: "1" }])("that answers %j gave nothing", async (answer) => {
    const failure = await failureOf(workersAi({ run: async () => answer }, "@cf/baai/bge-m3"));
    expect(failure.kind).toBe("malformed");
  });
});

describe("an OpenAI-compatible address", () => {
  it("is asked as documented, and its answers go by their index", async () => {
    const { asked, fetch } = openAiStandIn(1536, KEY);
    const make = openAiEmbeddings({ url: URL_V1, model: "text-embedding-3-small", key: "EMBED_KEY", fetch });
    const vectors = await askEncoder(made(make, { EMBED_KEY: KEY }), TEXTS);
    expect(vectors).toEqual(TEXTS.map((text) => embeddingOf(text, 1536)));
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ url: `${URL_V1}/embeddings` });
    expect(asked[0]!.body).toEqual({ model: "text-embedding-3-small", input: TEXTS, encoding_format: "float" });
    expect(asked[0]!.headers.get("content-type")).toBe("application/json");
  });

  it("shortens vectors, and needs no key", async () => {
    const { asked, fetch } = openAiStandIn(9);
    const encoder = made(
      openAiEmbeddings({ url: `${URL_V1}/embeddings`, model: "m", dimensions: 5, name: "n", fetch }),
    );
    expect([encoder.name, encoder.length]).toEqual(["n", 5]);
    expect(await askEncoder(encoder, TEXTS)).toEqual(TEXTS.map((text) => embeddingOf(text, 5)));
    expect(asked[0]!.body).toMatchObject({ dimensions: 5 });
    expect(asked[0]!.headers.has("authorization")).toBe(false);
  });

  it.each([
    [{ url: "embed.test" }, "openAiEmbeddings, url, expected an address such as"],
    [{ url: "ftp://embed.test/v1" }, "openAiEmbeddings, url, expected an address such as"],
    [{ url: `https://u:${KEY}@embed.test/v1` }, "got one with a password"],
    [{ model: "" }, "openAiEmbeddings, model, expected the name of a model"],
    [{ key: "" }, "openAiEmbeddings, key, expected the name of a secret"],
    [{ model: "other" }, 'encoder "other", length, expected how many numbers'],
  ])("cannot be %j", (change, message) => {
    const settings = { url: URL_V1, model: "text-embedding-3-small", ...change };
    const make = () => openAiEmbeddings(settings);
    expect(make).toThrow(message);
    expect(make).not.toThrow(KEY);
  });

  it.each([undefined, "", "sec ret", 5])("without its secret (%j) is refused, and says no secret", (EMBED_KEY) => {
    const make = openAiEmbeddings({ url: URL_V1, model: "text-embedding-3-small", key: "EMBED_KEY" });
    const read = () => made(make, { EMBED_KEY });
    expect(read).toThrow("[edge] secret EMBED_KEY expected a key of visible ASCII characters");
    expect(read).not.toThrow("sec ret");
  });

  it("that says no is asked once, and nobody hears what it said", async () => {
    const { asked, fetch } = openAiStandIn(1536, "another");
    const make = openAiEmbeddings({ url: URL_V1, model: "text-embedding-3-small", key: "EMBED_KEY", fetch });
    const failure = await failureOf(made(make, { EMBED_KEY: KEY }));
    expect([failure.kind, failure.message]).toEqual([
      "refused",
      '[edge] encoder "text-embedding-3-small" answered 401',
    ]);
    expect(asked).toHaveLength(1);
  });

  it.each<[string, (init: RequestInit) => Response, string, number]>([
    ["a busy one", () => new Response("busy", { status: 503 }), "busy", 2],
    ["too many requests", () => new Response(null, { status: 429 }), "busy", 2],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://evil.test" } }), "refused", 1],
    ["what is no JSON", () => new Response("<html>"), "malformed", 1],
    ["an empty answer", () => new Response(null), "malformed", 1],
    ["no data", () => Response.json({ object: "list" }), "malformed", 1],
    ["too few", () => Response.json({ data: [] }), "malformed", 1],
    ["an index that there is not", () => Response.json({ data: [{ index: 1, embedding: [1] }] }), "malformed", 1],
    ["base64", () => Response.json({ data: [{ index: 0, embedding: "AACAPw==" }] }), "malformed", 1],
    ["a huge one", () => new Response(new Uint8Array(4_000_000)), "malformed", 1],
  ])("that gives %s has failed", async (_, answer, kind, tries) => {
    let calls = 0;
    const fetch = async (_: string, init: RequestInit) => {
      calls++;
      return answer(init);
    };
    const failure = await failureOf(made(openAiEmbeddings({ url: URL_V1, model: "m", length: 1, fetch })));
    expect([failure.kind, calls]).toEqual([kind, tries]);
  });

  it("that never ends its answer is read no further than an answer can go", async () => {
    let pulled = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          pulled++;
          controller.enqueue(new Uint8Array(16_384).fill(0x20));
        },
      });
    const fetch = async () => new Response(endless());
    const failure = await failureOf(made(openAiEmbeddings({ url: URL_V1, model: "m", length: 4, fetch })));
    expect(failure.message).toContain("expected an answer of at most");
    expect(pulled).toBeLessThan(20);
  });
});

describe("an answer", () => {
  const good = new Float32Array([1, 2, 3, 4]);
  it.each<[string, unknown, string]>([
    ["of nothing", undefined, "expected a list of vectors"],
    ["of a text", "1234", "expected a list of vectors"],
    ["with too few", [], "expected 1 vectors, got 0"],
    ["with too many", [good, good], "expected 1 vectors, got 2"],
    ["with texts", ["1234"], "expected vectors as lists of numbers"],
    ["with what only has a length", [{ length: 4 }], "expected vectors as lists of numbers"],
    ["that is short", [good.subarray(1)], "expected vectors of 4 numbers, got 3"],
    ["that is long", [[1, 2, 3, 4, 5]], "expected vectors of 4 numbers, got 5"],
    ["with NaN", [[1, Number.NaN, 3, 4]], "expected finite float32 numbers, got NaN"],
    ["beyond float32", [[1, 1e39, 3, 4]], "expected finite float32 numbers, got Infinity"],
    ["of null", [[1, null, 3, 4]], "expected numbers, got something else"],
    ["of numbers as texts", [[1, "2", 3, 4]], "expected numbers, got something else"],
    ["of zeros", [[0, 0, 0, 0]], "expected a vector that is not zero"],
  ])("%s is none", async (_, answer, message) => {
    let calls = 0;
    const failure = await failureOf(
      own(async () => {
        calls++;
        return answer as Float32Array[];
      }),
    );
    expect([failure.kind, calls]).toEqual(["malformed", 1]);
    expect(failure.message).toContain(`[edge] encoder "own" ${message}`);
  });

  it("that comes too late is none, and whoever works on it is told to stop", async () => {
    let stopped = false;
    let calls = 0;
    const encoder = own(
      (_, signal) => {
        calls++;
        signal.addEventListener("abort", () => (stopped = true));
        return new Promise(() => undefined);
      },
      { timeoutMs: 20 },
    );
    const failure = await failureOf(encoder);
    expect([failure.kind, stopped, calls]).toEqual(["late", true, 1]);
  });

  it("is asked for once more where it did not come", async () => {
    let calls = 0;
    const encoder = own(async () => {
      if (++calls === 1) throw new TypeError("fetch failed with birthday cake");
      return [good];
    });
    expect(await askEncoder(encoder, ["birthday cake"])).toEqual([good]);
    expect(calls).toBe(2);
  });

  it("that somebody's own code throws is told by the kind of error, without its words", async () => {
    const thrown = new TypeError(`no ${KEY}`, { cause: Object.assign(new Error("cake"), { code: "ECONNREFUSED" }) });
    const failure = await failureOf(own(() => Promise.reject(thrown)));
    expect(failure.message).toBe('[edge] encoder "own" threw TypeError ECONNREFUSED');
    const other = await failureOf(own(() => Promise.reject(KEY)));
    expect(other.message).toBe('[edge] encoder "own" threw string');
    const sync = await failureOf(
      own(() => {
        throw new Error(KEY);
      }),
    );
    expect(sync.message).toBe('[edge] encoder "own" threw Error');
  });
});

describe("a desk", () => {
  const now = () => clock;
  let clock = 0;
  const origin = "https://own.test";

  async function embed(desk: EncoderDesk, texts: readonly string[]) {
    const waiting: Promise<unknown>[] = [];
    const embedded = await desk.embed(texts, origin, (promise) => waiting.push(promise));
    await Promise.all(waiting);
    return embedded;
  }

  it.each([
    ["the platform", platformCache()],
    ["a process", memoryCache()],
  ])("asks for each text once, and keeps it in the cache of %s by encoder and settings", async (name, cache) => {
    const asked: string[][] = [];
    const encode: Encoder["embed"] = async (texts) => {
      asked.push([...texts]);
      return texts.map((text) => embeddingOf(text, 4));
    };
    const desk = (more: Partial<Encoder> = {}) => new EncoderDesk(own(encode, { name, ...more }), { cache, now });
    const { vectors } = await embed(desk(), ["a", "b", "a"]);
    expect(vectors).toEqual(new Map(["a", "b"].map((text) => [text, embeddingOf(text, 4)])));
    // Another isolate finds it, too.
    expect((await embed(desk(), ["b", "c"])).vectors.get("b")).toEqual(embeddingOf("b", 4));
    await embed(desk({ name: `another ${name}` }), ["a"]);
    await embed(desk({ settings: "cls" }), ["a"]);
    expect(asked).toEqual([["a", "b"], ["c"], ["a"], ["a"]]);
  });

  it("takes nothing from a cache that it could not have put there, and does without one that fails", async () => {
    const encode: Encoder["embed"] = async (texts) => texts.map(() => [1, 2, 3, 4]);
    const bad = [new Uint8Array(3), new Uint8Array(16), new Uint8Array(new Float32Array(4).fill(Number.NaN).buffer)];
    const caches: VectorCache[] = [
      ...bad.map((bytes) => ({ get: async () => bytes, put: async () => undefined })),
      { get: () => Promise.reject(new Error("Too many subrequests")), put: () => Promise.reject(new Error("full")) },
      { get: () => new Promise(() => undefined), put: async () => undefined },
    ];
    for (const cache of caches) {
      const { vectors, failure } = await embed(new EncoderDesk(own(encode), { cache, now }), ["a"]);
      expect([vectors.get("a"), failure]).toEqual([new Float32Array([1, 2, 3, 4]), undefined]);
    }
  });

  it("leaves an encoder alone that keeps failing, and still gives what it has", async () => {
    let calls = 0;
    let isDown = false;
    const encode: Encoder["embed"] = async (texts) => {
      calls++;
      if (isDown) throw new EncoderError("busy", "own", "answered 503");
      return texts.map(() => [1, 2, 3, 4]);
    };
    const desk = new EncoderDesk(own(encode), { cache: memoryCache(), now });
    await embed(desk, ["known"]);
    isDown = true;
    for (const kind of ["busy", "busy", "busy", "paused", "paused"]) {
      const { vectors, failure } = await embed(desk, ["known", "new"]);
      expect([failure?.kind, [...vectors.keys()]]).toEqual([kind, ["known"]]);
    }
    expect(calls).toBe(1 + 3 * 2);
    clock += 10_000;
    isDown = false;
    expect((await embed(desk, ["new"])).failure).toBeUndefined();
  });

  it("pauses for nothing that a text can bring about", async () => {
    const encode: Encoder["embed"] = async () => [];
    const desk = new EncoderDesk(own(encode), { cache: memoryCache(), now });
    for (let i = 0; i < 10; i++) expect((await embed(desk, ["x"])).failure?.kind).toBe("malformed");
  });

  it("keeps no more in a process than it may", async () => {
    const cache = memoryCache(40);
    for (const key of ["a", "b"]) await cache.put(key, new Uint8Array(16), origin);
    await cache.get("a", origin);
    await cache.put("c", new Uint8Array(16), origin);
    const kept = await Promise.all(["a", "b", "c"].map(async (key) => (await cache.get(key, origin)) !== undefined));
    expect(kept).toEqual([true, false, true]);
  });
});

describe("the option", () => {
  const good = own(async () => []);
  it("may be one, several, or made of bindings", () => {
    expect(readEncoders(undefined, {})).toEqual([]);
    expect(readEncoders(good, {})).toEqual([good]);
    const env = { NAME: "of env" };
    const make = (given: typeof env) => ({ ...good, name: given.NAME });
    expect(readEncoders([good, make], env).map(({ name }) => name)).toEqual(["own", "of env"]);
  });

  it.each<[unknown, string]>([
    [
      "@cf/baai/bge-m3",
      '"encoder" expected an encoder, or a function of env that makes one, got a value of type string',
    ],
    [Promise.resolve(good), "got a value of type object"],
    [() => undefined, "got undefined"],
    [[], '"encoder" expected at least one, or to be left out, got an empty list'],
    [[good, good], '"encoder" expected encoders of different names, got two "own"'],
    [{ ...good, name: " " }, '"encoder" expected a name of 1 to 200 characters'],
    [{ ...good, length: 0 }, 'encoder "own", length, expected a whole number from 1 to 4096, got 0'],
    [{ ...good, length: 4097 }, 'encoder "own", length, expected a whole number from 1 to 4096, got 4097'],
    [{ ...good, embed: undefined }, 'encoder "own", embed, expected a function, got undefined'],
    [{ ...good, timeoutMs: 0 }, 'encoder "own", timeoutMs, expected a number from 1 to 30000, got 0'],
    [{ ...good, timeout: 5 }, '"encoder" expected no other members than name, length, embed, settings, timeoutMs'],
  ])("cannot be %j", (option, message) => {
    expect(() => readEncoders(option as Encoder, {})).toThrow(message);
  });
});
