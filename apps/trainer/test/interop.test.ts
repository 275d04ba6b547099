import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { writeFaissIndex } from "@poeem/pq-core/interop";
import { decode } from "@poeem/pq-core/write";
import { describe, expect, it, vi } from "vitest";
import { program } from "../src/cli.ts";

const [n, dim, nlist, numCentroids, numSubQuantizers] = [300, 12, 6, 16, 6];

/** Marked so in the file by the norm 0. */
const isUnsearchable = (i: number): boolean => i % 50 === 7;

/** An index file as the original library writes it: no magic, nothing aligned. */
function poeemFile(): Uint8Array {
  const random = new Random(21);
  const floats = (count: number): Uint8Array =>
    new Uint8Array(Float32Array.from({ length: count }, () => random.normal()).buffer);
  const header = new DataView(new ArrayBuffer(41));
  header.setInt8(0, 1);
  [n, dim, nlist, numCentroids, numSubQuantizers].forEach((size, i) => {
    header.setBigInt64(1 + 8 * i, BigInt(size), true);
  });
  return Buffer.concat([
    new Uint8Array(header.buffer),
    floats(numCentroids * dim),
    new Uint8Array(BigInt64Array.from({ length: n }, (_, i) => BigInt(1000 + i)).buffer),
    new Uint8Array(Float32Array.from({ length: n }, (_, i) => Number(!isUnsearchable(i))).buffer),
    Uint8Array.from({ length: n * numSubQuantizers }, () => random.integer(numCentroids)),
    floats(nlist * dim),
    new Uint8Array(Uint32Array.from({ length: n }, () => random.integer(nlist)).buffer),
  ]);
}

async function poeem(...args: string[]): Promise<unknown> {
  let output = "";
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    output += text;
    return true;
  });
  try {
    await program().parseAsync(["node", "poeem", ...args]);
  } finally {
    spy.mockRestore();
  }
  return JSON.parse(output);
}

