import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { type Index, type InputError, type ItemId, type ItemIds, parseList } from "@poeem/pq-core";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import {
  DEFAULT_TOKENIZER,
  fnv1a32,
  type HistoryWeights,
  openQueryTower,
  type QueryTowerWeights,
  type Question,
  quantizeTable,
  questionVectors,
  type TextWeights,
  writeQueryTower,
} from "@poeem/towers";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { program } from "../src/cli.ts";

const dim = 4;
const random = new Random(9);
const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());
const partition = { values: new Int8Array(dim).fill(3), scales: Float32Array.of(0.1), bias: Float32Array.of(1) };
const mixture: HistoryWeights = { kind: "history", form: "mixture", length: 2, scale: 9, partition };
const mean: HistoryWeights = { kind: "history", form: "mean", length: 5, scale: 1 };
const text: TextWeights = {
  kind: "text",
  tokenizer: DEFAULT_TOKENIZER,
  table: quantizeTable(numbers(dim), Uint32Array.of(fnv1a32("wred")), dim),
};

function weights(...inputs: QueryTowerWeights["inputs"]): QueryTowerWeights {
  const names = ["device\tphone", "device\tdesk"];
  const context = { kind: "context", names, rows: numbers(2 * dim) } as const;
  return { width: dim, inputs: [...inputs, context], layers: [], skip: false };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-search-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function indexWith(tower: QueryTowerWeights | undefined, ids: ItemIds, name = "index"): Promise<Index> {
  const shape = { dim, metric: "innerProduct", nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false } as const;
  const codebook = createCodebook({ ...shape, centroids: numbers(16 * dim) });
  const artifact = await writeArtifact({
    codebook,
    ...encode(codebook, numbers(ids.length * dim)),
    ids,
    queryTower: tower && writeQueryTower(tower),
  });
  const directory = join(folder, name);
  await writeIndexDirectory(directory, artifact, {});
  return openIndexDirectory(directory);
}

/** What a question is searched with. */
async function ask(index: Index, question: Question<ItemId>) {
  const tower = await index.queryTower();
  return questionVectors(index, tower && openQueryTower(tower), question);
}

/** `poeem search` of the index that was written last. */
async function search(...args: string[]): Promise<{ results: { id: string | number; score: number }[] }> {
  let output = "";
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    output += text;
    return true;
  });
  try {
    await program().parseAsync(["node", "poeem", "search", "--index", join(folder, "index"), ...args, "--json"]);
  } finally {
    spy.mockRestore();
  }
  return JSON.parse(output);
}
const ids = Array.from({ length: 20 }, (_, i) => `item-${i}`);
const vectorsOf = async (index: Index, names: readonly string[]): Promise<Float32Array> =>
  index.vectors(await index.ordinals(names));

describe("an item", () => {
  it("finds the items nearest to its decoded vector, without itself, whatever the ids and the tower", async () => {
    for (const tower of [undefined, weights(text)]) {
      for (const all of [ids, Uint32Array.from(ids, (_, i) => 7 + i)]) {
        const index = await indexWith(tower, all);
        const vectors = await index.vectors(await index.ordinals([...all]));
        const scoreOf = (i: number): number =>
          vectors.subarray(i * dim, (i + 1) * dim).reduce((sum, value, d) => sum + value * vectors[3 * dim + d]!, 0);
        const { results } = await search("--like", String(all[3]), "--k", "20");
        expect(results.map(({ id }) => String(id)).sort()).toEqual(
          [...all]
            .filter((_, i) => i !== 3)
            .map(String)
            .sort(),
        );
        for (const [rank, { id, score }] of results.entries()) {
          expect(score).toBeCloseTo(scoreOf([...all].map(String).indexOf(String(id))), 4);
          if (rank > 0) expect(score).toBeLessThanOrEqual(results[rank - 1]!.score);
        }
      }
    }
  });

  it("is asked for alone, and has to be there", async () => {
    await indexWith(weights(text), ids);
    await expect(search("--like", "item-3", "--history", "item-4")).rejects.toThrow("expected like alone");
    await expect(search("--like", "item-30")).rejects.toThrow(
      /"like" expected ids of items of this index, got .*item-30/,
    );
    await expect(search()).rejects.toThrow("expected either --query or --vectors, or --history, --like, --context");
    await indexWith(
      undefined,
      Uint32Array.from(ids, (_, i) => i),
    );
    await expect(search("--like", "three")).rejects.toThrow(/"like" expected /);
    expect((await search("--like", "003", "--k", "1")).results).toEqual(
      (await search("--like", "3", "--k", "1")).results,
    );
  });
});

