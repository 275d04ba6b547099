/** Histories and context features, through models that were trained to read them. */
import { env } from "cloudflare:workers";
import type { Query } from "@poeem/towers";
import { beforeAll, describe, expect, it } from "vitest";
import { type Fixture, type FixtureForm, makeFixture, nlist, publish, rank } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const forms: readonly FixtureForm[] = ["mixture", "leaning", "mean", "attention"];
/** A model of each form that reads short histories, by the form's name, and one that reads long ones. */
const models = forms.flatMap((form) => [
  { form, index: form as string, historyLength: 4 },
  { form, index: `${form}-long`, historyLength: 100 },
]);
const fixtures = new Map<string, Fixture>();
beforeAll(async () => {
  for (const [i, { form, index, historyLength }] of models.entries()) {
    const fixture = await makeFixture(80 + i, 300, form, historyLength);
    fixtures.set(index, fixture);
    await publish(env.INDEX, fixture, undefined, index);
  }
});

const { get, post } = makeIsolate();
const item = (id: string) => Number(id.slice("item:".length));

/** What the tower makes of the newest items of a history, read as their decoded vectors. */
function embed(index: string, { history = [], ...query }: Omit<Query, "history"> & { history?: readonly string[] }) {
  const { tower, decoded } = fixtures.get(index)!;
  const items = Float32Array.from(history.flatMap((id) => [...decoded[item(id)]!]));
  return tower.embed({ ...query, ...(history.length > 0 && { history: items }) });
}