describe("poeem import, search --vectors and export", () => {
  it("answers many queries of several heads as brute force over the decoded file does", async () => {
    const folder = await mkdtemp(join(tmpdir(), "poeem-interop-"));
    const [file, out] = [join(folder, "index.idx"), join(folder, "index")];
    await writeFile(file, poeemFile());
    expect(await poeem("import", file, "--from", "poeem", "--out", out, "--json")).toMatchObject({
      items: 294,
      unsearchable: 6,
      norms: "neither",
    });

    const random = new Random(4);
    const [queries, heads, k] = [5, 3, 20];
    const vectors = Float32Array.from({ length: queries * heads * dim }, () => random.normal());
    await writeFile(join(folder, "queries.f32"), new Uint8Array(vectors.buffer));
    const answer = (await poeem(
      ...["search", "--index", out, "--vectors", join(folder, "queries.f32"), "--heads", String(heads)],
      ...["--queries", String(queries), "--k", String(k), "--nprobe", String(nlist), "--json"],
    )) as { queries: { ids: number[]; scores: number[] }[] };

    const index = await openIndexDirectory(out);
    const ordinals = Uint32Array.from({ length: index.manifest.numItems }, (_, i) => i);
    const { assignments, codes } = await index.codes(ordinals);
    const decoded = decode(index.codebook, assignments, codes);
    const ids = (await index.items(ordinals)).map(({ id }) => Number(id));
    expect(answer.queries).toHaveLength(queries);
    answer.queries.forEach((found, q) => {
      const expected = ids
        .map((id, i) => {
          const scores = Array.from({ length: heads }, (_, head) => {
            let sum = 0;
            for (let d = 0; d < dim; d++) sum += vectors[(q * heads + head) * dim + d]! * decoded[i * dim + d]!;
            return sum;
          });
          return { id, score: Math.max(...scores) };
        })
        .sort((a, b) => b.score - a.score);
      expect(found.ids).toEqual(expected.slice(0, k).map(({ id }) => id));
      found.scores.forEach((score, place) => {
        expect(score).toBeCloseTo(expected[place]!.score, 3);
      });
    });

    const faiss = join(folder, "index.faiss");
    expect(await poeem("export", faiss, "--index", out, "--to", "faiss", "--json")).toMatchObject({
      items: 294,
      idsFile: null,
    });
    const numeric = BigUint64Array.from(ids, BigInt);
    const nprobe = index.manifest.defaultNprobe;
    expect(new Uint8Array(await readFile(faiss))).toEqual(
      writeFaissIndex({ codebook: index.codebook, assignments, codes, ids: numeric, nprobe }),
    );
  });

  it("adds titles, fields, facets and numbers by id, and counts what did not meet", async () => {
    const folder = await mkdtemp(join(tmpdir(), "poeem-interop-"));
    const [file, out] = [join(folder, "index.idx"), join(folder, "index")];
    await writeFile(file, poeemFile());
    // 1007 is unsearchable; 5 is not in the file
    const csv = ["sku,name,year,kind,a;b", "1000,0042,1990,x,é", "01001,Blue lamp,,y,", "1002.0,,2001.5,,true"];
    await writeFile(join(folder, "a.csv"), [...csv, "1007,Left out,1,x,", "5,Nothing,1,x,", ""].join("\n"));
    const rows = [
      { sku: 1000, name: "0042", year: 1990, kind: ["x"], "a;b": "é" },
      { sku: 1001, name: "Blue lamp", year: null, kind: ["y"] },
      { sku: 1002, name: null, year: 2001.5, kind: null, "a;b": "true" },
      { sku: 1007, name: "Left out", year: 1, kind: ["x"] },
      { sku: 5, name: "Nothing", year: 1, kind: ["x"] },
    ];
    await writeFile(join(folder, "a.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const imported = (items: string, ...more: string[]) =>
      poeem(...["import", file, "--from", "poeem", "--out", out, "--items", join(folder, items), ...more], "--json");
    const named = ["--id", "sku", "--title", "name", "--facets", "kind", "--numbers", "year"];
    for (const items of ["a.csv", "a.jsonl"]) {
      const facts = await imported(items, ...named, "--fields", "year", "--fields", "a;b");
      expect(facts).toMatchObject({ items: 294, unsearchable: 6, unknownRows: 2, itemsWithoutRow: 291 });
      const index = await openIndexDirectory(out);
      expect(await index.items(await index.ordinals([1000, 1001, 1002, 1003]))).toEqual([
        { id: 1000, fields: { title: "0042", year: 1990, "a;b": "é" } },
        { id: 1001, fields: { title: "Blue lamp" } },
        { id: 1002, fields: { year: 2001.5, "a;b": "true" } },
        { id: 1003, fields: {} },
      ]);
      expect(await index.facets()).toEqual({ kind: { x: 1, y: 1 } });
      const from = { number: "year", min: 1991 } as const;
      const { ordinals } = await index.search(new Float32Array(dim).fill(1), { filter: from });
      expect((await index.items(ordinals)).map(({ id }) => id)).toEqual([1002]);
    }
    expect(await imported("a.csv", "--id", "sku", "--fields", "name,kind")).toMatchObject({ itemsWithoutRow: 291 });
    await writeFile(join(folder, "q.csv"), 'sku,"a,b",c\n1000,x,y\n');
    await imported("q.csv", "--id", "sku", "--fields", '"a,b", c');
    const quoted = await openIndexDirectory(out);
    expect(await quoted.items(await quoted.ordinals([1000]))).toEqual([{ id: 1000, fields: { "a,b": "x", c: "y" } }]);

    await writeFile(join(folder, "b.csv"), "id,x\n1000,1\n01000,2\n");
    await writeFile(join(folder, "c.csv"), "id,x\nq,1\n");
    for (const [items, more, message] of [
      ["a.csv", [], /--items .*a\.csv: expected --title, --fields, --facets or --numbers/],
      ["a.csv", ["--fields", "year"], /--items .*a\.csv: expected column id; got sku, name/],
      ["a.csv", [...named, "--fields", "other"], /expected column other; got sku/],
      ["b.csv", ["--fields", "x"], /"1000" and "01000" are one id, 1000/],
      ["c.csv", ["--fields", "x"], /none of its ids is in the index; it has ids such as "q", the index such as 1000/],
      ["d.csv", ["--fields", "x"], /d\.csv: not found/],
    ] as const)
      await expect(imported(items, ...more)).rejects.toThrow(message);
    await expect(poeem("import", file, "--from", "poeem", "--out", out, "--fields", "x")).rejects.toThrow(
      /--fields: expected --items beside it/,
    );
  });

  it("refuses what it cannot read, in a sentence", async () => {
    const folder = await mkdtemp(join(tmpdir(), "poeem-interop-"));
    const cut = join(folder, "cut.idx");
    await writeFile(cut, poeemFile().subarray(0, 1000));
    const arrive = (...args: string[]) => expect(poeem(...args)).rejects;
    await arrive("import", cut, "--from", "poeem", "--out", join(folder, "x")).toThrow(
      /cut\.idx: .*Poeem index: expected \d+ bytes for its header, got 1000/,
    );
    await arrive("import", join(folder, "none"), "--from", "poeem", "--out", "x").toThrow(/none cannot be read/);
    await writeFile(join(folder, "index.idx"), poeemFile());
    await poeem("import", join(folder, "index.idx"), "--from", "poeem", "--out", join(folder, "index"), "--json");
    await writeFile(join(folder, "odd.f32"), new Uint8Array(50));
    await arrive("search", "--index", join(folder, "index"), "--vectors", join(folder, "odd.f32")).toThrow(
      /expected a multiple of 48 bytes \(12 float32 per vector\), got 50/,
    );
    await arrive("search", "--index", join(folder, "index")).toThrow(/expected either --query or --vectors/);
    await arrive("search", "--index", join(folder, "index"), "-q", "x").toThrow(
      /"text" cannot be used: this index was published without a query tower/,
    );
  });
});