describe("an embedding", () => {
  const map = () => ({ values: numbers(2 * dim), bias: numbers(dim) });
  const tower: QueryTowerWeights = {
    ...{ width: dim, layers: [], skip: false },
    inputs: [
      {
        kind: "embedding",
        columns: [
          { name: "vec", encoder: "a model", length: 2, map: map() },
          { name: "image", length: 2, map: map() },
        ],
      },
    ],
  };
  const one: QueryTowerWeights = {
    ...tower,
    inputs: [{ kind: "embedding", columns: [{ name: "vec", length: 2, map: map() }] }],
  };
  const foundBy = async (index: Index, embedding: Question<ItemId>["embedding"]): Promise<ItemId[]> => {
    const { vectors } = (await ask(index, { embedding }))!;
    const { ordinals } = await index.search(vectors, { k: 20 });
    return (await index.items(ordinals)).map(({ id }) => id);
  };

  it("is numbers, or a file of them in any spelling, or of float32", async () => {
    const index = await indexWith(one, ids);
    const expected = await foundBy(index, Float32Array.of(0.5, -2));
    await writeFile(join(folder, "q.json"), "[0.5, -2]\n");
    await writeFile(join(folder, "q.txt"), "5e-1\n-2.0\n");
    await writeFile(join(folder, "q.f32"), Float32Array.of(0.5, -2));
    for (const given of [".5,-2", "[0.5, -2]", ...["q.json", "q.txt", "q.f32"].map((file) => join(folder, file))]) {
      const { results } = await search("--embedding", given, "--k", "20");
      expect(results.map(({ id }) => id)).toEqual(expected);
      expect((await search("--embedding", `vec=${given}`, "--k", "20")).results).toEqual(results);
    }
  });

  it("is one of each column where there are several", async () => {
    const index = await indexWith(tower, ids);
    const expected = await foundBy(index, { vec: Float32Array.of(1, 2), image: Float32Array.of(3, -4) });
    const { results } = await search("--embedding", "vec=1,2", "--embedding", "image=3,-4", "--k", "20");
    expect(results.map(({ id }) => id)).toEqual(expected);
  });

  it.each([
    [["vec=1"], '"embedding.vec" expected 2 numbers, got 1 (the model of this index reads vectors of a model)'],
    [["vec=0,0"], '"embedding.vec" expected a number other than 0, got zeros alone'],
    [["vec=1e39,0"], '"embedding.vec" expected finite numbers, got Infinity at 1'],
    [["1,2"], '"embedding" expected a vector for each of vec, image, got one of no name'],
    [["sound=1,2"], '"embedding.sound" is unknown; the model of this index reads vec, image'],
    [["vec=1,2", "3,4"], '--embedding: expected NAME=… where there are several, got "3,4"'],
    [["vec=1,2", "vec=3,4"], "--embedding: expected different columns, got vec twice"],
    [["vec=1,x"], '--embedding: expected numbers separated by commas, or a file, got "1,x"'],
    [["vec="], '--embedding: expected numbers separated by commas, or a file, got ""'],
  ])("is refused: %s", async (given, message) => {
    await indexWith(tower, ids);
    await expect(search(...given.flatMap((one) => ["--embedding", one]))).rejects.toThrow(message);
  });

  const told = async (...args: string[]): Promise<string> => {
    const spy = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      await search(...args);
      return spy.mock.calls.join("");
    } finally {
      spy.mockRestore();
    }
  };

  it("is told apart from vectors of the index's own space", async () => {
    const file = join(folder, "own.f32");
    await writeFile(file, numbers(2 * dim));
    await indexWith(one, ids);
    expect(await told("--vectors", file, "--queries", "2")).toBe(
      "--vectors: vectors of the index's own space, 4 numbers; --embedding asks by embeddings of 2\n",
    );
    await indexWith(
      { ...one, inputs: [{ kind: "embedding", columns: [{ name: "vec", length: dim, map: undefined }] }] },
      ids,
    );
    expect(await told("--vectors", file, "--queries", "2")).toBe("");
    // one that is mapped fits by its length
    const square = { values: numbers(dim * dim), bias: numbers(dim) };
    await indexWith(
      { ...one, inputs: [{ kind: "embedding", columns: [{ name: "vec", length: dim, map: square }] }] },
      ids,
    );
    expect(await told("--vectors", file, "--queries", "2")).toContain("4 numbers; --embedding asks by embeddings of 4");
    await indexWith(weights(text), ids);
    expect(await told("--vectors", file, "--queries", "2")).toBe("");
  });

  it("that a text comes without is told where the model reads one", async () => {
    await indexWith({ ...tower, inputs: [text, ...tower.inputs] }, ids);
    const columns = "vec, 2 numbers of a model; image, 2 numbers";
    const asked = ["-q", "red"];
    expect(await told(...asked)).toBe(`asked without --embedding, which the model reads too (${columns})\n`);
    expect(await told(...asked, "--embedding", "vec=1,2")).toBe("");
    await indexWith(weights(text), ids);
    expect(await told(...asked)).toBe("");
  });

  it("is refused in a file of something else, and beside --vectors", async () => {
    await indexWith(one, ids);
    const file = join(folder, "q.bin");
    await writeFile(file, "abc");
    await expect(search("--embedding", file)).rejects.toThrow("expected numbers as text, or float32 of 4 bytes each");
    await expect(search("--embedding", "1,2", "--vectors", file)).rejects.toThrow(
      "expected either --query or --vectors",
    );
  });
});

