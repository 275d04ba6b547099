import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FormatError, type Metric } from "../src/index.ts";
import { readPoeemIndex, writeFaissIndex } from "../src/interop/index.ts";
import { createCodebook, encode, innerProductTable, writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, random } from "./support.ts";

// Made by: python bench/adc-faiss-vectors.py packages/pq-core/fixtures/faiss
const FOLDER = fileURLToPath(new URL("../fixtures/faiss", import.meta.url));

interface FaissCase {
  readonly dim: number;
  readonly numSubQuantizers: number;
  readonly nbits: 4 | 8;
  readonly nlist: number;
  readonly metric: Metric;
  readonly byResidual: boolean;
  readonly n: number;
  readonly k: number;
  readonly rotation: string | null;
  readonly coarseCentroids: string;
  readonly centroids: string;
  readonly vectors: string;
  readonly queries: string;
  readonly assignments: string;
  readonly codes: string;
  readonly tables: string;
  readonly ids: readonly (readonly number[])[];
  readonly scores: string;
  readonly file: string;
}

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));
const floats = (text: string): Float32Array => new Float32Array(bytes(text).buffer as ArrayBuffer);

describe.each(readdirSync(FOLDER))("what Faiss computes: %s", (file) => {
  const faiss = JSON.parse(readFileSync(`${FOLDER}/${file}`, "utf8")) as FaissCase;
  const codebook = createCodebook({
    ...faiss,
    rotation: faiss.rotation === null ? undefined : floats(faiss.rotation),
    coarseCentroids: floats(faiss.coarseCentroids),
    centroids: floats(faiss.centroids),
  });
  const vectors = floats(faiss.vectors);
  const assignments = new Uint32Array(bytes(faiss.assignments).buffer as ArrayBuffer);
  const codes = bytes(faiss.codes);
  const ids = Uint32Array.from({ length: faiss.n }, (_, i) => i);
  const queries = Array.from({ length: faiss.ids.length }, (_, i) =>
    floats(faiss.queries).subarray(i * faiss.dim, (i + 1) * faiss.dim),
  );

  it("the same codes", () => {
    // Faiss assigns to the cell of the largest inner product where the metric is that; the cells are given here.
    const encoded = encode(codebook, vectors, assignments);
    const different = encoded.codes.filter((code, i) => code !== codes[i]).length;
    // Two centroids may be equally near within rounding: one code in a thousand.
    expect(different).toBeLessThanOrEqual(codes.length / 1000);
  });

  it("the same tables within 1e-5", () => {
    const tables = floats(faiss.tables);
    for (const [i, query] of queries.entries()) {
      const own = innerProductTable(codebook, query);
      for (const [j, value] of own.entries()) expect(Math.abs(value - tables[i * own.length + j]!)).toBeLessThan(1e-5);
    }
  });

  it.each([undefined, "kernel.wasm", "kernel-relaxed.wasm"] as const)("the same top k, kernel %s", async (kernel) => {
    const artifact = await writeArtifact({ codebook, assignments, codes, ids });
    const kernelOption = kernel === undefined ? undefined : kernelModule(kernel);
    const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes, {
      kernelModule: kernelOption,
    });
    const scores = floats(faiss.scores);
    for (const [i, query] of queries.entries()) {
      const result = await index.search(query, { k: faiss.k, nprobe: Math.max(1, faiss.nlist) });
      const own = (await index.items(result.ordinals)).map(({ id }) => id);
      for (let rank = 0; rank < faiss.k; rank++) {
        // Faiss gives squared distances for l2, smaller better.
        const theirs = scores[i * faiss.k + rank]! * (faiss.metric === "l2" ? -1 : 1);
        expect(Math.abs(result.scores[rank]! - theirs)).toBeLessThan(2e-5 * Math.max(1, Math.abs(theirs)));
      }
      expect(new Set(own)).toEqual(new Set(faiss.ids[i]));
    }
  });

  it("the same file, byte by byte", () => {
    const nprobe = faiss.nlist;
    const own = writeFaissIndex({ codebook, assignments, codes, ids, nprobe });
    expect(Buffer.from(own).equals(Buffer.from(bytes(faiss.file)))).toBe(true);
  });
});

it("refuses to write a cosine index for Faiss", () => {
  const codebook = createCodebook({
    dim: 2,
    metric: "cosine",
    nlist: 0,
    numSubQuantizers: 1,
    nbits: 4,
    byResidual: false,
    centroids: new Float32Array(32),
  });
  const input = { codebook, assignments: new Uint32Array(1), codes: new Uint8Array(1), ids: Uint32Array.of(1) };
  expect(() => writeFaissIndex(input)).toThrow(/"metric" expected innerProduct or l2 for a Faiss file, got "cosine"/);
});

