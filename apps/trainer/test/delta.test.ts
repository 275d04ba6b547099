import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import type { ArtifactInput } from "@poeem/pq-core";
import { createCodebook, decode, encode, scoreAware, writeArtifact } from "@poeem/pq-core/write";
import { planPrune } from "@poeem/publish/prune";
import { publishInto } from "@poeem/publish/publish-into";
import { readArtifact } from "@poeem/publish/read-artifact";
import { ITEM_TOWER_FILE, itemTowerBytes } from "@poeem/training/artifact/item-tower-file";
import { resolveConfig } from "@poeem/training/config";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { MemoryStore } from "../../../packages/publish/test/memory-store.ts";
import { program } from "../src/cli.ts";

const dim = 8;
const random = new Random(20261122);
const floats = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());
const codebook = createCodebook({
  dim,
  metric: "innerProduct",
  nlist: 4,
  numSubQuantizers: 4,
  nbits: 4,
  byResidual: true,
  coarseCentroids: floats(4 * dim),
  centroids: floats(16 * dim),
});
const config = resolveConfig(
  {
    name: "shop",
    data: { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" },
    items: { id: "sku", title: "name", fields: ["brand"], facets: ["brand"], numbers: ["price"] },
    model: { dim },
    index: { nlist: 4, numSubQuantizers: 4 },
  },
  "test",
);

interface Product {
  readonly sku: string;
  readonly name: string;
  readonly brand: string | null;
  readonly price: number;
  readonly vector: Float32Array;
}

const product = (i: number, name = `product ${i}`): Product => ({
  sku: `sku-${i}`,
  name,
  brand: i % 5 === 0 ? null : ["acme", "umbrella"][i % 2]!,
  price: i / 2,
  vector: floats(dim),
});

function inputOf(products: readonly Product[]): ArtifactInput {
  return {
    codebook,
    ...encode(codebook, Float32Array.from(products.flatMap(({ vector }) => [...vector]))),
    ids: products.map(({ sku }) => sku),
    fields: products.map(({ name, brand }) => ({ title: name, ...(brand === null ? {} : { brand }) })),
    facets: { brand: products.map(({ brand }) => brand ?? undefined) },
    numbers: { price: products.map(({ price }) => price) },
    popularQueries: ["red shoes", "umbrella"],
    training: { config },
  };
}

const catalogue = Array.from({ length: 200 }, (_, i) => product(i));

let folder: string;
let index: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-delta-"));
  index = join(folder, "index");
  await writeIndexDirectory(index, await writeArtifact(inputOf(catalogue)), {});
});

/** Writes products as a file of the given kind, and their vectors. */
async function writeProducts(name: string, products: readonly Product[]): Promise<string[]> {
  const [file, vectors] = [join(folder, name), join(folder, `${name}.f32`)];
  const rows = products.map(({ vector, ...row }) => row);
  const csv = ["sku,name,brand,price", ...rows.map((row) => [row.sku, row.name, row.brand ?? "", row.price].join(","))];
  const text = name.endsWith(".csv") ? csv.join("\n") : rows.map((row) => JSON.stringify(row)).join("\n");
  await writeFile(file, `${text}\n`);
  await writeFile(vectors, new Uint8Array(Float32Array.from(products.flatMap(({ vector }) => [...vector])).buffer));
  return ["--items", file, "--vectors", vectors];
}

async function poeem(...args: string[]): Promise<Record<string, unknown>> {
  let output = "";
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    output += text;
    return true;
  });
  try {
    await program().parseAsync(["node", "poeem", ...args, "--json"]);
  } finally {
    spy.mockRestore();
  }
  return JSON.parse(output) as Record<string, unknown>;
}

/** Files of a folder with their bytes. */
async function filesOf(directory: string): Promise<Map<string, string>> {
  const names = (await readdir(directory)).sort();
  return new Map(
    await Promise.all(
      names.map(
        async (name): Promise<[string, string]> => [name, (await readFile(join(directory, name))).toString("hex")],
      ),
    ),
  );
}

