/** Whatever the limits let through can be named in every request; the rest, no writer writes. */
import { env, exports } from "cloudflare:workers";
import {
  formatFilter,
  formatList,
  MAX_CONTEXTS,
  MAX_ID_BYTES,
  MAX_NAME_BYTES,
  MAX_VALUE_BYTES,
  nameFault,
} from "@poeem/pq-core";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { type QueryTowerWeights, writeQueryTower } from "@poeem/towers";
import { beforeAll, describe, expect, it } from "vitest";
import { createClient } from "../src/client.ts";
import { publish, randomFloats } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const dim = 4;
const random = randomFloats(5);
const floats = (length: number) => Float32Array.from({ length }, random);
const [shape, metric] = [{ dim, nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false }, "innerProduct"] as const;
const codebook = createCodebook({ ...shape, metric, centroids: floats(16 * dim) } as never);

const IDS = [
  ...[
    "a/b",
    "/",
    "//",
    "a?b",
    "a#b",
    "100%",
    "%2F",
    "%2e%2e",
    "%25",
    "a b",
    " lead",
    "trail ",
    " ",
    "+",
    "a+b",
    "a&b=c",
  ],
  ...[
    "a,b",
    ",",
    '"q"',
    '"',
    "a;b",
    "\\",
    "a\\b",
    "..a",
    "...",
    ".a",
    ":id",
    "*",
    "{id}",
    "$&",
    "@x",
    "~",
    "-5",
    "007",
  ],
  ...["a\nb", "a\r", "\t", "\u0000", "\u007f", "größe", "gro\u0308ße", "絵文字", "🎂", "\u200b", "\ufeffx", "\u2028"],
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "null", "undefined", "search", "true"],
  ...["x".repeat(MAX_ID_BYTES), "é".repeat(MAX_ID_BYTES / 2), "🎂".repeat(MAX_ID_BYTES / 4)],
];
const NAMES = [
  ...[
    "Marke größe",
    "größe",
    "price (€)",
    'say "x"',
    "back\\slash",
    "AND",
    "OR",
    "NOT",
    "a:b",
    "a,b",
    "2nd",
    "a=b",
    "-",
  ],
  ...["constructor", "hasOwnProperty", "toString", "page type", "絵", "a&b", "a+b", "100%", "x".repeat(MAX_NAME_BYTES)],
];
/** Which of two groups an item is in, by a column. */
const groupOf = (item: number, column: number) => (item + column) % 3;
const valueIn = (item: number, column: number) => `M "${groupOf(item, column)}" (x) \\`;

const towerOf = (names: readonly string[]): QueryTowerWeights => {
  const rows = { names: names.map((name) => `${name}\tM 1`), rows: floats(names.length * dim) };
  return { width: dim, inputs: [{ kind: "context", ...rows }], layers: [], skip: false };
};
const artifactOf = (ids: readonly string[], names: readonly string[]) => {
  const columns = <T>(value: (item: number, column: number) => T) =>
    Object.fromEntries(names.map((name, column) => [name, ids.map((_, item) => value(item, column))]));
  return writeArtifact({
    codebook,
    ids,
    assignments: new Uint32Array(ids.length),
    codes: Uint8Array.from({ length: 2 * ids.length }, () => Math.floor((random() + 1) * 8)),
    fields: ids.map((id) => ({ title: `of ${id}`, ...Object.fromEntries(names.map((name) => [name, `${name}!`])) })),
    facets: columns(valueIn),
    numbers: columns(groupOf),
    queryTower: writeQueryTower(towerOf(names.filter((name) => nameFault(name) === undefined).slice(0, MAX_CONTEXTS))),
  });
};

const { get, post, request } = makeIsolate();
beforeAll(async () => {
  const artifact = await artifactOf(IDS, NAMES);
  await publish(env.INDEX, { artifact } as never);
});
type Results = readonly { id: string; fields: Record<string, unknown> }[];
const ids = ({ results }: { results: Results }) => results.map(({ id }) => id).sort();
const sorted = (wanted: readonly string[]) => [...wanted].sort();