describe("what is searched with", () => {
  it("is the query tower's mixture of the decoded items of a history, which do not come back", async () => {
    const tower = weights(mixture);
    const index = await indexWith(tower, ids);
    const history = ["item-3", "item-7", "item-1"];
    const asked = (await ask(index, { history }))!;
    const expected = openQueryTower(writeQueryTower(tower)).embed({ history: await vectorsOf(index, history) });
    expect(asked.vectors).toHaveLength(2);
    expect(expected).toMatchObject({ vectors: asked.vectors, temperature: 9 });
    expect(asked.merge).toMatchObject({ by: "sumExp", temperature: 9 });
    const { ordinals } = await index.search(asked.vectors, { k: 20, merge: asked.merge, exclude: asked.exclude });
    const found = (await index.items(ordinals)).map(({ id }) => id);
    expect(found.toSorted()).toEqual(ids.filter((id) => !history.includes(id)).toSorted());
    const { results } = await search("--history", history.join(), "--k", "20");
    expect(results.map(({ id }) => id)).toEqual(found);
  });

  it("is one vector of text, history and context where the tower pools them", async () => {
    const tower = weights(text, mean);
    const index = await indexWith(tower, ids);
    const asked = { text: "red", history: ["item-2"], context: { device: "desk" } };
    const { vectors, merge } = (await ask(index, asked))!;
    const items = await vectorsOf(index, asked.history);
    expect(merge).toBeUndefined();
    expect(vectors).toEqual([openQueryTower(writeQueryTower(tower)).embed({ ...asked, history: items })]);
  });

  it("is the text leaning to each item of the history where the tower reads them as a mixture", async () => {
    const tower = weights(text, { ...mixture, lean: 0.5 });
    const index = await indexWith(tower, ids);
    const asked = { text: "red", history: ["item-2", "item-5"], context: { device: "desk" } };
    const { vectors, merge, exclude } = (await ask(index, asked))!;
    const items = await vectorsOf(index, asked.history);
    expect(openQueryTower(writeQueryTower(tower)).embed({ ...asked, history: items })).toMatchObject({ vectors });
    const { ordinals } = await index.search(vectors, { k: 20, merge, exclude });
    const found = (await index.items(ordinals)).map(({ id }) => id);
    const args = ["--query", "red", "--history", asked.history.join(), "--context", "device=desk", "--k", "20"];
    expect((await search(...args)).results.map(({ id }) => id)).toEqual(found);
    expect(found).toHaveLength(18);
    // one that was not trained on them together says so
    await indexWith(weights(text, mixture), ids);
    await expect(search("--query", "red", "--history", "item-2")).rejects.toMatchObject({ parameter: "history" });
  });

  it("is each item by itself where the tower was not trained on histories, or there is none", async () => {
    for (const tower of [undefined, weights(text)]) {
      const index = await indexWith(tower, ids);
      const { vectors, merge } = (await ask(index, { history: ["item-2", "item-4"] }))!;
      const decoded = await vectorsOf(index, ["item-2", "item-4"]);
      expect(vectors.map((vector) => [...vector])).toEqual([[...decoded.slice(0, dim)], [...decoded.slice(dim)]]);
      expect(merge).toBeUndefined();
    }
  });

  it("takes ids of whatever type the index has", async () => {
    const refused = (history: string, parameter: string, detail: string) =>
      expect(search("--history", history)).rejects.toMatchObject({ parameter, detail } satisfies Partial<InputError>);
    const small = Uint32Array.from({ length: 20 }, (_, i) => 100 + i);
    await indexWith(undefined, small);
    const { results } = await search("--history", "103,119", "--k", "20");
    expect(results.map(({ id }) => id).toSorted()).toEqual([...small].filter((id) => id !== 103 && id !== 119));
    await refused("99", "history", 'expected ids of items of this index, got "99"');
    const expected = "expected integers of 0 to 4294967295, as the ids of this index are";
    await refused("4294967296", "history", `${expected}, got "4294967296"`);
    const largest = 18446744073709551615n;
    await indexWith(
      undefined,
      BigUint64Array.from({ length: 20 }, (_, i) => largest - BigInt(i)),
    );
    const found = (await search("--history", String(largest), "--k", "20")).results.map(({ id }) => id);
    expect(found).toHaveLength(19);
    expect(found).not.toContain(String(largest));
    await refused("-1", "history", `expected integers of 0 to ${largest}, as the ids of this index are, got "-1"`);
  });

  it("is refused by the name of what the index cannot read, and nothing where it knows nothing of it", async () => {
    const refused = (index: Index, question: Question<ItemId>, parameter: string, detail: string) =>
      expect(ask(index, question)).rejects.toMatchObject({ name: "InputError", parameter, detail });
    const none = await indexWith(undefined, ids);
    await refused(
      none,
      { text: "red" },
      "text",
      "cannot be used: this index was published without a query tower that reads text",
    );
    await refused(none, { history: [] }, "history", "expected at least one id, got none");
    await refused(
      none,
      { history: ["item-1", "nobody"] },
      "history",
      'expected ids of items of this index, got "nobody"',
    );
    await refused(none, {}, "question", "expected text, history, context, embedding, like or vector, got none of them");
    await refused(none, { vector: numbers(3) }, "vector", "expected 4 numbers, the dim of this index, got 3");
    const untexted = await indexWith(weights(mixture), ids);
    const only =
      "cannot be used: this index reads no text, only histories and the context (device): use history instead";
    await refused(untexted, { text: "red" }, "text", only);
    const words = await indexWith(weights(text), ids);
    expect(await ask(words, { text: "zebra" })).toBeUndefined();
    expect(await ask(words, { context: { device: "tv" } })).toBeUndefined();
    await expect(search("-q", "zebra")).rejects.toThrow(/no word of "zebra" is known/);
    const combined = "cannot be combined: the model of this index reads a history by itself";
    const untrained =
      "cannot be combined: the model of this index was not trained on histories, which are searched item by item";
    await refused(words, { text: "red", history: ["item-1"] }, "history", untrained);
    await refused(words, { text: "red", like: "item-1" }, "like", "expected like alone, got text and like");
    const unknown = "is unknown; the model of this index reads device";
    await refused(words, { context: { shoe: "9" } }, "context.shoe", unknown);
    const histories = await indexWith(weights(text, mixture), ids);
    await refused(histories, { text: "red", history: ["item-1"] }, "history", combined);
    const alone = "cannot be used: the model of this index reads nothing with a history";
    await refused(histories, { context: { device: "desk" } }, "context", alone);
    expect((await ask(histories, { text: "red" }))?.vectors).toHaveLength(1);
  });
});

