import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import type { ArtifactInput, Index } from "@poeem/pq-core";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { ITEM_TOWER_FILE, itemTowerBytes } from "../src/artifact/item-tower-file.ts";
import { useBackend } from "../src/backend/backend.ts";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { Database } from "../src/data/duckdb.ts";
import { readChangedItems } from "../src/encode/changed-items.ts";
import { type EncodeShardOptions, encodeShard } from "../src/shards/encode-shard.ts";
import { codebookHash } from "../src/shards/schema.ts";
import { writeWhole } from "../src/shards/target.ts";
import { trainIndex } from "../src/train-index.ts";

// trains two indexes
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const DIM = 16;
const COUNT = 300;
const random = new Random(20261130);
const NOUNS = ["lamp", "boot", "kite", "cup"];

interface Row {
  readonly id: string;
  readonly [column: string]: unknown;
}

const rows = Array.from(
  { length: COUNT },
  (_, i): Row => ({
    id: `i,${i}`,
    title: `${NOUNS[i % 4]} "${i % 50}" größe`,
    kind: ["new", "old", null][i % 3],
    tags: i % 4 === 0 ? [] : [`t${i % 5}`, "all", `t${i % 5}`],
    price: i % 7 === 0 ? null : i / 4,
    vec: Array.from({ length: DIM }, () => Math.fround(random.normal())),
  }),
);

let folder: string;
/** Folders of two indexes: of vectors by l2, and of texts and categories with words. */
const indexes: Record<"vectors" | "texts", string> = { vectors: "", texts: "" };
let file: string;