describe("poeem encode", () => {
  it.each(["more.csv", "more.jsonl"])(
    "of %s, twice, and compact give the index of the whole catalogue",
    async (name) => {
      const [one, two, out] = [join(folder, "one"), join(folder, "two"), join(folder, "compact")];
      const first = [product(1000), product(3, "better three")];
      const facts = await poeem(
        "encode",
        "--index",
        index,
        ...(await writeProducts(name, first)),
        "--remove",
        "sku-7,nobody",
        "--out",
        one,
      );
      expect(facts).toMatchObject({ added: 1, updated: 1, removed: 1, unknown: ["nobody"], items: 200 });

      const second = [product(1001), product(1000, "better thousand")];
      await writeFile(join(folder, "gone.txt"), "sku-9\r\nsku-10\n\n");
      const more = ["--remove", `@${join(folder, "gone.txt")}`, "--delta", one, "--out", two];
      expect(
        await poeem("encode", "--index", index, ...(await writeProducts(`second-${name}`, second)), ...more),
      ).toMatchObject({
        added: 1,
        updated: 1,
        removed: 2,
        unknown: [],
        items: 199,
      });

      await poeem("compact", "--index", index, "--delta", two, "--out", out);
      const changed = new Set(["sku-3", "sku-7", "sku-9", "sku-10"]);
      const result = [...catalogue.filter(({ sku }) => !changed.has(sku)), first[1]!, ...second];
      const fresh = join(folder, "fresh");
      await writeIndexDirectory(fresh, await writeArtifact({ ...inputOf(result), previousVersion: undefined }), {});
      const [expected, got] = [await filesOf(fresh), await filesOf(out)];
      expect([...got.keys()]).toEqual([...expected.keys()]);
      for (const [file, bytes] of expected) if (file !== "manifest.json") expect(got.get(file), file).toBe(bytes);
      expect((await openIndexDirectory(out)).version).toBe((await openIndexDirectory(fresh)).version);
    },
  );

  it("shows in search and inspect of the index with its changes, and not in the index alone", async () => {
    const changes = join(folder, "changes");
    const added = product(1000, "the new one");
    await poeem(
      "encode",
      "--index",
      index,
      ...(await writeProducts("new.csv", [added])),
      "--remove",
      "sku-7",
      "--out",
      changes,
    );
    const query = join(folder, "new.csv.f32");
    const ask = async (...more: string[]): Promise<(string | number)[]> => {
      const asked = ["--index", index, "--vectors", query, "--k", "300", "--nprobe", "all"];
      const found = await poeem("search", ...asked, ...more);
      return (found["queries"] as { ids: string[] }[])[0]!.ids;
    };
    expect(await ask()).toHaveLength(200);
    const ids = await ask("--delta", changes);
    expect(ids).toHaveLength(200);
    expect(ids).toContain("sku-1000");
    expect(ids).not.toContain("sku-7");
    expect(await poeem("inspect", index, "--delta", changes)).toMatchObject({
      numItems: 200,
      delta: { baseItems: 200, removed: 1, numItems: 1 },
    });
  });

  it("chooses codes by the moments that those of the index were chosen by", async () => {
    const plain = join(folder, "plain");
    const { assignments, codes } = inputOf(catalogue);
    const moments = new Float32Array(dim * dim);
    for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) moments[i * dim + j] = i === j ? 1 : 0.9;
    const tower = itemTowerBytes({
      weights: { width: dim, inputs: [], layers: [], skip: false },
      moments: { moments, momentOf: new Uint32Array(4) },
    });
    const ids = Uint32Array.from(catalogue.keys());
    const artifact = await writeArtifact({ codebook, assignments, codes, ids });
    await writeIndexDirectory(plain, artifact, { [ITEM_TOWER_FILE]: tower });
    const [file, changes] = [join(folder, "v.f32"), join(folder, "changes")];
    const vectors = floats(40 * dim);
    const added = Array.from({ length: 40 }, (_, i) => 1000 + i);
    await writeFile(file, new Uint8Array(vectors.buffer));
    await poeem("encode", "--index", plain, "--vectors", file, "--ids", added.join(","), "--out", changes);
    const opened = await openIndexDirectory(plain, changes);
    const step = scoreAware(codebook, { moments, momentOf: new Uint32Array(4) });
    const expected = encode(codebook, vectors, undefined, step);
    expect(expected.codes).not.toEqual(encode(codebook, vectors).codes);
    expect(await opened.vectors(await opened.ordinals(added))).toEqual(
      decode(codebook, expected.assignments, expected.codes),
    );
  });

  it("adds items to an imported index by vectors and ids alone", async () => {
    const plain = join(folder, "plain");
    const { assignments, codes } = inputOf(catalogue);
    const ids = Uint32Array.from(catalogue.keys());
    await writeIndexDirectory(plain, await writeArtifact({ codebook, assignments, codes, ids }), {});
    const [vectors, changes] = [join(folder, "v.f32"), join(folder, "changes")];
    await writeFile(vectors, new Uint8Array(floats(2 * dim).buffer));
    const given = ["--vectors", vectors, "--ids", "7,900", "--remove", "8", "--out", changes];
    expect(await poeem("encode", "--index", plain, ...given)).toMatchObject({ added: 1, updated: 1, removed: 1 });
    const opened = await openIndexDirectory(plain, changes);
    expect([...(await opened.ordinals([7, 900, 8]))].map((ordinal) => ordinal >= 0)).toEqual([true, true, false]);
    await expect(poeem("encode", "--index", plain, ...given, "--delta", changes, "--items", "x.csv")).rejects.toThrow(
      /--ids: the ids come from --items/,
    );
    const wrong = ["--vectors", vectors, "--ids", "7,x", "--out", join(folder, "other")];
    await expect(poeem("encode", "--index", plain, ...wrong)).rejects.toThrow(
      /expected integers of 0 to 4294967295.*"x"/,
    );
  });

  it("writes nothing and leaves changes made before when the input is wrong", async () => {
    const changes = join(folder, "changes");
    const good = await writeProducts("good.csv", [product(1)]);
    await poeem("encode", "--index", index, ...good, "--out", changes);
    const before = await filesOf(changes);
    const file = join(folder, "bad.csv");
    const cases: [string, string[], RegExp][] = [
      ["sku,name\na,b\n", [], /bad\.csv: expected columns brand, price; got sku, name/],
      ["sku,name,brand,price\na,b,c,1\na,b,c,2\n", [], /bad\.csv: 1 row with repeated sku \(row 2: "a"\)/],
      [
        "sku,name,brand,price\na,b,c,cheap\n",
        [],
        /bad\.csv: 1 row with no number in column price \(items\.numbers\) \(row 1: "cheap"\)/,
      ],
      [
        `sku,name,brand,price\na,b,c,1\n${"x".repeat(600)},b,c,1\n`,
        [],
        /bad\.csv: column sku, row 2: .* 512 bytes.* got 600/,
      ],
      [`sku,name,brand,price\na,b,${"x".repeat(600)},1\n`, [], /bad\.csv: facet brand, row 1: .* 512 bytes.* got 600/],
      ["sku,name,brand,price\na,b,c,1\nd,e,f,2\n", [], /f32: expected 2 vectors, one per item of .*bad\.csv, got 1/],
      [
        "sku,name,brand,price\na,b,c,1\n",
        ["--remove", "a"],
        /"remove" expected no id of an item that is added, got "a"/,
      ],
    ];
    for (const [text, more, message] of cases) {
      await writeFile(file, text);
      const args = ["--items", file, ...good.slice(2), ...more, "--delta", changes, "--out", changes];
      await expect(poeem("encode", "--index", index, ...args)).rejects.toThrow(message);
    }
    const missing = ["--items", join(folder, "no.csv"), ...good.slice(2), "--delta", changes, "--out", changes];
    await expect(poeem("encode", "--index", index, ...missing)).rejects.toThrow(/--items .*no\.csv: not found/);
    expect(await filesOf(changes)).toEqual(before);
  });

  it("takes a number as an id however it is written, and each once", async () => {
    const numbered = join(folder, "numbered");
    const ids = Uint32Array.from(catalogue, (_, i) => i);
    await writeIndexDirectory(numbered, await writeArtifact({ ...inputOf(catalogue), ids }), {});
    const encoded = async (one: string, other: string) => {
      const options = await writeProducts("numbers.csv", [
        { ...product(1), sku: one },
        { ...product(2), sku: other },
      ]);
      return poeem("encode", "--index", numbered, ...options, "--out", join(folder, `numbered-${other}`));
    };
    expect(await encoded("007", "8.0")).toMatchObject({ added: 0, updated: 2 });
    await expect(encoded("007", "7.0")).rejects.toThrow(/"007" and "7\.0" are one id, 7/);
  });

  it("writes nothing, and says so, when nothing would change", async () => {
    const nothing = join(folder, "nothing");
    await expect(poeem("encode", "--index", index, "--remove", "no,none", "--out", nothing)).rejects.toThrow(
      /--remove: the index has none of these items \(no, none\); nothing changes, nothing is written/,
    );
    expect(existsSync(nothing)).toBe(false);
  });

  it("refuses to write over the index, another index, or changes it does not include", async () => {
    const changes = join(folder, "changes");
    const remove = ["--remove", "sku-1"];
    await expect(poeem("encode", "--index", index, ...remove, "--out", index)).rejects.toThrow(
      /--out .*: expected another folder than that of the index/,
    );
    const other = join(folder, "other");
    await writeIndexDirectory(other, await writeArtifact(inputOf(catalogue.slice(0, 50))), {});
    await expect(poeem("encode", "--index", index, ...remove, "--out", other)).rejects.toThrow(
      /--out .*: expected a folder of changes that `poeem encode` wrote, got an index/,
    );
    await poeem("encode", "--index", index, ...remove, "--out", changes);
    await expect(poeem("encode", "--index", index, ...remove, "--out", changes)).rejects.toThrow(
      /--out .*: holds changes already; keep them with --delta/,
    );
    await expect(poeem("search", "--index", other, "--delta", changes, "-q", "x")).rejects.toThrow(
      /--delta .*: expected changes of the index in .*other, got those of another one/,
    );
    await expect(poeem("encode", "--index", index, "--out", join(folder, "none"))).rejects.toThrow(
      /expected --items, --ids with --vectors, or --remove/,
    );
    expect(existsSync(join(folder, "none"))).toBe(false);
  });
});