/** The definition: the best by one vector; or by their best term, and of these the best by the mixture. */
function bruteForce(index: string, embedded: ReturnType<typeof embed>, exclude: readonly string[], k: number) {
  const fixture = fixtures.get(index)!;
  const allowed = (ranked: { id: string; score: number }[]) => ranked.filter(({ id }) => !exclude.includes(id));
  if (embedded === undefined) return [];
  if (embedded instanceof Float32Array) return allowed(rank(fixture, embedded)).slice(0, k);
  const { vectors, temperature, weights } = embedded;
  const terms = new Map<string, number[]>();
  for (const [h, vector] of vectors.entries())
    for (const { id, score } of rank(fixture, vector))
      terms.set(id, [...(terms.get(id) ?? []), Math.log(weights[h]!) + temperature * score]);
  const best = Array.from(terms, ([id, own]) => ({ id, score: Math.max(...own) })).sort((a, b) => b.score - a.score);
  const shortlist = allowed(best).slice(0, Math.max(64, 8 * k));
  const mixture = (id: string) => Math.log(terms.get(id)!.reduce((sum, term) => sum + Math.exp(term), 0));
  return shortlist
    .map(({ id }) => ({ id, score: mixture(id) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k);
}

type Results = readonly { id: string; score: number }[];
function expectSame(results: Results, expected: Results) {
  expect(results).toHaveLength(expected.length);
  const scoreOf = new Map(expected.map(({ id, score }) => [id, score]));
  for (const [i, { id, score }] of results.entries()) {
    expect(score).toBeCloseTo(expected[i]!.score, 3);
    expect(scoreOf.get(id) ?? score).toBeCloseTo(score, 3);
  }
}

describe.each(models)("a model that reads $historyLength items of a history, form $form", (model) => {
  const { form, index, historyLength } = model;
  const search = (query: string) => get(`/search?${query}&index=${index}&nprobe=${nlist}`);

  it("recommends as brute force over decoded vectors does, by GET and by POST", async () => {
    const history = ["item:5", "item:140", "item:77"];
    for (const k of [5, 40]) {
      const expected = bruteForce(index, embed(index, { history }), history, k);
      const { status, body } = await search(`history=${history}&k=${k}`);
      expect(status).toBe(200);
      expectSame(body.results, expected);
      expect((await post({ history, k, nprobe: nlist, index })).body).toEqual(body);
    }
  });

  it("reads the newest items of a long history, oldest first, and answers with none of it", async () => {
    const history = Array.from({ length: 250 }, (_, i) => `item:${(i * 7) % 300}`);
    const { body } = await post({ history, k: 100, nprobe: nlist, index });
    expect((await get(`/version?index=${index}`)).body.index.reads.historyLength).toBe(historyLength);
    const newest = embed(index, { history: history.slice(-historyLength) });
    expectSame(body.results, bruteForce(index, newest, history, 100));
    expect(body.results).toHaveLength(50);
    const backwards = await post({ history: history.toReversed(), k: 100, nprobe: nlist, index });
    expect(backwards.body.results).not.toEqual(body.results);
  });

  it("says what it reads", async () => {
    const { body } = await get(`/version?index=${index}`);
    expect(body.index.reads).toEqual({
      text: true,
      history: form === "leaning" ? "mixture" : form,
      historyLength,
      combines: form !== "mixture",
      contexts: ["device", "page"],
      embeddings: [],
    });
  });

  it("refuses a context feature that it does not have, and ids that no item has", async () => {
    const unknown = await search("history=item:1&context.colour=red");
    expect(unknown).toMatchObject({
      status: 400,
      body: {
        errors: [{ parameter: "context.colour", detail: "is unknown; the model of this index reads device, page" }],
      },
    });
    expect((await search("history=item:1,nobody")).body.errors[0].parameter).toBe("history");
  });
});

describe.each(["mean", "attention", "leaning"])("form %s reads everything together", (form) => {
  const history = ["item:5", "item:140"];

  it.each<[string, Parameters<typeof embed>[1]]>([
    ["q=cake&history=item:5,item:140", { text: "cake", history }],
    ["q=cake&context.device=phone", { text: "cake", context: { device: "phone" } }],
    [
      "q=birthday%20cake&history=item:5,item:140&context.page=home&context.device=desk",
      { text: "birthday cake", history, context: { device: "desk", page: "home" } },
    ],
    ["context.device=desk", { context: { device: "desk" } }],
    ["history=item:5,item:140&context.device=nobody%20has%20this", { history }],
  ])("%s", async (query, parts) => {
    const expected = bruteForce(form, embed(form, parts), parts.history ?? [], 20);
    const { body } = await get(`/search?${query}&k=20&index=${form}&nprobe=${nlist}`);
    expectSame(body.results, expected);
    const { text: q, ...others } = parts;
    const posted = { ...(q && { q }), ...others, k: 20, index: form, nprobe: nlist };
    // A value that the training did not meet counts for nothing, so it may be left out.
    expectSame((await post(posted)).body.results, expected);
  });

  it("finds nothing by a context that counts for nothing", async () => {
    const { status, body } = await get(`/search?context.device=fridge&index=${form}`);
    expect({ status, results: body.results }).toEqual({ status: 200, results: [] });
  });

  it("has one ETag for one question, in whatever order its features come", async () => {
    const etag = async (query: string) => (await get(`/search?${query}&index=${form}`)).headers.get("etag");
    const one = await etag("q=cake&context.device=phone&context.page=home");
    expect(await etag("context.page=home&context.device=phone&q=cake")).toBe(one);
    expect(await etag("q=cake&context.device=desk&context.page=home")).not.toBe(one);
  });
});

it.each([
  ["mixture", "q=cake&history=item:1", "history"],
  ["mixture", "q=cake&context.device=phone", "context"],
  ["mixture", "context.device=phone", "context"],
  ["mean", "like=item:1&context.device=phone", "q"],
  ["mean", `context.${"a".repeat(70)}=1`, `context.${"a".repeat(70)}`],
  ["mean", "context.__proto__=1", "context.__proto__"],
  ["mean", "context.__proto__=1&context.device=phone", "context.__proto__"],
  ["mean", "context.=1", "context."],
  ["mean", `q=cake&context.device=${"x".repeat(600)}`, "context.device"],
])("form %s refuses %s", async (form, query, parameter) => {
  const { status, body } = await get(`/search?${query}&index=${form}`);
  expect(status).toBe(400);
  expect(body.errors[0].parameter).toBe(parameter);
});