describe("--exclude", () => {
  it("leaves items out of every kind of search, as the index does, and says which it does not have", async () => {
    const index = await indexWith(weights(text), ids);
    const exclude = ["item-3", "item-0"];
    const file = join(folder, "exclude.f32");
    await writeFile(file, numbers(dim));
    const history = await vectorsOf(index, ["item-7"]);
    const { ordinals } = await index.search(history, { k: 5, exclude: ["item-7", ...exclude] });
    const expected = (await index.items(ordinals)).map(({ id }) => id);
    const all = ["--exclude", exclude.join(), "--k"];
    expect((await search("--history", "item-7", ...all, "5")).results.map(({ id }) => id)).toEqual(expected);
    for (const asked of [
      ["--query", "red"],
      ["--context", "device=desk"],
    ]) {
      const found = (await search(...asked, ...all, "20")).results.map(({ id }) => id);
      expect(found.toSorted()).toEqual(ids.filter((id) => !exclude.includes(String(id))).toSorted());
    }
    const { queries } = (await search("--vectors", file, ...all, "20")) as unknown as { queries: [{ ids: string[] }] };
    expect(queries[0].ids).toHaveLength(18);
    const spy = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const one = await search("--history", "item-7", "--k", "20", "--exclude", "--", "item-9", "nobody");
    const said = spy.mock.calls.join("");
    spy.mockRestore();
    expect(one.results).toHaveLength(18);
    expect(said).toBe("1 item to leave out is not in the index (nobody)\n");
  });
});