interface PoeemFile {
  readonly residual: number;
  readonly d: number;
  readonly J: number;
  readonly K: number;
  readonly D: number;
  readonly codebook: Float32Array;
  readonly ids: BigInt64Array;
  readonly norms: Float32Array;
  readonly codes: Uint8Array | Uint16Array;
  readonly centroids: Float32Array;
  readonly assignments: Uint32Array;
}

/** The layout of the original library: packed, without alignment or magic. */
function poeemBytes(file: PoeemFile): Uint8Array {
  const { residual, d, J, K, D, ids } = file;
  const header = Buffer.alloc(41);
  header.writeInt8(residual, 0);
  for (const [i, value] of [ids.length, d, J, K, D].entries()) header.writeBigInt64LE(BigInt(value), 1 + 8 * i);
  const codes = K <= 256 ? Uint8Array.from(file.codes) : file.codes;
  const columns = [file.codebook, ids, file.norms, codes, file.centroids, file.assignments];
  return new Uint8Array(
    Buffer.concat([
      header,
      ...columns.map((column) => Buffer.from(column.buffer, column.byteOffset, column.byteLength)),
    ]),
  );
}

function poeemFile(K: number, D: number, J: number, n = 150): PoeemFile {
  const next = random(9);
  const d = D * 2;
  const draw = (length: number): Float32Array => Float32Array.from({ length }, () => next() - 0.5);
  return {
    residual: 1,
    d,
    J,
    K,
    D,
    codebook: draw(D * K * 2),
    ids: BigInt64Array.from({ length: n }, (_, i) => BigInt(i * 7 + 1)),
    norms: draw(n),
    codes: Uint16Array.from({ length: n * D }, () => Math.floor(next() * K)),
    centroids: draw(J * d),
    assignments: Uint32Array.from({ length: n }, () => Math.floor(next() * J)),
  };
}