describe("publishing changes", () => {
  it("writes their chunks, manifest and pointer, reads no chunk of the base, and saves it from a prune", async () => {
    const store = new MemoryStore();
    await publishInto(store, await readArtifact(index), { clock: store.clock });
    const changes = join(folder, "changes");
    await poeem("encode", "--index", index, ...(await writeProducts("p.csv", [product(1000)])), "--out", changes);
    const artifact = await readArtifact(index, changes);
    store.writes.length = store.reads.length = 0;
    store.now += 60_000;
    const facts = await publishInto(store, artifact, { clock: store.clock, verify: "new" });
    const own = artifact.manifest.chunks.filter(({ delta }) => delta === true);
    const shared = artifact.manifest.chunks.filter(({ delta }) => delta !== true);
    expect(facts).toMatchObject({ chunksWritten: own.length + 1, chunksPresent: shared.length });
    const touched = [...store.writes, ...store.reads];
    expect(shared.filter(({ key }) => touched.includes(`chunk/${key}`))).toEqual([]);
    // Long after, with nothing but the serving version to be kept.
    store.now += 10 * 3_600_000;
    const plan = await planPrune(store, 1, store.clock);
    expect(plan.drop).toHaveLength(1);
    expect(shared.filter(({ key }) => plan.chunks.includes(`chunk/${key}`))).toEqual([]);
  });
});