beforeAll(async () => {
  // these tests may run as a task themselves
  for (const name of ["JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "CLOUD_RUN_TASK_INDEX"])
    vi.stubEnv(name, "");
  await useBackend("wasm");
  folder = await mkdtemp(join(tmpdir(), "poeem-shards-"));
  file = await writeRows("items.jsonl", rows);
  const shared = { facets: ["kind", "tags"], numbers: ["price"], fields: ["kind", "price"] };
  indexes.vectors = await train("vectors", {
    data: { items: "SELECT * FROM 'items.jsonl'", setup: "SET VARIABLE secret = 'sesame'" },
    items: { embeddings: ["vec"], ...shared },
    index: { metric: "l2", nlist: 8, numSubQuantizers: 8, nbits: 4 },
  });
  indexes.texts = await train("texts", {
    data: {
      items: "SELECT * FROM 'items.jsonl'",
      events: "SELECT title AS query, id AS item FROM 'items.jsonl'",
      setup: "SET VARIABLE secret = 'sesame'",
    },
    items: { text: ["title"], categories: ["kind"], ...shared },
    model: { dim: DIM, hiddenDim: 8, minFeatureCount: 1 },
    index: { nlist: 4, numSubQuantizers: 8 },
    training: { epochs: 1 },
  });
});

async function train(name: string, config: Omit<PoeemConfigInput, "name">): Promise<string> {
  const path = join(folder, `${name}.config.mjs`);
  await writeFile(path, `export default ${JSON.stringify({ name, ...config })}`);
  const out = join(folder, name);
  return (await trainIndex({ config: path, out, backend: "wasm", checkpointEvery: 60 })).out;
}

async function writeRows(name: string, some: readonly object[]): Promise<string> {
  await writeFile(join(folder, name), some.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return join(folder, name);
}

let made = 0;
const fresh = (): string => join(folder, `out-${made++}`);

const encode = (options: Partial<EncodeShardOptions>) =>
  encodeShard({ index: indexes.vectors, items: [file], out: fresh(), ...options });

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const database = await Database.open([], "1GB");
  try {
    return await database.rows(sql);
  } finally {
    database.close();
  }
}

/** Rows of shards by their ids, each column as JSON has it, bytes in hexadecimal. */
async function read(...files: string[]): Promise<Map<string, Record<string, unknown>>> {
  const list = files.map((one) => `'${one}'`).join(", ");
  const types = await query(`DESCRIBE FROM read_parquet([${list}])`);
  const columns = types.map(({ column_name: name, column_type: type }) =>
    type === "BLOB" ? `hex("${name}") AS "${name}"` : `"${name}"`,
  );
  const found = await query(`SELECT ${columns.join(", ")} FROM read_parquet([${list}])`);
  expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
  return new Map(found.map((row) => [String(row["id"]), row]));
}

const factsOf = async (shard: string): Promise<unknown> =>
  JSON.parse(String((await query(`SELECT decode(value) AS v FROM parquet_kv_metadata('${shard}')`))[0]!["v"]));

/** What `poeem encode` makes of the items of a file, as rows of a shard, by id. */
async function oracle(index: Index, directory: string, items: string) {
  const all = (await readChangedItems(index, { index: directory, items })) as ArtifactInput;
  const M = index.codebook.numSubQuantizers;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex").toUpperCase();
  return new Map(
    [...all.ids].map((id, i) => {
      const row: Record<string, unknown> = {
        id,
        cell: all.assignments[i],
        code: hex(all.codes.subarray(i * M, (i + 1) * M)),
        ...(all.terms && { term: all.terms[i] }),
        fields: JSON.stringify(all.fields![i]),
      };
      for (const [name, values] of Object.entries(all.facets!)) row[`facet.${name}`] = values[i];
      for (const [name, values] of Object.entries(all.numbers!))
        row[`number.${name}`] = Number.isNaN(values[i]) ? null : values[i];
      if (all.words) {
        const { terms, offsets, numbers, impacts, nameOffsets, names } = all.words;
        const own = [offsets[i]!, offsets[i + 1]!] as const;
        row["terms"] = Array.from(numbers.subarray(...own), (term) => terms[term]);
        row["impacts"] = hex(impacts.subarray(...own));
        row["names"] = [...names.subarray(nameOffsets[i], nameOffsets[i + 1])];
      }
      return [String(id), row] as const;
    }),
  );
}

describe.each(["vectors", "texts"] as const)("shards of an index of %s", (kind) => {
  const directory = (): string => indexes[kind];

  it("hold together what encoding all items at once gives, in whatever way they are cut", async () => {
    const index = await openIndexDirectory(directory());
    const expected = await oracle(index, directory(), file);
    expect(expected.size).toBe(COUNT);
    const parts: string[] = [];
    for (const [i, from] of [0, 100, 120].entries())
      parts.push(await writeRows(`part-${i}.jsonl`, rows.slice(from, [100, 120, COUNT][i])));
    const pattern = [join(folder, "part-?.jsonl")];
    const cuts: Partial<EncodeShardOptions>[][] = [
      [{}],
      [0, 1, 2, 3].map((i) => ({ share: `${i}/4` })),
      // as many files as tasks, fewer tasks, and more
      [0, 1, 2].map((i) => ({ items: pattern, share: `${i}/3` })),
      [0, 1].map((i) => ({ items: pattern, share: `${i}/2` })),
      [0, 1, 2, 3, 4].map((i) => ({ items: pattern, share: `${i}/5` })),
      parts.map((part, i) => ({ items: [part], shard: `${i}/3` })),
      [0, 1].map((i) => ({ query: `SELECT * FROM '${file}'`, share: `${i}/2`, items: undefined })),
    ];
    for (const cut of cuts) {
      const shards = [];
      for (const options of cut) shards.push(await encode({ index: directory(), ...options }));
      expect(await read(...shards.map(({ out }) => out))).toEqual(expected);
      for (const [i, { out, rows, codebook, shard, of }] of shards.entries()) {
        expect([shard, of, codebook]).toEqual([i, cut.length, codebookHash(index.codebook)]);
        expect(await factsOf(out)).toEqual({
          ...{ format: 1, codebook, index: index.version, shard, of, rows },
          ...{ facets: ["kind", "tags"], numbers: ["price"] },
        });
        const ids = [...(await read(out)).keys()];
        expect(ids).toEqual([...ids].sort());
      }
    }
  });

  it("are the same bytes when a task is run again, on other threads, from rows in another order", async () => {
    const bytes = async (options: Partial<EncodeShardOptions>): Promise<string> =>
      (await readFile((await encode({ index: directory(), ...options })).out)).toString("base64");
    const first = await bytes({});
    expect(await bytes({})).toBe(first);
    for (const threads of [1, 3]) expect(await bytes({ setup: `SET threads = ${threads}` })).toBe(first);
    const turned = await writeRows("turned.jsonl", rows.toReversed());
    expect(await bytes({ items: [turned] })).toBe(first);
    const parquet = join(folder, "items.parquet");
    await query(`COPY (FROM '${file}') TO '${parquet}'`);
    expect(await bytes({ items: [parquet] })).toBe(first);
  });

  it("say nothing of what was set up in the training", async () => {
    const { training } = (await openIndexDirectory(directory())).manifest;
    expect(JSON.stringify(training)).not.toContain("sesame");
    for (const name of await readdir(directory(), { recursive: true }))
      if (/\.(json|html)$/.test(name)) expect(await readFile(join(directory(), name), "utf8")).not.toContain("sesame");
  });
});

/** Many items, of which nobody needs a file. */
const many = (count: number): string =>
  `SELECT 'i' || range AS id, 'item' AS title, NULL AS kind, ['a', 'b'] AS tags, range AS price,
     list_transform(range(${DIM}), lambda d: sin(d + range.range * 0.1)::FLOAT) AS vec FROM range(${count})`;

describe("a shard", () => {
  it("of several groups of rows, read in several slices, is the same bytes whatever threads and order", async () => {
    const bytes = async (query: string, threads: number): Promise<string> => {
      const { out } = await encode({ items: undefined, query, setup: `SET threads = ${threads}` });
      return createHash("sha256")
        .update(await readFile(out))
        .digest("hex");
    };
    const first = await bytes(many(130_000), 4);
    expect(await bytes(many(130_000), 1)).toBe(first);
    expect(await bytes(`${many(130_000)} ORDER BY range DESC`, 3)).toBe(first);
  });

  it("of no rows is a file with all columns, so that one that is missing can be told", async () => {
    const { out, rows: none } = await encode({ items: undefined, query: `SELECT * FROM '${file}' WHERE false` });
    const whole = await encode({});
    expect(none).toBe(0);
    expect(await query(`DESCRIBE FROM '${out}'`)).toEqual(await query(`DESCRIBE FROM '${whole.out}'`));
    expect(await factsOf(out)).toMatchObject({ rows: 0, shard: 0, of: 1 });
  });

  it("gets its name from its part in a folder, and is the file itself that ends in .parquet", async () => {
    const out = fresh();
    expect((await encode({ out: `${out}/`, share: "3/16" })).out).toBe(join(out, "shard-00003-of-00016.parquet"));
    expect((await encode({ out: join(out, "own.parquet") })).out).toBe(join(out, "own.parquet"));
    expect((await readdir(out)).sort()).toEqual(["own.parquet", "shard-00003-of-00016.parquet"]);
  });

  it("is read through what --setup attaches, a file of SQL too", async () => {
    const setup = `ATTACH ':memory:' AS lake; CREATE TABLE lake.items AS FROM '${file}'; USE lake`;
    const path = join(folder, "setup.sql");
    await writeFile(path, setup);
    const whole = await readFile((await encode({})).out);
    for (const one of [setup, path])
      for (const from of ["items", "lake.main.items"]) {
        const { out } = await encode({ items: undefined, query: `SELECT * FROM ${from}`, setup: one });
        expect(await readFile(out)).toEqual(whole);
      }
  });

  it("of many files has what only the last of them says of a column", async () => {
    const one = rows
      .slice(0, 40)
      .map((row, i) => (i < 39 ? { ...row, tags: undefined } : { ...row, tags: ["a", "b"] }));
    for (const [i, row] of one.entries()) await writeRows(`many-${i}.jsonl`, [row]);
    const { out } = await encode({ items: [join(folder, "many-*.jsonl")] });
    expect((await read(out)).get("i,39")).toMatchObject({ "facet.tags": ["a", "b"], "facet.kind": ["new"] });
  });

  it("leaves nothing that could be taken for a shard when writing it fails", async () => {
    const out = join(fresh(), "x.parquet");
    const write = async (name: string): Promise<void> => {
      expect(name).not.toMatch(/\.parquet$/);
      await writeFile(name, "half of it");
      throw new Error("no more room");
    };
    await expect(writeWhole(out, write)).rejects.toThrow(`${out} cannot be written: no more room`);
    expect(await readdir(join(out, ".."))).toEqual([]);
  });
});

describe("ids of an index of numbers", () => {
  const numbers = (type: "u32" | "u64") => {
    const ids = [0, 7, 12, 4_294_967_295, 10];
    return type === "u32" ? Uint32Array.from(ids) : BigUint64Array.from([...ids.slice(1), 2 ** 53].map(BigInt));
  };

  it.each(["u32", "u64"] as const)("stay numbers in a shard, %s, however they are written", async (type) => {
    const centroids = Float32Array.from({ length: 16 * 4 }, () => random.normal());
    const codebook = createCodebook({
      ...{ dim: 4, metric: "innerProduct", nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false },
      ...{ coarseCentroids: new Float32Array(0), centroids },
    });
    const ids = numbers(type);
    const zeros = { assignments: new Uint32Array(5), codes: new Uint8Array(10) };
    const config = resolveConfig({ name: "n", data: { items: "-" }, items: { embeddings: ["vec"] } }, "test");
    const artifact = await writeArtifact({ codebook, ...zeros, ids, training: { config, fieldKinds: {} } });
    const directory = fresh();
    const embedding = { kind: "embedding" as const, columns: [{ name: "vec", length: 4, map: undefined }] };
    const weights = { width: 4, inputs: [embedding], layers: [], skip: false };
    await writeIndexDirectory(directory, artifact, { [ITEM_TOWER_FILE]: itemTowerBytes({ weights }) });
    const vec = [1, 2, 3, 4];
    const texts = [" 007", "12.0", "4294967295", "0010"];
    const items = [
      await writeRows(
        `${type}.jsonl`,
        texts.map((id) => ({ id, vec })),
      ),
    ];
    const { out } = await encode({ index: directory, items });
    expect(await query(`SELECT typeof(id) AS type, id FROM '${out}'`)).toEqual(
      [7, 10, 12, 4_294_967_295].map((id) => ({
        type: type === "u32" ? "UINTEGER" : "UBIGINT",
        id: type === "u32" ? id : String(id),
      })),
    );
    // spellings of one id are of one share, and there refused
    const twice = [
      await writeRows(
        `${type}-twice.jsonl`,
        ["8", "7", "008.0"].map((id) => ({ id, vec })),
      ),
    ];
    const results = await Promise.allSettled(
      [0, 1, 2].map((i) => encode({ index: directory, items: twice, share: `${i}/3` })),
    );
    const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(reasons.map(String)).toEqual([
      expect.stringMatching(/^UserError: --items .*: rows 1 and [23] are one id, 8$/),
    ]);
    await expect(encode({ index: directory, items: [await writeRows("x.jsonl", [{ id: "x", vec }])] })).rejects.toThrow(
      /row 1: expected integers of 0 to \d+, as the ids of this index are, got "x"/,
    );
  });
});

describe("a task", () => {
  it("refuses items of which the tower knows nothing, or leaves them out when asked to", async () => {
    const unknown = [...rows.slice(0, 5), { ...rows[0], id: "odd", title: "☂", kind: null }];
    const items = [await writeRows("unknown.jsonl", unknown)];
    const options = { index: indexes.texts, items };
    await expect(encode(options)).rejects.toThrow(
      "1 new item (odd) have no word, category or number that the item tower knows; leave them out by --skip-unknown",
    );
    const { out, skipped, rows: kept } = await encode({ ...options, skipUnknown: true });
    expect([skipped, kept]).toEqual([1, 5]);
    const expected = await oracle(await openIndexDirectory(indexes.texts), indexes.texts, file);
    for (const [id, row] of await read(out)) expect(row).toEqual(expected.get(id));
  });

  it("refuses an id twice, naming it and its rows", async () => {
    const items = [await writeRows("twice.jsonl", [...rows.slice(0, 4), rows[2]!])];
    await expect(encode({ items })).rejects.toThrow(/1 row with repeated id \(row 5: "i,2"/);
  });

  it.each<[string, Partial<EncodeShardOptions>, string]>([
    ["no input", { items: undefined }, "expected --items or --query, got neither"],
    ["two inputs", { query: "SELECT 1" }, "--query and --items: expected one of them, got both"],
    ["no such file", { items: ["nowhere.csv"] }, "--items nowhere.csv: not found"],
    ["no such files", { items: ["nowhere/*.csv"] }, "--items nowhere/*.csv: no file is called so"],
    [
      "a name that says nothing",
      { items: ["https://a.test/x"] },
      "--items https://a.test/x: expected a name that ends",
    ],
    ["a place of http", { out: "https://a.test/x" }, "--out https://a.test/x: expected a path, s3:// or r2://"],
    ["a wrong setup", { setup: "SELEC 1" }, '--setup: Parser Error: syntax error at or near "SELEC"'],
    ["no file of a setup", { setup: "no.sql" }, "--setup no.sql: not found"],
    ["a wrong size", { memoryLimit: "much" }, "--memory-limit much: expected a size such as 2GB"],
    ["a wrong query", { items: undefined, query: "SELECT 1 AS one" }, "--query: expected columns"],
  ])("refuses %s", async (_, options, message) => {
    const out = fresh();
    const result = encode({ out, ...options });
    await expect(result).rejects.toThrow(UserError);
    await expect(result).rejects.toThrow(message);
    expect(existsSync(out) ? await readdir(out) : []).toEqual([]);
  });

  it("refuses files of two kinds, and an index that items cannot be encoded by", async () => {
    const csv = join(folder, "one.csv");
    await writeFile(csv, "id\n1\n");
    await expect(encode({ items: [file, csv] })).rejects.toThrow("--items: expected files of one kind, got");
    const bare = fresh();
    await writeIndexDirectory(
      bare,
      await writeArtifact({
        codebook: (await openIndexDirectory(indexes.vectors)).codebook,
        ...{ assignments: new Uint32Array(0), codes: new Uint8Array(0), ids: [] },
      }),
      {},
    );
    await expect(encode({ index: bare })).rejects.toThrow("expected one that `poeem train` made");
  });
});