describe("what a filter and a context of the command may name", () => {
  it("is whatever the index has, in quotes where it is no word", async () => {
    const names = ["a=b", 'say "x"', "page type"];
    const input = { kind: "context", names: names.map((name) => `${name}\tM=1`), rows: numbers(3 * dim) } as const;
    const index = await indexWith({ width: dim, inputs: [input], layers: [], skip: false }, ids);
    const facts = async (...given: string[]) =>
      (await search(...given.flatMap((one) => ["--context", one]))) as unknown as { context: object };
    expect((await facts('"a=b"=M=1', '"say \\"x\\""=M=1', "page type=M=1")).context).toEqual(
      Object.fromEntries(names.map((name) => [name, "M=1"])),
    );
    await expect(facts("page kind=M")).rejects.toMatchObject({
      parameter: "context.page kind",
      detail: 'is unknown; the model of this index reads a=b, say "x", page type',
    });
    expect(index.manifest.numItems).toBe(20);
  });

  it("prints ids and titles for a person so that a terminal shows them and a list of ids can be read", async () => {
    const shape = { dim, metric: "innerProduct", nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false } as const;
    const codebook = createCodebook({ ...shape, centroids: numbers(16 * dim) });
    const odd = ["a b", "c,d", "e\u001b[2J"];
    const artifact = await writeArtifact({
      codebook,
      ...encode(codebook, numbers(3 * dim)),
      ids: odd,
      fields: odd.map(() => ({ title: "one\ttwo\r\nthree\u001b[31m" })),
    });
    await writeIndexDirectory(join(folder, "odd"), artifact);
    const file = join(folder, "odd.f32");
    await writeFile(file, numbers(dim));
    const printed = async (...given: string[]) => {
      let output = "";
      const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
        output += text;
        return true;
      });
      await program().parseAsync(["node", "poeem", "search", "--index", join(folder, "odd"), ...given]);
      spy.mockRestore();
      return output;
    };
    const lines = (await printed("--history", "a b")).trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/ (c,d|e\\u001b\[2J) +one\\ttwo\\r\\nthree\\u001b\[31m$/);
    const [answer] = (await printed("--vectors", file, "--k", "3")).trimEnd().split("\n");
    expect(parseList(answer!, "ids").toSorted()).toEqual(["a b", "c,d", "e\\u001b[2J"]);
  });

  it("lets a line say so when no item passes", async () => {
    const shape = { dim, metric: "innerProduct", nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false } as const;
    const codebook = createCodebook({ ...shape, centroids: numbers(16 * dim) });
    const codes = encode(codebook, numbers(2 * dim));
    const facets = { "Marke größe": ["S", "M"] };
    await writeIndexDirectory(
      join(folder, "filtered"),
      await writeArtifact({ codebook, ...codes, ids: ["a", "b"], facets }),
    );
    const asked = async (filter: string) => {
      const said = { stdout: "", stderr: "" };
      const keep = (stream: "stdout" | "stderr") =>
        vi.spyOn(process[stream], "write").mockImplementation((text) => {
          said[stream] += text;
          return true;
        });
      const spies = [keep("stdout"), keep("stderr")];
      const given = ["--index", join(folder, "filtered"), "--history", "a", "--filter", filter];
      await program().parseAsync(["node", "poeem", "search", ...given]);
      for (const spy of spies) spy.mockRestore();
      return said;
    };
    expect(await asked('"Marke größe":M')).toMatchObject({ stdout: expect.stringMatching(/^ .* b /), stderr: "" });
    expect(await asked('"Marke größe":L')).toEqual({
      stdout: "",
      stderr: 'no item found that passes --filter "Marke größe":L\n',
    });
  });
});