describe("ids", () => {
  it.each(IDS)("%j is found at its address, is like others, and is left out when excluded", async (id) => {
    const path = `/items/${encodeURIComponent(id)}`;
    const found = { id, title: `of ${id}` };
    expect(await get(path)).toMatchObject({ status: 200, body: found });
    expect(await (await exports.default.fetch(`https://edge.test${path}`)).json()).toMatchObject(found);
    const others = sorted(IDS.filter((other) => other !== id));
    const k = String(IDS.length);
    for (const [asGet, asPost] of [
      [{ like: id }, { like: id }],
      [{ history: formatList([id]) }, { history: [id] }],
      [
        { like: IDS[0]!, exclude: formatList([id, "nobody"]) },
        { like: IDS[0], exclude: [id, "nobody"] },
      ],
    ] as const) {
      const { status, body } = await get(`/search?${new URLSearchParams({ ...asGet, k } as Record<string, string>)}`);
      expect(status, JSON.stringify(body)).toBe(200);
      expect(ids(body)).toEqual("exclude" in asGet ? others.filter((other) => other !== IDS[0]) : others);
      expect((await post({ ...asPost, k: IDS.length })).body).toEqual(body);
    }
  });

  it("several of them are one history, whatever they are made of", async () => {
    const some = IDS.slice(0, 45);
    const { body } = await get(`/search?${new URLSearchParams({ history: formatList(some), k: "100" })}`);
    expect(ids(body)).toEqual(sorted(IDS.slice(45)));
    expect((await post({ history: some, k: 100 })).body).toEqual(body);
  });

  it("the typed client finds an id that it encodes", async () => {
    const client = createClient("https://edge.test", {
      fetch: (input: string, init?: RequestInit) => request(input.slice("https://edge.test".length), init),
    } as never);
    for (const id of ["a/b", "100%", "$&", ".a"]) {
      const item = await client.items[":id"].$get({ param: { id: encodeURIComponent(id) }, query: {} });
      expect(await item.json()).toMatchObject({ id });
    }
  });

  it.each([
    [".", "expected an id other than"],
    ["..", "expected an id other than"],
    ["", "expected an id, got none"],
    ["\ud800", "expected well-formed Unicode"],
    ["x".repeat(MAX_ID_BYTES + 1), 'expected at most 512 bytes of UTF-8, got 513 ("xxxxxxxxxxxxxxxxxxxx…")'],
    ["é".repeat(257), "expected at most 512 bytes of UTF-8, got 514"],
  ])("%j is no id that a writer takes, or a request", async (id, expected) => {
    await expect(artifactOf(["a", id], [])).rejects.toMatchObject({ name: "InputError", parameter: "ids[1]" });
    await expect(artifactOf(["a", id], [])).rejects.toThrow(expected);
    for (const asked of [{ like: id }, { history: [id] }, { q: "x", exclude: [id] }])
      expect(await post(asked), id).toMatchObject({
        status: 400,
        body: { errors: [{ detail: expect.stringMatching(/^expected/) }] },
      });
  });

  it("an unfinished quote is told", async () => {
    const { status, body } = await get(`/search?${new URLSearchParams({ history: '"a,b' })}`);
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      { parameter: "history", detail: 'expected a closing quote and then a comma or the end, got "\\"a,b"' },
    ]);
  });
});

