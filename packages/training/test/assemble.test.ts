import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import type { ArtifactInput } from "@poeem/pq-core";
import { writeArtifact } from "@poeem/pq-core/write";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import type { PoeemConfigInput } from "../src/config.ts";
import { Database } from "../src/data/duckdb.ts";
import { readChangedItems } from "../src/encode/changed-items.ts";
import { type AssembleOptions, assemble } from "../src/shards/assemble.ts";
import { encodeShard } from "../src/shards/encode-shard.ts";
import { trainIndex } from "../src/train-index.ts";

// trains three indexes
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const DIM = 16;
const COUNT = 400;
const random = new Random(20261130);
const NOUNS = ["lamp", "boot", "kite", "cup"];

const rows = Array.from({ length: COUNT }, (_, i) => ({
  // order by code point is neither that of numbers nor that of UTF-16
  id: `${["\u{1f600}", "\uff5e", "ü", ""][i % 4]}${i}`,
  title: `${i === 7 ? "\ufeff" : ""}${NOUNS[i % 4]} "${i % 50}" größe`,
  kind: ["new", "old", null][i % 3],
  tags: i % 4 === 0 ? [] : [`t${i % 5}`, "all", `t${i % 5}`, "\ufeffmarked"],
  price: i % 7 === 0 ? null : i / 4,
  vec: Array.from({ length: DIM }, () => Math.fround(random.normal())),
}));

let folder: string;
const indexes = { l2: "", cosine: "", texts: "" };
type Kind = keyof typeof indexes;
const KINDS = Object.keys(indexes) as Kind[];
let file: string;

beforeAll(async () => {
  for (const name of ["JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "CLOUD_RUN_TASK_INDEX"])
    vi.stubEnv(name, "");
  await useBackend("wasm");
  folder = await mkdtemp(join(tmpdir(), "poeem-assemble-"));
  file = await writeRows("items.jsonl", rows);
  const shared = { facets: ["kind", "tags"], numbers: ["price"], fields: ["kind", "price"] };
  const data = { items: "SELECT * FROM 'items.jsonl'" };
  for (const metric of ["l2", "cosine"] as const)
    indexes[metric] = await train(metric, {
      ...{ data, items: { embeddings: ["vec"], ...shared } },
      index: { metric, nlist: 8, numSubQuantizers: 8, nbits: metric === "l2" ? 4 : 8 },
    });
  indexes.texts = await train("texts", {
    data: { ...data, events: "SELECT title AS query, id AS item FROM 'items.jsonl'" },
    items: { text: ["title"], categories: ["kind"], ...shared },
    model: { dim: DIM, hiddenDim: 8, minFeatureCount: 1 },
    index: { nlist: 4, numSubQuantizers: 8 },
    training: { epochs: 1 },
  });
});

async function train(name: string, config: Omit<PoeemConfigInput, "name">): Promise<string> {
  const path = join(folder, `${name}.config.mjs`);
  await writeFile(path, `export default ${JSON.stringify({ name, ...config })}`);
  return (await trainIndex({ config: path, out: join(folder, name), backend: "wasm", checkpointEvery: 60 })).out;
}

async function writeRows(name: string, some: readonly object[]): Promise<string> {
  await writeFile(join(folder, name), some.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return join(folder, name);
}

let made = 0;
const fresh = (): string => join(folder, `out-${made++}`);

/** A folder of shards. */
async function shardsOf(kind: Kind, of: number, items = file): Promise<string> {
  const out = fresh();
  for (let i = 0; i < of; i++)
    await encodeShard({ index: indexes[kind], items: [items], out: `${out}/`, share: `${i}/${of}` });
  return out;
}

const put = (kind: Kind, shards: string, more: Partial<AssembleOptions> = {}) =>
  assemble({ index: indexes[kind], shards: [shards], out: fresh(), ...more });

/** Name → bytes of what is published of a folder. */
async function filesOf(out: string): Promise<Map<string, string>> {
  const names = (await readdir(out)).filter((name) => name !== "model").sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, (await readFile(join(out, name))).toString("base64")] as const)),
  );
}

describe.each(KINDS)("an index put together from shards, %s", (kind) => {
  it.each([0, 1, 3])("is what one process writes of the same items, %i cells a page", async (cellsPerPage) => {
    const index = await openIndexDirectory(indexes[kind]);
    const items = (await readChangedItems(index, { index: indexes[kind], items: file })) as ArtifactInput;
    const { training, queries, words } = index.manifest;
    const expected = await writeArtifact({
      ...{ ...items, codebook: index.codebook, cellsPerPage, training, popularQueries: queries, wordFacts: words },
      queryTower: await index.queryTower(),
      defaultNprobe: (training as { config: { index: { nprobe: number } } }).config.index.nprobe,
    });
    const wanted = new Map(expected.chunks.map(({ key, bytes }) => [key, Buffer.from(bytes).toString("base64")]));
    wanted.set("manifest.json", Buffer.from(expected.manifestBytes).toString("base64"));
    for (const of of [1, 3, 7]) {
      const { out, version, items: count } = await put(kind, await shardsOf(kind, of), { cellsPerPage });
      expect([version, count]).toEqual([expected.version, COUNT]);
      expect(new Map([...(await filesOf(out))].sort())).toEqual(new Map([...wanted].sort()));
      // all of it can be read
      const opened = await openIndexDirectory(out);
      const ids = (await opened.items(Array.from({ length: COUNT }, (_, i) => i))).map(({ id }) => id);
      expect(ids.toSorted()).toEqual(rows.map(({ id }) => id).toSorted());
    }
  });
});

