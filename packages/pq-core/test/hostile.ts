import { createHash } from "node:crypto";
import { expect } from "vitest";
import { chunkKey } from "../src/format/chunk.ts";
import { type Artifact, type ArtifactInput, FormatError, type Index } from "../src/index.ts";
import { createCodebook, writeArtifact, writeDelta } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { normals, random, randomCodes } from "./support.ts";
import { toItemWords, type WordsOfItem } from "./word-rows.ts";

/**
 * A small artifact with everything in it: strings, fields, facets, numbers, a query tower; words where asked.
 *
 * @param sizes left out: the manifest lists all pages
 */
export async function smallArtifact(
  words?: (i: number) => WordsOfItem,
  sizes: Pick<ArtifactInput, "cellsPerPage" | "itemChunkBytes"> = {},
): Promise<Artifact> {
  const next = random(11);
  const n = 40;
  const codebook = createCodebook({
    dim: 4,
    metric: "cosine",
    nlist: 2,
    numSubQuantizers: 2,
    nbits: 4,
    byResidual: true,
    coarseCentroids: normals(8, next),
    centroids: normals(64, next),
  });
  const index = Array.from({ length: n }, (_, i) => i);
  return writeArtifact({
    codebook,
    ...randomCodes(codebook, n, 12),
    ids: index.map((i) => `id${i}`),
    fields: index.map((i) => ({ t: i })),
    facets: {
      parity: index.map((i) => (i % 2 === 0 ? "even" : "odd")),
      rare: index.map((i) => (i === 5 ? "yes" : undefined)),
    },
    numbers: { rank: index },
    queryTower: Uint8Array.of(1, 2, 3),
    ...sizes,
    ...(words === undefined
      ? {}
      : { words: toItemWords(index.map(words)), wordFacts: { rules: 2, dense: 1, words: 1, near: [0, 1] } }),
  });
}

/** The small artifact with two items added, one updated and two removed; `chunks` are those of the base too. */
export async function smallDelta(): Promise<Artifact> {
  const base = await smallArtifact();
  const index = await readAll(chunkMap(base), base.manifestBytes, true);
  const delta = await writeDelta(index, {
    items: {
      ...randomCodes(index.codebook, 3, 14),
      ids: ["id5", "new", "id100"],
      fields: [{ t: 5 }, { t: 50 }, { t: 51 }],
      facets: { parity: ["even", "odd", undefined], rare: ["yes", undefined, "no"] },
      numbers: { rank: [1, 2, Number.NaN] },
    },
    remove: ["id0", "id7"],
  });
  return { ...delta, chunks: [...base.chunks, ...delta.chunks] };
}

/** Opens an artifact and reads all there is to read. */
export async function readAll(
  chunks: ReadonlyMap<string, Uint8Array>,
  manifestBytes: Uint8Array,
  verify: boolean,
  kernelModule?: WebAssembly.Module,
): Promise<Index> {
  const source = {
    get: async (key: string) => {
      const bytes = chunks.get(key);
      if (bytes === undefined) throw new MissingChunk(key);
      return bytes;
    },
  };
  const index = await openWhole(source, manifestBytes, {
    verify,
    kernelModule,
    residentBytes: manifestBytes.length % 2 === 0 ? 0 : 1 << 20,
  });
  const { dim, numItems } = index.manifest;
  const query = new Float32Array(dim).fill(0.5);
  const n = Math.min(numItems, 50);
  const ordinals = Uint32Array.from({ length: n }, (_, i) => i);
  // By the name the file gives: an altered name is no damage that a reader could see.
  const [facet] = Object.keys(await index.facets());
  const filter = facet === undefined ? undefined : { facet, in: ["even"] };
  const { ordinals: found } = await index.search(query, { k: 5, nprobe: 2, filter, exclude: ["id3"] });
  for (const ordinal of found) if (ordinal >= numItems) throw new Error(`ordinal ${ordinal} of ${numItems} items`);
  await index.items(ordinals);
  await index.vectors(ordinals);
  await index.ordinals(["id0", "id39", "no"]);
  await index.queryTower();
  return index;
}

