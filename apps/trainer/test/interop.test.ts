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
    floats(n),
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
      items: n,
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
    const ordinals = Uint32Array.from({ length: n }, (_, i) => i);
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
      items: n,
      idsFile: null,
    });
    const numeric = BigUint64Array.from(ids, BigInt);
    const nprobe = index.manifest.defaultNprobe;
    expect(new Uint8Array(await readFile(faiss))).toEqual(
      writeFaissIndex({ codebook: index.codebook, assignments, codes, ids: numeric, nprobe }),
    );
  });

  it("refuses what it cannot read, in a sentence", async () => {
    const folder = await mkdtemp(join(tmpdir(), "poeem-interop-"));
    const cut = join(folder, "cut.idx");
    await writeFile(cut, poeemFile().subarray(0, 1000));
    const arrive = (...args: string[]) => expect(poeem(...args)).rejects;
    await arrive("import", cut, "--from", "poeem", "--out", join(folder, "x")).toThrow(
      /Poeem index: expected \d+ bytes for its header, got 1000/,
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