describe("names", () => {
  it.each(NAMES)("%j is a facet and a number to filter by, and a field", async (name) => {
    const column = NAMES.indexOf(name);
    const filtered = async (filter: string) => {
      const fields = formatList([name]);
      const query = new URLSearchParams({ like: IDS[0]!, filter, fields, k: String(IDS.length) });
      const { status, body } = await get(`/search?${query}`);
      expect(status, JSON.stringify(body)).toBe(200);
      expect(body.results[0].fields).toEqual({ [name]: `${name}!` });
      return ids(body);
    };
    const expected = (holds: (item: number) => boolean) => sorted(IDS.filter((_, item) => item > 0 && holds(item)));
    expect(await filtered(formatFilter({ facet: name, in: [valueIn(1, column)] }))).toEqual(
      expected((item) => groupOf(item, column) === groupOf(1, column)),
    );
    expect(await filtered(`NOT ${formatFilter({ number: name, min: 1 })}`)).toEqual(
      expected((item) => groupOf(item, column) < 1),
    );
  });

  it("are listed", async () => {
    const { body } = await get("/facets");
    expect(sorted(Object.keys(body.facets))).toEqual(sorted(NAMES));
    expect(sorted(body.numbers)).toEqual(sorted(NAMES));
  });

  it.each(NAMES.slice(0, MAX_CONTEXTS))("%j is a context feature", async (name) => {
    const query = new URLSearchParams({ [`context.${name}`]: "M 1", k: "3" });
    const { status, body } = await get(`/search?${query}`);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body.results).toHaveLength(3);
    expect((await post({ context: { [name]: "M 1" }, k: 3 })).body).toEqual(body);
    expect((await get("/version")).body.index.reads.contexts).toContain(name);
  });

  it.each(["page kind", "valueOf", "größer"])("%j is a context feature of no model", async (name) => {
    const detail = expect.stringMatching(/^is unknown; the model of this index reads Marke größe, /);
    const errors = [{ parameter: `context.${name}`, detail }];
    expect(await get(`/search?${new URLSearchParams({ [`context.${name}`]: "M" })}`)).toMatchObject({
      status: 400,
      body: { errors },
    });
    expect(await post({ context: { [name]: "M" } })).toMatchObject({ status: 400, body: { errors } });
  });

  it.each([
    ["__proto__", /expected another name/],
    ["", /expected a name, got none/],
    ["a\tb", /expected no control characters/],
    ["x".repeat(MAX_NAME_BYTES + 1), /expected at most 128 bytes of UTF-8, got 129/],
  ])("%j is no name that a writer takes, or a request", async (name, expected) => {
    await expect(artifactOf(["a"], [name])).rejects.toThrow(expected);
    if (!name.includes("\t")) expect(() => writeQueryTower(towerOf([name]))).toThrow(expected);
    const context = JSON.parse(`{${JSON.stringify(name)}: "M", "größe": "M"}`);
    expect(await post({ context })).toMatchObject({ status: 400, body: { detail: expect.stringMatching(expected) } });
    const asGet = await get(`/search?${new URLSearchParams({ [`context.${name}`]: "M", "context.größe": "M" })}`);
    expect(asGet).toMatchObject({ status: 400, body: { detail: expect.stringMatching(expected) } });
  });

  it("values are as long as an expression has room for", async () => {
    const facets = (value: string) => ({ ["x".repeat(MAX_NAME_BYTES)]: [value] });
    const of = (value: string) => {
      const input = { codebook, ids: ["a"], assignments: new Uint32Array(1), codes: new Uint8Array(2) };
      return writeArtifact({ ...input, facets: facets(value) });
    };
    await expect(of("x".repeat(MAX_VALUE_BYTES + 1))).rejects.toThrow(/expected at most 512 bytes of UTF-8, got 513/);
    const value = '"'.repeat(MAX_VALUE_BYTES);
    await publish(env.INDEX, { artifact: await of(value) } as never, undefined, "values");
    const filter = formatFilter({ facet: "x".repeat(MAX_NAME_BYTES), in: [value] });
    const { body } = await post({ vector: [1, 0, 0, 0], filter, index: "values" });
    expect(ids(body)).toEqual(["a"]);
  });

  it("the kind of a name is told where it is compared as the other", async () => {
    const input = { codebook, ids: ["a"], assignments: new Uint32Array(1), codes: new Uint8Array(2) };
    const artifact = await writeArtifact({ ...input, facets: { kind: ["x"] }, numbers: { year: [1990] } });
    await publish(env.INDEX, { artifact } as never, undefined, "kinds");
    const refused = async (filter: string, detail: string) => {
      const { status, body } = await post({ vector: [1, 0, 0, 0], filter, index: "kinds" });
      expect([status, body.errors]).toEqual([400, [{ parameter: "filter", detail }]]);
    };
    await refused(
      "year:1990",
      'cannot be used: "year" is a number of this index, to be compared with =, <, <=, > or >=',
    );
    await refused("kind>3", 'cannot be used: "kind" is a facet of this index, to be compared with :');
    await refused("page type:home", expect.stringContaining('a name such as "page type" needs its quotes') as never);
  });
});
