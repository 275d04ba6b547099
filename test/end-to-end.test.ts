import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Index, openArtifact, scalarKernel } from "@poeem/pq-core";
import { openQueryTower, type QueryTower } from "@poeem/towers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONFIG, writeCatalogue } from "./catalogue.ts";
import { poeem, serve, WORKER } from "./run.ts";

interface Answer {
  readonly indexVersion: string;
  readonly listsProbed: number;
  readonly codesScanned: number;
  readonly results: readonly { id: string; score: number; title: string; fields: Record<string, unknown> }[];
}

let folder: string;
let items: number;
let inches: ReadonlyMap<string, number>;
let index: Index;
let tower: QueryTower;
let decoded: Float32Array;
let ids: string[];
let server: Awaited<ReturnType<typeof serve>>;
let beforePublishing: { status: number; type: string | null; body: { detail?: string } };

const path = (...parts: string[]): string => join(folder, ...parts);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-e2e-"));
  ({ items, inches } = await writeCatalogue(folder));
  await writeFile(path("poeem.config.mjs"), CONFIG);
  const trained = await poeem(["train", "--config", path("poeem.config.mjs"), "--out", path("index"), "--json"]);
  expect(trained.stderr + trained.stdout).toContain('"version"');
  expect(trained.code).toBe(0);

  index = await openArtifact(
    { get: async (key) => new Uint8Array(await readFile(path("index", key))) },
    new Uint8Array(await readFile(path("index", "manifest.json"))),
    { kernel: scalarKernel },
  );
  tower = openQueryTower((await index.queryTower())!);
  const ordinals = Uint32Array.from({ length: items }, (_, i) => i);
  decoded = await index.vectors(ordinals);
  ids = (await index.items(ordinals)).map(({ id }) => String(id));

  server = await serve(path("state"));
  const response = await fetch(`${server.address}/search?q=red`);
  beforePublishing = {
    status: response.status,
    type: response.headers.get("content-type"),
    body: (await response.json()) as { detail?: string },
  };
  await server.stop();
  const published = await poeem([
    "publish",
    "--index",
    path("index"),
    "--to",
    "local",
    "--worker",
    WORKER,
    "--persist",
    path("state"),
    "--json",
  ]);
  expect(published.stderr).not.toContain("poeem:");
  expect(JSON.parse(published.stdout)).toMatchObject({ version: index.version });
  server = await serve(path("state"));
});

afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Inner products of a query with every decoded item, best first, ties by smaller ordinal. */
function bruteForce(query: string): { id: string; score: number }[] {
  const vector = tower.embed({ text: query }) as Float32Array;
  const { dim } = index.manifest;
  return ids
    .map((id, ordinal) => ({
      id,
      ordinal,
      score: vector.reduce((sum, value, d) => sum + value * decoded[ordinal * dim + d]!, 0),
    }))
    .sort((a, b) => b.score - a.score || a.ordinal - b.ordinal);
}