describe("shards", () => {
  it("are taken in any order, and by any names", async () => {
    const shards = await shardsOf("l2", 3);
    const { version } = await put("l2", shards);
    const names = (await readdir(shards)).sort();
    const moved = await mkdtemp(join(folder, "moved-"));
    for (const [i, name] of names.entries()) await rename(join(shards, name), join(moved, `${9 - i}.parquet`));
    const files = names.map((_, i) => join(moved, `${9 - i}.parquet`));
    expect((await assemble({ index: indexes.l2, shards: files, out: fresh() })).version).toBe(version);
    expect((await put("l2", join(moved, "?.parquet"))).version).toBe(version);
    // one file named in two ways is one, and what was put together encodes as the index before
    const twice = [...files, join(moved, "..", basename(moved), "9.parquet")];
    const { out } = await assemble({ index: indexes.l2, shards: twice, out: fresh() });
    expect((await assemble({ index: out, shards: files, out: fresh() })).version).toBe(version);
    await expect(assemble({ index: out, shards: files, out })).rejects.toThrow("expected another folder");
  });

  it("that are missing or twice there are named, and those of another index", async () => {
    const shards = await shardsOf("l2", 4);
    const [first, second] = (await readdir(shards)).sort() as [string, string];
    await rename(join(shards, second), join(folder, "away.parquet"));
    await expect(put("l2", shards)).rejects.toThrow("missing shard-00001-of-00004.parquet, of 4");
    await copyFile(join(shards, first), join(shards, "again.parquet"));
    await expect(put("l2", shards)).rejects.toThrow(
      /again\.parquet and .*00000-of-00004\.parquet are both part 0 of 4/,
    );
    await expect(put("cosine", shards)).rejects.toThrow(/expected codes of index \w+, got those of index \w+/);
    const of3 = await shardsOf("l2", 3);
    await copyFile(join(of3, "shard-00002-of-00003.parquet"), join(shards, "b.parquet"));
    await expect(put("l2", shards)).rejects.toThrow(/is one of [34], but .* is one of [34]/);
    await expect(put("l2", fresh())).rejects.toThrow(/not found/);
    await expect(put("l2", file)).rejects.toThrow();
  });

  it("with one item in two of them are refused, and nothing is written", async () => {
    const items = await writeRows("two.jsonl", [rows[5]!, rows[6]!]);
    for (const cellsPerPage of [0, 2]) {
      const shards = fresh();
      await encodeShard({ index: indexes.l2, items: [file], out: `${shards}/`, shard: "0/2" });
      await encodeShard({ index: indexes.l2, items: [items], out: `${shards}/`, shard: "1/2" });
      const out = fresh();
      await expect(put("l2", shards, { out, cellsPerPage })).rejects.toThrow(
        /id ".*[56]" comes twice, in .*00000-of-00002\.parquet and .*00001-of-00002\.parquet/,
      );
      await expect(readdir(out)).rejects.toThrow();
    }
  });

  it("are read by their own names, whatever patterns and columns folders are called", async () => {
    const shards = await shardsOf("l2", 2);
    const { version } = await put("l2", shards);
    for (const name of ["o[1]", "cell=3", "number.price=5", "id=7", "what?*"]) {
      const folder = join(await mkdtemp(join(tmpdir(), "poeem-named-")), name);
      await mkdir(folder);
      for (const one of await readdir(shards)) await copyFile(join(shards, one), join(folder, one));
      expect((await put("l2", folder)).version).toBe(version);
      const files = (await readdir(folder)).map((one) => join(folder, one));
      expect((await assemble({ index: indexes.l2, shards: files, out: fresh() })).version).toBe(version);
    }
  });

  it("are sorted as an index is, whatever a setup says of order", async () => {
    const shards = await shardsOf("l2", 2);
    const { version } = await put("l2", shards);
    for (const setup of [
      "SET default_order = 'DESC'",
      "SET default_collation = 'NOCASE'",
      "SET default_null_order = 'NULLS_FIRST'",
      "CREATE TABLE poeem_sorted (x INTEGER)",
    ])
      expect((await put("l2", shards, { setup })).version).toBe(version);
  });

  const tampered: [string, string, RegExp][] = [
    ["a term that is no number", "SELECT * REPLACE ('nan'::FLOAT AS term)", /item ".*" has the term NaN/],
    ["a term without end", "SELECT * REPLACE ('inf'::FLOAT AS term)", /item ".*" has the term Infinity/],
    ["no cell", "SELECT * REPLACE (NULL::UINTEGER AS cell)", /400 rows without cell/],
    ["a cell that is none", "SELECT * REPLACE (99::UINTEGER AS cell)", /expected cells below 8, got 99/],
    ["a code of too many bytes", "SELECT * REPLACE (code || code AS code)", /column code expected 8 bytes/],
    [
      "a code beyond its codebook",
      "SELECT * REPLACE (repeat('\\xC8'::BLOB, 8) AS code)",
      /a code of 200 where 15 is most/,
    ],
    ["fields that are no object", "SELECT * REPLACE ('{nope' AS fields)", /has fields that are no JSON object/],
    ["fewer rows than it says", "SELECT * FROM (SELECT * LIMIT 9)", /expected 400 rows, as the shards say .*, got 9/],
  ];
  it.each(tampered)("with %s are refused, and what stood in the folder stays", async (_, select, message) => {
    const shards = await shardsOf("l2", 1);
    const [name] = await readdir(shards);
    const bad = fresh();
    await mkdir(bad);
    const file = join(shards, name!);
    const database = await Database.open([], "1GB");
    const [facts] = await database.rows(`SELECT decode(value) AS facts FROM parquet_kv_metadata('${file}')`);
    const rowsOf = select.replace("FROM (SELECT * LIMIT 9)", `FROM (FROM '${file}' LIMIT 9)`);
    const query = rowsOf.includes("LIMIT") ? rowsOf : `${rowsOf} FROM '${file}'`;
    const metadata = `KV_METADATA {'poeem.shard': '${facts!["facts"]}'}`;
    await database.run(`COPY (${query}) TO '${join(bad, "x.parquet")}' (FORMAT parquet, ${metadata})`);
    database.close();
    const { out } = await put("l2", shards);
    const before = await filesOf(out);
    for (const cellsPerPage of [0, 2]) {
      await expect(put("l2", bad, { out, cellsPerPage })).rejects.toThrow(message);
      expect(await filesOf(out)).toEqual(before);
    }
  });

  it("whose metadata are none are refused by name", async () => {
    const shards = await shardsOf("l2", 1);
    const [name] = await readdir(shards);
    const bad = fresh();
    await mkdir(bad);
    const database = await Database.open([], "1GB");
    for (const text of ["no JSON", "null", "{}", '{"format":1,"shard":0,"of":50000000}']) {
      const metadata = `KV_METADATA {'poeem.shard': '${text}'}`;
      await database.run(
        `COPY (FROM '${join(shards, name!)}') TO '${join(bad, "x.parquet")}' (FORMAT parquet, ${metadata})`,
      );
      await expect(put("l2", bad)).rejects.toThrow(/x\.parquet: what it says of itself .* cannot be read/);
    }
    database.close();
  });

  it("are assembled by one process at a time", async () => {
    const shards = await shardsOf("l2", 1);
    const out = fresh();
    const work = join(folder, `.${basename(out)}.assembling`);
    await mkdir(work);
    // that of the init process, which runs
    await writeFile(join(work, "process"), "1");
    await expect(put("l2", shards, { out })).rejects.toThrow("process 1 is assembling it already");
    await rm(work, { recursive: true });
    await put("l2", shards, { out });
  });

  it("are gone on with after a run that was stopped, and only with the same ones", async () => {
    const shards = await shardsOf("l2", 2);
    const { version } = await put("l2", shards);
    const out = fresh();
    const stop = () => ({
      update: () => {
        throw new Error("stopped");
      },
      say() {},
      stop() {},
    });
    const startProgress = (label: string) => (label === "write" ? stop() : { update() {}, say() {}, stop() {} });
    await expect(put("l2", shards, { out, startProgress })).rejects.toThrow("stopped");
    await expect(put("l2", await shardsOf("l2", 3), { out, resume: true })).rejects.toThrow(/shards are not those/);
    await expect(put("l2", `${shards}-typo`, { out, resume: true })).rejects.toThrow(/not found/);
    // the same names, other rows
    const kept = await mkdtemp(join(folder, "kept-"));
    for (const name of await readdir(shards)) await rename(join(shards, name), join(kept, name));
    const dearer = rows.map((row) => ({ ...row, price: 1000 }));
    const changed = await shardsOf("l2", 2, await writeRows("dearer.jsonl", dearer));
    for (const name of await readdir(changed)) await rename(join(changed, name), join(shards, name));
    await expect(put("l2", shards, { out, resume: true })).rejects.toThrow(/shards are not those/);
    for (const name of await readdir(kept)) await rename(join(kept, name), join(shards, name));
    expect((await put("l2", shards, { out, resume: true })).version).toBe(version);
    expect((await readdir(folder)).filter((name) => name.includes("assembling"))).toEqual([]);
  });
});