/** What the test's own source throws: the index must pass it on, it is not the format's fault. */
export class MissingChunk extends Error {
  override readonly name = "MissingChunk";
}

export function chunkMap(artifact: Artifact): Map<string, Uint8Array> {
  return new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
}

const sha = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** A manifest changed and its checksum made right again, so that the checks behind the checksum are reached. */
export function reseal(manifestBytes: Uint8Array, change: (manifest: Record<string, unknown>) => void): Uint8Array {
  const { checksum: _, ...rest } = JSON.parse(new TextDecoder().decode(manifestBytes)) as Record<string, unknown>;
  change(rest);
  return new TextEncoder().encode(JSON.stringify({ ...rest, checksum: sha(JSON.stringify(rest)) }));
}

/** One to three edits: a bit, a byte, an extreme word, a cut, a doubled stretch. */
export function mutate(original: Uint8Array, int: (n: number) => number): Uint8Array {
  let bytes = original;
  for (let edits = 1 + int(3); edits > 0; edits--) {
    const at = int(bytes.length);
    const kind = int(10);
    if (kind < 3) bytes[at]! ^= 1 << int(8);
    else if (kind < 5) bytes[at] = int(256);
    else if (kind < 8 && at + 4 <= bytes.length) {
      const extremes = [0, 1, 0x7f80_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, bytes.length, 40];
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(at - (at % 4), extremes[int(extremes.length)]!, true);
    } else if (kind === 8 && bytes.length > 1) bytes = bytes.slice(0, at + 1);
    else if (bytes.length < 100_000)
      bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(Math.max(0, at - 16)));
  }
  return bytes;
}

/** One fuzz run: reads a mutated input many times; only a FormatError may be thrown. */
export async function fuzz(
  runs: number,
  seed: number,
  read: (int: (n: number) => number, run: number) => unknown,
): Promise<void> {
  const next = random(seed);
  const int = (n: number): number => Math.floor(next() * n);
  const outcomes = { read: 0, refused: 0 };
  let mostBytes = 0;
  for (let run = 0; run < runs; run++) {
    if (run % 100 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers);
    try {
      const outcome = read(int, run);
      if (outcome instanceof Promise) await outcome;
      outcomes.read++;
    } catch (error) {
      if (!(error instanceof FormatError)) throw new Error(`run ${run}: ${error}`, { cause: error });
      outcomes.refused++;
    }
  }
  // The artifact declares 6 kB; a length that is believed would ask for gigabytes at once. The rest waits for
  // collection.
  expect(mostBytes).toBeLessThan(512 * 1024 * 1024);
  // Both ways must be well trodden, or the run shows little.
  expect(outcomes.read).toBeGreaterThan(runs / 20);
  expect(outcomes.refused).toBeGreaterThan(runs / 20);
}

/** Chunk `at` replaced, with its entry in the manifest made right: as if a hostile publisher had written it. */
export function replaceChunk(
  artifact: Artifact,
  at: number,
  bytes: Uint8Array,
): { chunks: Map<string, Uint8Array>; manifestBytes: Uint8Array } {
  const chunks = chunkMap(artifact);
  const entry = artifact.manifest.chunks[at]!;
  const before = artifact.manifest.chunks.slice(0, at);
  const seq = before.filter(({ kind, delta }) => kind === entry.kind && delta === entry.delta).length;
  const sha256 = sha(bytes);
  const key = chunkKey(entry.kind, seq, sha256);
  chunks.set(key, bytes);
  const manifestBytes = reseal(artifact.manifestBytes, (manifest) => {
    (manifest["chunks"] as object[])[at] = { ...entry, key, sha256, size: bytes.length };
  });
  return { chunks, manifestBytes };
}