async function search(query: string): Promise<Answer> {
  const response = await fetch(`${server.address}/search?${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

describe("a trained, published and served index", () => {
  it.each(["red circle", "étoile bleu", "huge green arrow", "moon", "purpl"])(
    "answers %j as brute force over decoded vectors does",
    async (query) => {
      const answer = await search(`q=${encodeURIComponent(query)}&mode=dense&k=20&nprobe=8`);
      const expected = bruteForce(query);
      expect(answer.indexVersion).toBe(index.version);
      expect(answer.codesScanned).toBe(items);
      expect(answer.results).toHaveLength(20);
      const scoreOf = new Map(expected.map(({ id, score }) => [id, score]));
      for (const [place, { id, score }] of answer.results.entries()) {
        // the score is this item's own, and it is the score that belongs at this place: ids may only differ among ties
        expect(score).toBeCloseTo(scoreOf.get(id)!, 5);
        expect(score).toBeCloseTo(expected[place]!.score, 5);
      }
    },
  );

  it("finds what the words say", async () => {
    const { results } = await search("q=small%20red%20star&k=5");
    expect(results.map(({ id }) => id)).toContain("small-red-star");
    expect(results.find(({ id }) => id === "small-red-star")).toMatchObject({
      title: "small red star",
      fields: { shape: "star" },
    });
  });

  it("visits fewer cells with a smaller nprobe, and scores what it visits the same", async () => {
    const all = await search("q=blue%20heart&k=256&nprobe=8");
    const one = await search("q=blue%20heart&k=256&nprobe=1");
    expect(one.listsProbed).toBe(1);
    expect(one.codesScanned).toBeLessThan(all.codesScanned);
    expect(one.results).toHaveLength(one.codesScanned);
    const scores = new Map(all.results.map(({ id, score }) => [id, score]));
    for (const { id, score } of one.results) expect(score).toBeCloseTo(scores.get(id)!, 6);
  });

  it("filters by what the configuration names as facets and numbers", async () => {
    const filter = encodeURIComponent("shape:star AND inches>=5");
    const { results } = await search(`q=red%20heart&k=256&nprobe=8&filter=${filter}`);
    const expected = ids.filter((id) => id.endsWith("-star") && inches.get(id)! >= 5);
    expect(results.map(({ id }) => id).toSorted()).toEqual(expected.toSorted());
  });

  it("answers 503 problem+json as long as nothing is published", () => {
    expect(beforePublishing.status).toBe(503);
    expect(beforePublishing.type).toContain("application/problem+json");
    expect(beforePublishing.body.detail).toMatch(/publish/);
  });

  it.each(["q=red&k=abc", "q=red&k=0", "q=red&k=100000", "q=", `q=${"x".repeat(10_240)}`, "q=red&nprobe=0"])(
    "refuses ?%.40s with 400 problem+json",
    async (query) => {
      const response = await fetch(`${server.address}/search?${query}`);
      expect(response.status).toBe(400);
      expect(response.headers.get("content-type")).toContain("application/problem+json");
      expect(((await response.json()) as { detail: string }).detail).toMatch(/[kq]|nprobe/);
    },
  );

  it("evaluates dense, index and BM25 rankings, and the whole index scans everything", async () => {
    const { stdout, code } = await poeem([
      "evaluate",
      "--config",
      path("poeem.config.mjs"),
      "--index",
      path("index"),
      "--json",
    ]);
    expect(code).toBe(0);
    const { rows, recallAt10 } = JSON.parse(stdout) as {
      recallAt10: number;
      rows: { name: string; nprobe: number | null; scanned: number; recallAt10: number; bytesPerItem: number | null }[];
    };
    expect(rows.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["dense brute force", "index (default nprobe)", "BM25 (MiniSearch)"]),
    );
    // of what a search answers: hybrid, where the index has words
    expect(recallAt10).toBe(rows.find(({ name }) => name === "hybrid (default nprobe)")!.recallAt10);
    const whole = rows.find(({ nprobe }) => nprobe === 8)!;
    expect(whole.scanned).toBe(1);
    expect(whole.bytesPerItem).toBe(8);
    // random ranking would find 10 of 256
    for (const { name, nprobe, recallAt10 } of rows)
      if (name !== "popularity" && (nprobe === null || nprobe === 8)) expect(recallAt10).toBeGreaterThan(0.2);
  });

  it("gives the same index, byte for byte, from the same seed", async () => {
    const again = await poeem(["train", "--config", path("poeem.config.mjs"), "--out", path("again"), "--json"]);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ version: index.version });
  });
});

describe("the command line, used wrongly", () => {
  const refused = async (args: string[], message: RegExp): Promise<void> => {
    const { code, stderr } = await poeem(args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stderr.trim().split("\n").length).toBeLessThanOrEqual(2);
    expect(code).not.toBe(0);
  };
  const config = async (name: string, change: (text: string) => string): Promise<string> => {
    await writeFile(path(name), change(CONFIG));
    return path(name);
  };

  it("names a missing config file", () =>
    refused(["train", "--config", path("no.config.ts")], /config file not found: .*no\.config\.ts/));

  it("names an unknown config key", async () => {
    const file = await config("unknown.config.mjs", (text) => text.replace("nlist: 8", "nlists: 8"));
    await refused(["train", "--config", file], /index: .*nlists/);
  });

  it("names a missing data file and leaves no index behind", async () => {
    const file = await config("missing.config.mjs", (text) => text.replace("items.jsonl", "gone.jsonl"));
    await refused(["train", "--config", file, "--out", path("missing")], /data\.items: .*gone\.jsonl/);
    expect((await readdir(folder)).filter((name) => name.includes("missing") && name !== "missing.config.mjs")).toEqual(
      [],
    );
  });

  it("refuses to replace a folder that is not an index", async () => {
    const message = /--out .*: expected an index folder, an empty one or nothing, got a folder with/;
    await refused(["train", "--config", path("poeem.config.mjs"), "--out", folder], message);
    expect(await readdir(folder)).toContain("items.jsonl");
  });

  it("names an option that is out of range", async () => {
    const ask = (...more: string[]) => ["search", "--index", path("index"), "-q", "red", ...more];
    await refused(ask("--nprobe", "9"), /--nprobe: expected 1 to 8, the cells of this index, got 9/);
    await refused(ask("--k", "100000000000"), /--k: expected an integer/);
    await refused(["search", "--index", path("index"), "-q", ""], /--query: expected some text, got none/);
  });

  it("refuses to evaluate with another split than was trained with", async () => {
    const file = await config("split.config.mjs", (text) =>
      text.replace("data:", "split: { testModulus: 7 },\n  data:"),
    );
    await refused(
      ["evaluate", "--config", file, "--index", path("index")],
      /trained with split\.testModulus 10, .* says 7/,
    );
  });

  it("names a missing column", async () => {
    const file = await config("column.config.mjs", (text) =>
      text.replace('categories: ["shape"]', 'categories: ["form"]'),
    );
    await refused(["train", "--config", file], /data\.items: expected column form; got id, title, shape, inches/);
  });

  it("refuses an unknown option and an index that is not there", async () => {
    await refused(["train", "--config", "x", "--confog", "y"], /unknown option '--confog'/);
    await refused(
      ["publish", "--index", path("nowhere"), "--to", "local", "--worker", WORKER],
      /no index in .*nowhere/,
    );
  });

  it("refuses to publish a corrupt chunk, and what was published goes on serving", async () => {
    const [chunk] = (await readdir(path("index"))).filter((name) => name.startsWith("lists-"));
    const bytes = await readFile(path("index", chunk!));
    const broken = Uint8Array.from(bytes);
    broken[broken.length - 1]! ^= 1;
    await writeFile(path("index", chunk!), broken);
    try {
      await refused(
        ["publish", "--index", path("index"), "--to", "local", "--worker", WORKER, "--persist", path("state")],
        new RegExp(`${chunk}.*(sha256|corrupt)`),
      );
    } finally {
      await writeFile(path("index", chunk!), bytes);
    }
    expect((await search("q=red&k=1")).indexVersion).toBe(index.version);
  });
});

describe("changes without training", () => {
  const rows = [
    { id: "new-star", title: "small golden star", shape: "star", inches: 40 },
    { id: "tiny-red-moon", title: "tiny red heart", shape: "heart", inches: 41 },
  ];
  let changed: string;

  beforeAll(async () => {
    await writeFile(path("more.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    const changes = ["--items", path("more.jsonl"), "--remove", "huge-green-arrow", "--out", path("changes"), "--json"];
    const encoded = await poeem(["encode", "--index", path("index"), ...changes]);
    expect(encoded.stderr).toBe("");
    expect(JSON.parse(encoded.stdout)).toMatchObject({ added: 1, updated: 1, removed: 1, items });
    ({ version: changed } = JSON.parse(encoded.stdout) as { version: string });
    await server.stop();
    const where = ["--to", "local", "--worker", WORKER, "--persist", path("state"), "--json"];
    const published = await poeem(["publish", "--index", path("index"), "--delta", path("changes"), ...where]);
    const { version, chunksWritten, chunksPresent } = JSON.parse(published.stdout) as Record<string, number>;
    // delta, lists, items, lookup, filters, words, postings, manifest; all chunks of the base are there already.
    expect({ version, chunksWritten }).toEqual({ version: changed, chunksWritten: 8 });
    expect(chunksPresent).toBe(index.manifest.chunks.length);
    server = await serve(path("state"));
  });

  it("are served: a new item by its words, an updated one by its new ones, a removed one no more", async () => {
    const ask = (query: string) => search(`${query}&k=20&nprobe=8`);
    const stars = await ask(`q=small%20star&filter=${encodeURIComponent("shape:star AND inches=40")}`);
    expect(stars.indexVersion).toBe(changed);
    expect(stars.results).toMatchObject([{ id: "new-star", title: "small golden star", fields: { shape: "star" } }]);
    // Among the 33 stars and more than 200 others, by the words of its title alone.
    expect((await ask("q=small%20star")).results.map(({ id }) => id)).toContain("new-star");
    const hearts = await ask(`q=red%20heart&filter=${encodeURIComponent("shape:heart AND inches>=40")}`);
    expect(hearts.results).toMatchObject([{ id: "tiny-red-moon", title: "tiny red heart" }]);
    expect((await ask("q=huge%20green%20arrow")).results.map(({ id }) => id)).not.toContain("huge-green-arrow");
    expect((await fetch(`${server.address}/items/huge-green-arrow`)).status).toBe(404);
  });

  it("fold into an index of their own that answers the same", async () => {
    const folded = ["--index", path("index"), "--delta", path("changes"), "--out", path("folded"), "--json"];
    expect(JSON.parse((await poeem(["compact", ...folded])).stdout)).toMatchObject({ items });
    const ask = async (...more: string[]): Promise<unknown> => {
      const { stdout } = await poeem(["search", ...more, "-q", "small star", "--k", "20", "--json"]);
      return (JSON.parse(stdout) as { results: unknown }).results;
    };
    expect(await ask("--index", path("folded"))).toEqual(
      await ask("--index", path("index"), "--delta", path("changes")),
    );
  });

  it("are refused for an item of which the tower knows nothing", async () => {
    await writeFile(path("odd.jsonl"), JSON.stringify({ id: "odd", title: "☂", shape: "☂", inches: 1 }));
    const odd = ["--items", path("odd.jsonl"), "--out", path("odd"), "--json"];
    const { code, stderr } = await poeem(["encode", "--index", path("index"), ...odd]);
    expect(stderr).toMatch(/1 new item \(odd\) have no word, category or number that the item tower knows/);
    expect(code).toBe(1);
  });
});