describe("the index file of the original Poeem library", () => {
  it.each([
    [128, 8, 5],
    [16, 4, 3],
    [10, 3, 2],
    // 150 items use less than 256 of them: the 16-bit codes are renumbered.
    [1000, 6, 4],
  ])("is read and searched: K %i, D %i, J %i", async (K, D, J) => {
    const file = poeemFile(K, D, J);
    const { input, numCentroidsUsed, norms } = readPoeemIndex(poeemBytes(file));
    expect([numCentroidsUsed, norms, input.codebook.nbits]).toEqual([K, "neither", K <= 16 ? 4 : 8]);
    const artifact = await writeArtifact(input);
    const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes, {
      kernelModule: kernelModule("kernel.wasm"),
    });
    const query = Float32Array.from({ length: file.d }, (_, i) => Math.sin(i));
    // The definition of the original: centroid of the cell plus codewords.
    const scores = Array.from(file.ids, (id, i) => {
      let score = 0;
      for (let x = 0; x < file.d; x++) {
        const codeword = file.codebook[(Math.floor(x / 2) * K + file.codes[i * D + Math.floor(x / 2)]!) * 2 + (x % 2)]!;
        score += query[x]! * (file.centroids[file.assignments[i]! * file.d + x]! + codeword);
      }
      return { id: Number(id), score };
    }).sort((a, b) => b.score - a.score);
    const result = await index.search(query, { k: 20, nprobe: J });
    const items = await index.items(result.ordinals);
    for (let rank = 0; rank < 20; rank++) expect(result.scores[rank]).toBeCloseTo(scores[rank]!.score, 5);
    expect(new Set(items.map(({ id }) => id))).toEqual(new Set(scores.slice(0, 20).map(({ id }) => id)));
  });

  it("tells which norm the file holds", () => {
    const file = poeemFile(16, 2, 2);
    const squares = Array.from(file.ids, (_, i) => {
      let square = 0;
      for (let x = 0; x < 4; x++) {
        square +=
          (file.centroids[file.assignments[i]! * 4 + x]! +
            file.codebook[((x >> 1) * 16 + file.codes[i * 2 + (x >> 1)]!) * 2 + (x % 2)]!) **
          2;
      }
      return square;
    });
    expect(readPoeemIndex(poeemBytes({ ...file, norms: Float32Array.from(squares) })).norms).toBe("squared norm");
    expect(readPoeemIndex(poeemBytes({ ...file, norms: Float32Array.from(squares, Math.sqrt) })).norms).toBe("norm");
  });

  it.each([
    [16, 4, 3],
    [1000, 6, 4],
  ])("leaves out items of norm 0, whatever else the file says of them: K %i, D %i, J %i", (K, D, J) => {
    const file = poeemFile(K, D, J);
    const isOut = (i: number): boolean => i % 7 === 3;
    const kept = [...file.ids.keys()].filter((i) => !isOut(i));
    const without = {
      ...file,
      ids: file.ids.filter((_, i) => !isOut(i)),
      norms: file.norms.filter((_, i) => !isOut(i)),
      codes: file.codes.filter((_, at) => !isOut(Math.floor(at / D))),
      assignments: file.assignments.filter((_, i) => !isOut(i)),
    };
    const marked = {
      ...file,
      // the same id many times, a cell and a code that there are not, and both zeros
      ids: file.ids.map((id, i) => (isOut(i) ? -1n : id)),
      norms: file.norms.map((norm, i) => (isOut(i) ? (i % 2 ? 0 : -0) : norm)),
      codes: file.codes.map((code, at) => (isOut(Math.floor(at / D)) ? K : code)),
      assignments: file.assignments.map((cell, i) => (isOut(i) ? 99 : cell)),
    };
    const { numUnsearchable, ...read } = readPoeemIndex(poeemBytes(marked));
    expect(numUnsearchable).toBe(file.ids.length - kept.length);
    expect({ ...read, numUnsearchable: 0 }).toEqual(readPoeemIndex(poeemBytes(without)));
    expect(Array.from(read.input.ids, Number)).toEqual(kept.map((i) => Number(file.ids[i])));
  });

  it("reads ids beyond 32 bits", () => {
    const file = poeemFile(16, 2, 2);
    const ids = file.ids.map((id, i) => (i === 5 ? 2n ** 40n + id : id));
    expect(readPoeemIndex(poeemBytes({ ...file, ids })).input.ids).toEqual(new BigUint64Array(ids.buffer));
  });

  const small = poeemFile(16, 4, 3);
  const good = poeemBytes(small);
  const edited = (at: number, value: bigint): Uint8Array => {
    const copy = good.slice();
    new DataView(copy.buffer).setBigInt64(at, value, true);
    return copy;
  };
  const wideFile = poeemFile(600, 2, 2, 300);
  it.each<[string, Uint8Array, RegExp]>([
    ["an empty file", new Uint8Array(0), /Poeem index: expected at least 41 bytes, got 0/],
    ["a cut file", good.subarray(0, good.length - 1), /expected \d+ bytes for its header, got \d+/],
    ["a byte too many", Uint8Array.of(...good, 0), /expected \d+ bytes for its header/],
    ["use_residual 2", Uint8Array.of(2, ...good.subarray(1)), /"use_residual" expected 0 or 1, got 2/],
    ["n negative", edited(1, -1n), /"n" expected from 0 to \d+, got -1/],
    ["n huge", edited(1, 1n << 62n), /"n" expected from 0 to/],
    ["K of 16-bit codes", edited(25, 65_536n), /expected \d+ bytes for its header/],
    ["K beyond 16 bits", edited(25, 65_537n), /"K" expected from 1 to 65536, got 65537/],
    [
      "16-bit codes that use more centroids than an artifact has",
      poeemBytes({ ...wideFile, codes: wideFile.codes.map((_, at) => (at % 2 === 0 ? 7 : at)) }),
      /"code" expected at most 256 centroids in use by each sub-quantizer, got 300 of 600 by sub-quantizer 1/,
    ],
    [
      "a 16-bit code beyond K",
      poeemBytes({ ...wideFile, codes: wideFile.codes.map(() => 600) }),
      /"code\[0\]" expected below 600, got 600/,
    ],
    [
      "an id twice",
      poeemBytes({ ...small, ids: small.ids.map((id) => id / 10n) }),
      /"id" expected no id twice, got \d+/,
    ],
    [
      "an id below 0",
      poeemBytes({ ...small, ids: small.ids.map((id) => -id) }),
      /"id\[0\]" expected at least 0, got -1/,
    ],
    [
      "items of norm 0 alone",
      poeemBytes({ ...small, norms: small.norms.map(() => 0) }),
      /expected an item that can be searched, got the norm 0 for all 150/,
    ],
    [
      "a centroid that is no number",
      poeemBytes({ ...small, centroids: small.centroids.map((x, i) => (i === 3 ? Number.NaN : x)) }),
      /coarseCentroids/,
    ],
    [
      "a cell that there is not",
      poeemBytes({ ...small, assignments: small.assignments.map((cell, i) => (i === 4 ? 3 : cell)) }),
      /"assignment\[4\]" expected below 3, got 3/,
    ],
    ["D that does not divide d", edited(33, 3n), /"D" expected a divisor of d 8, got 3/],
  ])("refuses %s", (_, file, message) => {
    expect(() => readPoeemIndex(file)).toThrow(FormatError);
    expect(() => readPoeemIndex(file)).toThrow(message);
  });
});
